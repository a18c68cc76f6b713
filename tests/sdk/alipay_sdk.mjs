// Exchanges a code at a gateway with Alipay's official SDK for Node, unmodified, and has the SDK check the answers.
//
// node alipay_sdk.mjs --gateway http://127.0.0.1:8788/gateway.do --app-id ID --app-private-key app.pem
//                     --alipay-public-key alipay.pem --auth-code CODE
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { AlipaySdk } from "alipay-sdk";

const METHOD = "alipay.system.oauth.token";

function demand(holds, message) {
  if (!holds) throw new Error(message);
}

const names = ["gateway", "app-id", "app-private-key", "alipay-public-key", "auth-code"];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
const missing = names.filter((name) => !values[name]);
if (missing.length > 0) {
  console.error(`missing: ${missing.map((name) => `--${name}`).join(" ")}`);
  process.exit(2);
}

function sdk(alipayPublicKey) {
  const privateKey = createPrivateKey(readFileSync(values["app-private-key"], "utf8"));
  return new AlipaySdk({
    appId: values["app-id"],
    gateway: values.gateway,
    keyType: "PKCS8",
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }),
    alipayPublicKey,
  });
}

const alipayKey = createPublicKey(readFileSync(values["alipay-public-key"], "utf8"));
const right = sdk(alipayKey.export({ type: "spki", format: "pem" }));
const { publicKey: strange } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const wrong = sdk(strange.export({ type: "spki", format: "pem" }));
const exchange = (client, options) =>
  client.exec(METHOD, { grant_type: "authorization_code", code: values["auth-code"] }, options);

try {
  const granted = await exchange(right, { validateSign: true });
  demand(granted.accessToken && granted.refreshToken, `no tokens: ${JSON.stringify(granted)}`);
  demand(granted.openId || granted.userId, `nobody named: ${JSON.stringify(granted)}`);
  demand(granted.expiresIn > 0 && granted.reExpiresIn > 0, `no life times: ${JSON.stringify(granted)}`);

  // The SDK looks for the method's own node when it checks a signature, so it cannot check error_response.
  const refused = await exchange(right);
  demand(refused.subCode === "isv.code-invalid", `the spent code was not refused: ${JSON.stringify(refused)}`);

  const doubt = await exchange(wrong, { validateSign: true }).then(() => undefined, (error) => error);
  demand(doubt?.message.includes("验签失败"), `a wrong key was not noticed: ${doubt}`);

  console.log(`ok: alipay-sdk (Node) ${granted.openId ?? granted.userId}, then ${refused.subCode}`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exit(1);
}
