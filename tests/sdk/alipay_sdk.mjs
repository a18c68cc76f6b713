// Exchanges a code at a gateway with Alipay's official SDK for Node, unmodified, and has the SDK check the answers.
//
// node alipay_sdk.mjs --gateway http://127.0.0.1:8788/gateway.do --app-id ID --app-private-key app.pem
//                     --alipay-public-key alipay.pem --auth-code CODE
// With certificates: --app-certificate app.crt --alipay-certificate alipay.crt --root-certificates roots.crt, and
// without --alipay-public-key.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { AlipaySdk } from "alipay-sdk";

const METHOD = "alipay.system.oauth.token";

function demand(holds, message) {
  if (!holds) throw new Error(message);
}

const always = ["gateway", "app-id", "app-private-key", "auth-code"];
const certificates = ["app-certificate", "alipay-certificate", "root-certificates"];
const names = [...always, "alipay-public-key", ...certificates];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
const certified = certificates.some((name) => values[name]);
const missing = [...always, ...(certified ? certificates : ["alipay-public-key"])].filter((name) => !values[name]);
if (missing.length > 0) {
  console.error(`missing: ${missing.map((name) => `--${name}`).join(" ")}`);
  process.exit(2);
}

function sdk(alipay) {
  const privateKey = createPrivateKey(readFileSync(values["app-private-key"], "utf8"));
  return new AlipaySdk({
    appId: values["app-id"],
    gateway: values.gateway,
    keyType: "PKCS8",
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }),
    ...alipay,
  });
}

function byKeys() {
  const { publicKey: strange } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = [createPublicKey(readFileSync(values["alipay-public-key"], "utf8")), strange];
  return keys.map((key) => sdk({ alipayPublicKey: key.export({ type: "spki", format: "pem" }) }));
}

function byCertificates() {
  const files = { appCertPath: values["app-certificate"], alipayRootCertPath: values["root-certificates"] };
  // Our own stands in for a certificate that is not Alipay's.
  const alipays = [values["alipay-certificate"], values["app-certificate"]];
  return alipays.map((file) => sdk({ ...files, alipayPublicCertPath: file }));
}

const [right, wrong] = certified ? byCertificates() : byKeys();
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

  const by = certified ? "certificates" : "keys";
  console.log(`ok: alipay-sdk (Node) by ${by} ${granted.openId ?? granted.userId}, then ${refused.subCode}`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exit(1);
}
