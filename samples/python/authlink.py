#!/usr/bin/env python3
"""Asks authlink for a link, queries it, and receives the callback. Needs `pip install cryptography`."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

ENDPOINT = os.environ["ENDPOINT"]
BUSINESS_ID = os.environ["BUSINESS_ID"]
SIGN_TYPE = os.environ.get("SIGN_TYPE", "SHA256-RSA")
SIGNED_HEADERS = ("businessId", "nonce", "signType", "timestamp")


def string_to_sign(headers: dict[str, str], body: bytes) -> bytes:
    pairs = [f"{name}={headers[name]}" for name in SIGNED_HEADERS if headers.get(name)]
    return "&".join(pairs).encode() + body


def md5(text: bytes) -> str:
    key = Path(os.environ["MD5_KEY_FILE"]).read_bytes().strip()
    return hashlib.md5(text + key).hexdigest().upper()


def sign(text: bytes) -> str:
    if SIGN_TYPE == "MD5":
        return md5(text)
    key = load_pem_private_key(Path(os.environ["PRIVATE_KEY_FILE"]).read_bytes(), None)
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def verify(text: bytes, signature: str) -> bool:
    # The kind is the one that was agreed on, never the one that a callback's header names.
    if SIGN_TYPE == "MD5":
        return hmac.compare_digest(md5(text).encode(), signature.encode())
    key = load_pem_public_key(Path(os.environ["AUTHLINK_PUBLIC_KEY_FILE"]).read_bytes())
    try:
        key.verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def call(path: str, fields: dict[str, str]) -> dict:
    # Serialised once: what is signed and what is sent are the same bytes.
    body = json.dumps({"merchantId": os.environ["MERCHANT_ID"], "businessId": BUSINESS_ID, **fields}).encode()
    headers = {
        "businessId": BUSINESS_ID,
        "nonce": secrets.token_hex(16),
        "timestamp": str(time.time_ns() // 1_000_000),
        "signType": SIGN_TYPE,
    }
    headers["sign"] = sign(string_to_sign(headers, body))
    headers["Content-Type"] = "application/json; charset=utf-8"
    request = urllib.request.Request(f"{ENDPOINT}/v1/openapi/auth/alipay/{path}", body, headers)
    with urllib.request.urlopen(request, timeout=35) as answer:
        return json.load(answer)


def save(user: dict) -> None:
    # Goes into the database, under the unique serialNo: a callback may come more than once.
    print(user["serialNo"], user["userId"], user.get("openId") or user["alipayUserId"], flush=True)


class Callback(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: self.headers.get(name, "") for name in SIGNED_HEADERS}
        genuine = verify(string_to_sign(headers, body), self.headers.get("sign", ""))
        if genuine and headers["businessId"] == BUSINESS_ID:
            save(json.loads(body))
            self.reply(200, b"SUCCESS")
        else:
            self.reply(401, b"FAIL")

    def reply(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    match sys.argv[1:]:
        case ["link", serial_no, user_id, callback_url]:
            answer = call("url", {"serialNo": serial_no, "userId": user_id, "callbackUrl": callback_url})
            if "alipayAuthUrl" not in answer["data"]:
                sys.exit(f"status {answer['status']}: {answer['message']}")
            print(answer["data"]["alipayAuthUrl"])
        case ["query", serial_no]:
            print(json.dumps(call("query", {"serialNo": serial_no}), ensure_ascii=False))
        case ["listen", port]:
            ThreadingHTTPServer(("127.0.0.1", int(port)), Callback).serve_forever()
        case _:
            sys.exit("usage: authlink.py link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO | listen PORT")


if __name__ == "__main__":
    main()
