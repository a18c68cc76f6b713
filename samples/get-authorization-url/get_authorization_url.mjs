// Asks authlink for a link by Alibaba Cloud's SDK. Needs `npm install @alicloud/dypnsapi20170525`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { default: Client, GetAuthorizationUrlRequest } = require("@alicloud/dypnsapi20170525");
const { $OpenApiUtil } = require("@alicloud/openapi-core");

// With its scheme: an SDK without a host would call Alibaba Cloud itself.
const endpoint = new URL(process.env.ENDPOINT);
const client = new Client(
  new $OpenApiUtil.Config({
    accessKeyId: process.env.ACCESS_KEY_ID,
    accessKeySecret: readFileSync(process.env.ACCESS_KEY_SECRET_FILE, "utf8").trim(),
    endpoint: endpoint.host,
    protocol: endpoint.protocol.replace(":", "").toUpperCase(),
    regionId: "cn-hangzhou",
  }),
);

const [phoneNo, scheme, endDate] = process.argv.slice(2);
const request = new GetAuthorizationUrlRequest({ phoneNo, schemeId: Number(scheme), endDate });
const { body } = await client.getAuthorizationUrl(request);
console.error(`RequestId ${body.requestId}`);
console.log(body.data.authorizationUrl);
