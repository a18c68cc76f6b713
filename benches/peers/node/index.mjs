// What `alipay-auth-url` does, as one would write it for Node: verify the signature, use up nonce and serialNo in one
// conditional write, answer with a link.
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';

const key = createPublicKey(process.env.PUBLIC_KEY);
const dynamo = new DynamoDBClient({});
const digest = (text) => createHash('sha256').update(text).digest('hex');
const seconds = (millis) => ({ N: `${Math.ceil(millis / 1000)}` });
const put = (Item) => ({
  Put: { TableName: process.env.AUTHLINK_TABLE, ConditionExpression: 'attribute_not_exists(pk)', Item },
});
const answer = (status, message, data = {}) => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify({ status, message, data }),
});

export const handler = async ({ headers: { businessid, nonce, timestamp, sign }, body, requestContext }) => {
  if (!businessid || !nonce || !timestamp || !sign) return answer(3, 'a header is missing');
  const now = Date.now();
  if (Math.abs(now - Number(timestamp)) > 300_000) return answer(5, 'the timestamp is out of the window');
  const signed = Buffer.from(`businessId=${businessid}&nonce=${nonce}&timestamp=${timestamp}${body}`);
  if (!verify('RSA-SHA256', signed, key, Buffer.from(sign, 'base64'))) return answer(2, 'signature verification failed');
  const { merchantId, businessId, serialNo, userId, callbackUrl } = JSON.parse(body);
  if (businessId !== businessid || !merchantId || !serialNo || !userId) return answer(3, 'a parameter is missing');

  const id = digest(`${businessId}\n${serialNo}`).slice(0, 32);
  const secret = randomBytes(16).toString('hex');
  const link = new URL(process.env.AUTHLINK_ALIPAY_AUTHORIZE_URL);
  const redirect_uri = `https://${requestContext.domainName}/v1/openapi/auth/alipay/callback`;
  const query = { app_id: process.env.AUTHLINK_ALIPAY_APP_ID, scope: 'auth_base', redirect_uri, state: id + secret };
  link.search = new URLSearchParams(query);
  const texts = { status: 'ISSUED', businessId, merchantId, serialNo, userId, callback: callbackUrl ?? '', link: link.href };
  const record = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { S: text }]));
  Object.assign(record, { pk: { S: `authorization#${id}` }, ttl: seconds(now + 400 * 86_400_000) });
  Object.assign(record, { stateDigest: { S: digest(secret) }, createdAt: { N: `${now}` }, expiresAt: { N: `${now + 86_400_000}` } });
  const used = { pk: { S: `nonce#${businessId}#${nonce}` }, ttl: seconds(now + 660_000) };
  try {
    const ClientRequestToken = randomBytes(16).toString('hex');
    await dynamo.send(new TransactWriteItemsCommand({ ClientRequestToken, TransactItems: [put(used), put(record)] }));
  } catch (error) {
    if (error.name !== 'TransactionCanceledException') throw error;
    return answer(8, 'this serialNo or this nonce was used before');
  }
  console.log(JSON.stringify({ route: 'alipay-auth-url', status: 0, business: businessId, reference: id }));
  return answer(0, 'success', { alipayAuthUrl: link.href });
};
