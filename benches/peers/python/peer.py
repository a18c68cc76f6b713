"""What `alipay-auth-url` does, as one would write it for Python: verify the signature, use up nonce and serialNo in one
conditional write, answer with a link."""

import base64
import hashlib
import json
import os
import secrets
import time
from urllib.parse import urlencode

import boto3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

KEY = load_pem_public_key(os.environ["PUBLIC_KEY"].encode())
TABLE, APP_ID = os.environ["AUTHLINK_TABLE"], os.environ["AUTHLINK_ALIPAY_APP_ID"]
AUTHORIZE_PAGE = os.environ["AUTHLINK_ALIPAY_AUTHORIZE_URL"]
dynamo = boto3.client("dynamodb")


def answer(status, message, data=None):
    body = json.dumps({"status": status, "message": message, "data": data or {}})
    return {"statusCode": 200, "headers": {"content-type": "application/json; charset=utf-8"}, "body": body}


def put(texts, numbers):
    item = {name: {"S": text} for name, text in texts.items()} | {name: {"N": str(n)} for name, n in numbers.items()}
    return {"Put": {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(pk)", "Item": item}}


def handler(event, _context):
    headers, body, now = event["headers"], event["body"], int(time.time() * 1000)
    business, nonce, timestamp, sign = (headers.get(name) for name in ("businessid", "nonce", "timestamp", "sign"))
    if not (business and nonce and timestamp and sign):
        return answer(3, "a header is missing")
    if abs(now - int(timestamp)) > 300_000:
        return answer(5, "the timestamp is out of the window")
    try:
        signed = f"businessId={business}&nonce={nonce}&timestamp={timestamp}{body}".encode()
        KEY.verify(base64.b64decode(sign), signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return answer(2, "signature verification failed")
    wanted = json.loads(body)
    if wanted["businessId"] != business or not all(wanted.get(name) for name in ("merchantId", "serialNo", "userId")):
        return answer(3, "a parameter is missing")

    reference = hashlib.sha256(f"{business}\n{wanted['serialNo']}".encode()).hexdigest()[:32]
    secret = secrets.token_hex(16)
    page = f"https://{event['requestContext']['domainName']}/v1/openapi/auth/alipay/callback"
    query = {"app_id": APP_ID, "scope": "auth_base", "redirect_uri": page, "state": reference + secret}
    link, digest = f"{AUTHORIZE_PAGE}?{urlencode(query)}", hashlib.sha256(secret.encode()).hexdigest()
    texts = {name: wanted[name] for name in ("businessId", "merchantId", "serialNo", "userId")}
    texts |= {"pk": f"authorization#{reference}", "status": "ISSUED", "callback": wanted.get("callbackUrl", "")}
    times = {"ttl": now // 1000 + 400 * 86_400, "createdAt": now, "expiresAt": now + 86_400_000}
    record = put(texts | {"stateDigest": digest, "link": link}, times)
    used = put({"pk": f"nonce#{business}#{nonce}"}, {"ttl": now // 1000 + 660})
    try:
        dynamo.transact_write_items(ClientRequestToken=secrets.token_hex(16), TransactItems=[used, record])
    except dynamo.exceptions.TransactionCanceledException:
        return answer(8, "this serialNo or this nonce was used before")
    print(json.dumps({"route": "alipay-auth-url", "status": 0, "business": business, "reference": reference}))
    return answer(0, "success", {"alipayAuthUrl": link})
