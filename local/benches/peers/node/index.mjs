// What `alipay-auth-url` does, as one would write it for Node: verify the signature, use up nonce and serialNo in one
// conditional write, answer with a link.
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';

const key = createPublicKey(process.env.PUBLIC_KEY);
const dynamo = new DynamoDBClient({});
const TableName = process.env.AUTHLINK_TABLE;
const WINDOW_MS = 300_000;

const answer = (status, message, data = {}) => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify({ status, message, data }),
});

export const handler = async (event) => {
  const { businessid, nonce, timestamp, sign } = event.headers;
  if (!businessid || !nonce || !timestamp || !sign) return answer(3, 'a header is missing');
  const now = Date.now();
  if (Math.abs(now - Number(timestamp)) > WINDOW_MS) return answer(5, 'the timestamp is out of the window');
  const signed = `businessId=${businessid}&nonce=${nonce}&timestamp=${timestamp}${event.body}`;
  if (!verify('RSA-SHA256', Buffer.from(signed), key, Buffer.from(sign, 'base64'))) {
    return answer(2, 'signature verification failed');
  }
  const { merchantId, businessId, serialNo, userId, callbackUrl } = JSON.parse(event.body);
  if (businessId !== businessid || !merchantId || !serialNo || !userId) return answer(3, 'a parameter is missing');

  const id = createHash('sha256').update(`${businessId}\n${serialNo}`).digest('hex').slice(0, 32);
  const secret = randomBytes(16).toString('hex');
  const link = new URL(process.env.AUTHLINK_ALIPAY_AUTHORIZE_URL);
  link.searchParams.set('app_id', process.env.AUTHLINK_ALIPAY_APP_ID);
  link.searchParams.set('scope', 'auth_base');
  link.searchParams.set('redirect_uri', `https://${event.requestContext.domainName}/v1/openapi/auth/alipay/callback`);
  link.searchParams.set('state', id + secret);
  const isFree = { ConditionExpression: 'attribute_not_exists(pk)', TableName };
  try {
    await dynamo.send(new TransactWriteItemsCommand({
      ClientRequestToken: randomBytes(16).toString('hex'),
      TransactItems: [
        { Put: { ...isFree, Item: {
          pk: { S: `nonce#${businessId}#${nonce}` },
          ttl: { N: `${Math.ceil((now + 660_000) / 1000)}` },
        } } },
        { Put: { ...isFree, Item: {
          pk: { S: `authorization#${id}` },
          ttl: { N: `${Math.ceil(now / 1000) + 400 * 86_400}` },
          status: { S: 'ISSUED' },
          businessId: { S: businessId },
          merchantId: { S: merchantId },
          serialNo: { S: serialNo },
          userId: { S: userId },
          callback: { S: callbackUrl ?? '' },
          stateDigest: { S: createHash('sha256').update(secret).digest('hex') },
          createdAt: { N: `${now}` },
          expiresAt: { N: `${now + 86_400_000}` },
          link: { S: link.href },
        } } },
      ],
    }));
  } catch (error) {
    if (error.name !== 'TransactionCanceledException') throw error;
    return answer(8, 'this serialNo or this nonce was used before');
  }
  console.log(JSON.stringify({ route: 'alipay-auth-url', status: 0, business: businessId, reference: id }));
  return answer(0, 'success', { alipayAuthUrl: link.href });
};
