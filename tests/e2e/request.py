"""Requests for a link and queries, signed by code that knows the open API's documents alone."""

import base64
import hashlib
import json
import secrets
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from parties import BUSINESS_ID, MERCHANT_ID, fetch

LINK_PATH = "/v1/openapi/auth/alipay/url"
QUERY_PATH = "/v1/openapi/auth/alipay/query"


@dataclass(kw_only=True)
class SignedRequest:
    """One request; sending it twice sends the same bytes."""

    path: str
    key: Path
    md5: bool = False
    business_id: str = BUSINESS_ID
    merchant_id: str = MERCHANT_ID
    serial_no: str = field(default_factory=lambda: f"S{time.time_ns()}")
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    timestamp: str = field(default_factory=lambda: str(time.time_ns() // 1_000_000))

    def fields(self) -> dict[str, str]:
        return {"merchantId": self.merchant_id, "businessId": self.business_id, "serialNo": self.serial_no}

    def body(self) -> bytes:
        return json.dumps(self.fields(), separators=(",", ":")).encode()

    def headers(self) -> dict[str, str]:
        headers = {
            "businessId": self.business_id,
            "nonce": self.nonce,
            "signType": "MD5" if self.md5 else "SHA256-RSA",
            "timestamp": self.timestamp,
        }
        text = "&".join(f"{name}={value}" for name, value in sorted(headers.items())).encode() + self.body()
        headers["sign"] = self.md5_sign(text) if self.md5 else self.rsa_sign(text)
        return headers

    def md5_sign(self, text: bytes) -> str:
        return hashlib.md5(text + self.key.read_bytes()).hexdigest().upper()

    def rsa_sign(self, text: bytes) -> str:
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()

    def send(self, api: str) -> dict:
        """The answer's `status`, `message` and `data`."""
        headers = {"Content-Type": "application/json; charset=utf-8", **self.headers()}
        status, _, text = fetch(urllib.request.Request(api + self.path, self.body(), headers))
        assert status == 200, f"{status} {text}"
        return json.loads(text)


@dataclass(kw_only=True)
class LinkRequest(SignedRequest):
    path: str = LINK_PATH
    callback_url: str

    @property
    def user_id(self) -> str:
        """Nobody else's, so that it can be looked for, and the same whenever the serialNo is."""
        return f"user-of-{self.serial_no}"

    def fields(self) -> dict[str, str]:
        return {**super().fields(), "userId": self.user_id, "callbackUrl": self.callback_url}


@dataclass(kw_only=True)
class QueryRequest(SignedRequest):
    path: str = QUERY_PATH
