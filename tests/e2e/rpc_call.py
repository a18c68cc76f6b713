"""Calls of GetAuthorizationUrl, signed by code that knows Alibaba Cloud's documents alone."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

ACCESS_KEY_ID = "demoAccessKeyId"
ACCOUNT_ID = "demo"
SCHEME_ID = "234"


def encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def new_phone_number() -> str:
    """Nobody else's, so that it can be looked for."""
    return f"139{secrets.randbelow(10**8):08}"


@dataclass
class RpcAnswer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def fields(self) -> dict[str, str]:
        """The fields at any depth, of JSON or XML."""
        if self.text.startswith("<"):
            return dict(re.findall(r"<([A-Za-z]+)>([^<]*)</\1>", self.text))
        found = json.loads(self.text)
        return {**found, **found.pop("Data", {})}

    @property
    def code(self) -> str:
        return self.fields["Code"]

    @property
    def link(self) -> str:
        return self.fields["AuthorizationUrl"].replace("&amp;", "&")


@dataclass
class RpcCall:
    """One call; sending it twice sends the same bytes."""

    secret: str
    v1: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    access_key_id: str = ACCESS_KEY_ID
    method: str = "POST"
    format: str | None = "JSON"
    phone_no: str = field(default_factory=new_phone_number)
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    timestamp: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")

    def wanted(self) -> dict[str, str]:
        own = {"PhoneNo": self.phone_no, "SchemeId": SCHEME_ID, **({"Format": self.format} if self.format else {})}
        return {name: value for name, value in {**own, **self.parameters}.items() if value is not None}

    def pairs(self) -> dict[str, str]:
        """Everything in the query, as V1 signs it."""
        all_pairs = {
            **self.wanted(),
            "Action": "GetAuthorizationUrl",
            "Version": "2017-05-25",
            "AccessKeyId": self.access_key_id,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": self.nonce,
            "Timestamp": self.timestamp,
        }
        text = f"{self.method}&%2F&{encoded(canonical(all_pairs))}"
        tag = hmac.new(f"{self.secret}&".encode(), text.encode(), hashlib.sha1).digest()
        return {**all_pairs, "Signature": base64.b64encode(tag).decode()}

    def headers(self, host: str) -> dict[str, str]:
        """Everything but the parameters, as V3 signs it."""
        nothing = hashlib.sha256(b"").hexdigest()
        signed = {
            "host": host,
            "x-acs-action": "GetAuthorizationUrl",
            "x-acs-content-sha256": nothing,
            "x-acs-date": self.timestamp,
            "x-acs-signature-nonce": self.nonce,
            "x-acs-version": "2017-05-25",
        }
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = "\n".join([self.method, "/", canonical(self.wanted()), lines, names, nothing])
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(request.encode()).hexdigest()}"
        tag = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        authorization = f"ACS3-HMAC-SHA256 Credential={self.access_key_id},SignedHeaders={names},Signature={tag}"
        return {**signed, "Authorization": authorization}

    def send(self, address: str) -> RpcAnswer:
        host = urlsplit(address).netloc
        if self.v1:
            return send_raw(address, self.method, canonical(self.pairs()), {"host": host})
        return send_raw(address, self.method, canonical(self.wanted()), self.headers(host))


def canonical(pairs: dict[str, str]) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(pairs.items()))


def send_raw(address: str, method: str, query: str, headers: dict[str, str]) -> RpcAnswer:
    """Sends the query as it is. Names below .localhost are this machine (RFC 6761), whatever the system knows."""
    port = urlsplit(address).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    try:
        connection.request(method, f"/?{query}", None, headers)
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return RpcAnswer(answer.status, said, answer.read().decode())
    finally:
        connection.close()
