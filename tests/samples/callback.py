"""Callbacks as authlink signs them, and as somebody else would."""

import base64
import hashlib
import time
import urllib.request
import uuid
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from parties import fetch


@dataclass
class Callback:
    """A callback that is not signed yet."""

    business_id: str
    body: bytes
    sign_type: str | None = None
    nonce: str = field(default_factory=lambda: f"authlink-{uuid.uuid4()}")
    timestamp: str = field(default_factory=lambda: str(time.time_ns() // 1_000_000))

    def string_to_sign(self) -> bytes:
        sign_type = f"&signType={self.sign_type}" if self.sign_type else ""
        head = f"businessId={self.business_id}&nonce={self.nonce}{sign_type}&timestamp={self.timestamp}"
        return head.encode() + self.body

    def by_rsa(self, key: RSAPrivateKey) -> str:
        return base64.b64encode(key.sign(self.string_to_sign(), PKCS1v15(), SHA256())).decode()

    def by_md5(self, key: str) -> str:
        return hashlib.md5(self.string_to_sign() + key.encode()).hexdigest().upper()

    def send(self, url: str, sign: str | None, body: bytes | None = None) -> str:
        """The answer's text; an answer with another status than 200 says nothing that would count."""
        headers = {
            "businessId": self.business_id,
            "nonce": self.nonce,
            "timestamp": self.timestamp,
            "Content-Type": "application/json; charset=utf-8",
        }
        headers |= {"sign": sign} if sign is not None else {}
        headers |= {"signType": self.sign_type} if self.sign_type else {}
        status, _, text = fetch(urllib.request.Request(url, self.body if body is None else body, headers))
        return text.strip() if status == 200 else f"{status} {text.strip()}"
