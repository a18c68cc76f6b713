#!/usr/bin/env node
// Asks authlink for a link, queries it, and receives the callback. Node 20; no packages.

import { createHash, randomUUID, sign, timingSafeEqual, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { ENDPOINT, BUSINESS_ID, MERCHANT_ID, SIGN_TYPE = 'SHA256-RSA' } = process.env;
const SIGNED_HEADERS = ['businessId', 'nonce', 'signType', 'timestamp'];

function stringToSign(headers, body) {
  const pairs = SIGNED_HEADERS.filter((name) => headers[name]).map((name) => `${name}=${headers[name]}`);
  return Buffer.concat([Buffer.from(pairs.join('&')), body]);
}

function md5(text) {
  const key = readFileSync(process.env.MD5_KEY_FILE, 'utf8').trim();
  return createHash('md5').update(text).update(key).digest('hex').toUpperCase();
}

function signatureOf(text) {
  if (SIGN_TYPE === 'MD5') return md5(text);
  return sign('sha256', text, readFileSync(process.env.PRIVATE_KEY_FILE)).toString('base64');
}

function isGenuine(text, signature) {
  // The kind is the one that was agreed on, never the one that a callback's header names.
  if (SIGN_TYPE === 'MD5') {
    const [ours, theirs] = [Buffer.from(md5(text)), Buffer.from(signature)];
    return ours.length === theirs.length && timingSafeEqual(ours, theirs);
  }
  const key = readFileSync(process.env.AUTHLINK_PUBLIC_KEY_FILE);
  return verify('sha256', text, key, Buffer.from(signature, 'base64'));
}

async function call(path, fields) {
  // Serialised once: what is signed and what is sent are the same bytes.
  const body = Buffer.from(JSON.stringify({ merchantId: MERCHANT_ID, businessId: BUSINESS_ID, ...fields }));
  const headers = {
    businessId: BUSINESS_ID,
    nonce: randomUUID(),
    timestamp: String(Date.now()),
    signType: SIGN_TYPE,
  };
  headers.sign = signatureOf(stringToSign(headers, body));
  headers['Content-Type'] = 'application/json; charset=utf-8';
  const answer = await fetch(`${ENDPOINT}/v1/openapi/auth/alipay/${path}`, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.timeout(35_000),
  });
  return answer.json();
}

function save({ serialNo, userId, openId, alipayUserId }) {
  // Goes into the database, under the unique serialNo: a callback may come more than once.
  console.log(serialNo, userId, openId ?? alipayUserId);
}

async function receive(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  // Node gives the names of headers in lower case.
  const headers = Object.fromEntries(SIGNED_HEADERS.map((name) => [name, request.headers[name.toLowerCase()]]));
  const genuine = isGenuine(stringToSign(headers, body), request.headers.sign ?? '');
  if (genuine && headers.businessId === BUSINESS_ID) {
    save(JSON.parse(body));
    response.end('SUCCESS');
  } else {
    response.writeHead(401).end('FAIL');
  }
}

function listen(port) {
  const server = createServer((request, response) => {
    receive(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end('FAIL');
    });
  });
  server.listen(Number(port), '127.0.0.1');
}

const [command, ...given] = process.argv.slice(2);
if (command === 'link' && given.length === 3) {
  const [serialNo, userId, callbackUrl] = given;
  const { status, message, data } = await call('url', { serialNo, userId, callbackUrl });
  if (!data.alipayAuthUrl) throw new Error(`status ${status}: ${message}`);
  console.log(data.alipayAuthUrl);
} else if (command === 'query' && given.length === 1) {
  console.log(JSON.stringify(await call('query', { serialNo: given[0] })));
} else if (command === 'listen' && given.length === 1) {
  listen(given[0]);
} else {
  console.error('usage: authlink.mjs link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO | listen PORT');
  process.exitCode = 2;
}
