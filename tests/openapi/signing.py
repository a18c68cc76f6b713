"""Signatures as the requests leave: over the bytes that are sent, whatever made them."""

import base64
import hashlib
import hmac
import secrets
import time
import urllib.parse
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from requests import PreparedRequest
from requests.auth import AuthBase

FORM = "application/x-www-form-urlencoded"


def sent_bytes(request: PreparedRequest) -> bytes:
    body = request.body or b""
    return body.encode() if isinstance(body, str) else body


@dataclass
class OpenApi(AuthBase):
    """The open API's signature: RSA, or MD5 if the header `signType` says so."""

    business_id: str
    private_key: RSAPrivateKey
    md5_key: str

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["businessId"] = self.business_id
        request.headers["nonce"] = secrets.token_hex(16)
        request.headers["timestamp"] = str(time.time_ns() // 1_000_000)
        names = ("businessId", "nonce", "signType", "timestamp")
        pairs = [f"{name}={request.headers[name]}" for name in names if request.headers.get(name)]
        text = "&".join(pairs).encode() + sent_bytes(request)
        if request.headers.get("signType") == "MD5":
            request.headers["sign"] = hashlib.md5(text + self.md5_key.encode()).hexdigest().upper()
        else:
            request.headers["sign"] = base64.b64encode(self.private_key.sign(text, PKCS1v15(), SHA256())).decode()
        return request


@dataclass
class AlibabaCloud(AuthBase):
    """Alibaba Cloud's signature V1, over the parameters of the query and of a form."""

    access_key_id: str
    secret: str

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers.pop("Authorization", None)
        url = urllib.parse.urlsplit(request.url)
        own = {
            "Action": "GetAuthorizationUrl",
            "Version": "2017-05-25",
            "AccessKeyId": self.access_key_id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": secrets.token_hex(16),
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        given = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        query = [(name, value) for name, value in given if name not in own and name != "Signature"] + list(own.items())
        form = self.form(request)
        canonical = "&".join(sorted(f"{encoded(name)}={encoded(value)}" for name, value in query + form))
        text = f"{request.method}&%2F&{encoded(canonical)}"
        tag = hmac.digest(f"{self.secret}&".encode(), text.encode(), hashlib.sha1)
        query.append(("Signature", base64.b64encode(tag).decode()))
        request.url = urllib.parse.urlunsplit(url._replace(query=urllib.parse.urlencode(query)))
        return request

    @staticmethod
    def form(request: PreparedRequest) -> list[tuple[str, str]]:
        if not request.headers.get("Content-Type", "").startswith(FORM):
            return []
        return urllib.parse.parse_qsl(sent_bytes(request).decode(), keep_blank_values=True)


def encoded(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")
