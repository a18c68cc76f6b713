// A call of GetAuthorizationUrl as V1 has it: everything in the query, signed with HMAC-SHA1.
import { createHmac, randomUUID } from "node:crypto";

/** Strict: letters, digits, and `-_.~` stay. */
function encoded(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Asks `authlink` for a link; what it answers. */
export async function getAuthorizationUrl(authlink, accessKeyId, secret, parameters) {
  const all = {
    ...parameters,
    Action: "GetAuthorizationUrl",
    Version: "2017-05-25",
    Format: "JSON",
    AccessKeyId: accessKeyId,
    SignatureMethod: "HMAC-SHA1",
    SignatureVersion: "1.0",
    SignatureNonce: randomUUID(),
    Timestamp: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  };
  const canonical = Object.keys(all).sort().map((name) => `${encoded(name)}=${encoded(all[name])}`).join("&");
  const signature = createHmac("sha1", `${secret}&`).update(`GET&%2F&${encoded(canonical)}`).digest("base64");
  const answer = await fetch(new URL(`/?${canonical}&Signature=${encoded(signature)}`, authlink));
  return answer.json();
}
