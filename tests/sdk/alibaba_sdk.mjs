// One call by Alibaba Cloud's official SDK for Node, unmodified; prints what came of it as a line of JSON.
//
// node alibaba_sdk.mjs '{"ask": "link", "host": "127.0.0.1:8787", "protocol": "http", "accessKeyId": …, "secret": …,
//                        "phone": …, "scheme": …}'
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { default: Client, GetAuthTokenRequest, GetAuthorizationUrlRequest } = require("@alicloud/dypnsapi20170525");
const { $OpenApiUtil, AlibabaCloudError, OpenApiUtil } = require("@alicloud/openapi-core");
const { RuntimeOptions } = require("@darabonba/typescript");

const call = JSON.parse(process.argv[2]);
if (call.nonce) OpenApiUtil.getNonce = () => call.nonce;
if (call.timestamp) OpenApiUtil.getTimestamp = () => call.timestamp;

const client = new Client(
  new $OpenApiUtil.Config({
    accessKeyId: call.accessKeyId,
    accessKeySecret: call.secret,
    securityToken: call.token ?? undefined,
    endpoint: call.host,
    protocol: call.protocol.toUpperCase(),
    regionId: "cn-hangzhou",
  }),
);

const asking = {
  link: () =>
    client.getAuthorizationUrl(
      new GetAuthorizationUrlRequest({ phoneNo: call.phone, schemeId: call.scheme, endDate: call.endDate }),
    ),
  "another-action": () =>
    client.getAuthToken(new GetAuthTokenRequest({ url: "https://example.com/", origin: "https://example.com" })),
  // The SDK's generic call without credentials; with them, an empty AccessKeyId stays on this side.
  "without-access-key": () =>
    client.callApi(
      new $OpenApiUtil.Params({
        action: "GetAuthorizationUrl",
        version: "2017-05-25",
        protocol: "HTTP",
        pathname: "/",
        method: "POST",
        authType: "Anonymous",
        style: "RPC",
        reqBodyType: "formData",
        bodyType: "json",
      }),
      new $OpenApiUtil.OpenApiRequest({ query: { PhoneNo: call.phone, SchemeId: String(call.scheme) } }),
      new RuntimeOptions({}),
    ),
};

try {
  const { body } = await asking[call.ask]();
  const granted = [body.code, body.message, body.requestId, body.data.authorizationUrl];
  console.log(JSON.stringify({ granted }));
} catch (error) {
  if (!(error instanceof AlibabaCloudError)) throw error;
  const { name, statusCode, code, message, requestId, retryAfter, data } = error;
  console.log(JSON.stringify({ error: { name, statusCode, code, message, requestId, retryAfter, data } }));
}
