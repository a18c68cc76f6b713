"""One request as the business sends it: signed by OpenSSL, sent to the deployment, its answer explained."""

import http.client
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keys import openssl
from secret_documents import Business

PATH = "/v1/openapi/auth/alipay/url"

HINTS = {
    1: "the functions failed: look for \"alarm\" in the log group of alipay-auth-url",
    2: "the key in the folder is not the one in the business's secret",
    3: "the message names the header or field",
    5: "this machine's clock is off",
    6: "the nonce was seen before: run it again",
    7: "the business or its merchant is not in the secret, or is switched off",
    8: "the serialNo was seen before: run it again",
    10: "the business allows other addresses only (allowedIps)",
}
CHINA = (
    "in AWS China an API answers 403 on every route until the account has its ICP filing or exception, and the domain "
    "name its own: docs/aws.md, \"AWS China\""
)
UNKNOWN = "docs/open-api.md, \"Statuses\", lists what a status means"


@dataclass(frozen=True)
class Outcome:
    """Whether a link came, and in words what did; `None` when nothing was tried."""

    works: bool | None
    text: str


def try_it(api: str, business: Business, key_file: Path, region: str, patience_secs: float) -> Outcome:
    """A new API, its functions and its secrets may need a moment until they answer."""
    if not key_file.exists():
        text = f"left out: {key_file}, the business's private key, is not here to sign with (--business-private-key)"
        return Outcome(None, text)
    deadline = time.monotonic() + patience_secs
    while True:
        http_status, text = send(api, PATH, *signed(business, key_file))
        answered = http_status is not None and http_status < 500 and http_status not in (403, 404)
        # A business that was asked for before it was made is remembered as unknown for half a minute.
        answered = answered and '"status":7,' not in text
        if answered or time.monotonic() > deadline:
            return explained(http_status, text, region)
        time.sleep(2)


def signed(business: Business, key_file: Path) -> tuple[dict[str, str], bytes]:
    now = str(time.time_ns() // 1_000_000)
    fields = {
        "merchantId": business.merchant_id,
        "businessId": business.id,
        "serialNo": f"try-{now}-{secrets.token_hex(4)}",
        "userId": "try",
    }
    body = json.dumps(fields, separators=(",", ":")).encode()
    headers = {"businessId": business.id, "nonce": secrets.token_hex(16), "signType": "SHA256-RSA", "timestamp": now}
    text = "&".join(f"{name}={value}" for name, value in sorted(headers.items())).encode() + body
    headers["sign"] = rsa_signature(text, key_file)
    return {**headers, "Content-Type": "application/json; charset=utf-8"}, body


def rsa_signature(text: bytes, key_file: Path) -> str:
    sign = openssl("dgst", "-sha256", "-sign", str(key_file), stdin=text)
    return openssl("base64", "-A", stdin=sign).decode()


def send(api: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int | None, str]:
    """HTTP status and text of the answer; no status and the reason when there is none."""
    url = urlsplit(api)
    connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    # Names below .localhost are this machine (RFC 6761), also where the system does not know that.
    host = "127.0.0.1" if url.hostname.endswith(".localhost") else url.hostname
    connection = connect(host, url.port, timeout=30)
    try:
        all_headers = {"Host": url.netloc, **headers}
        connection.request("POST", f"{url.path}{target}", body, all_headers)
        answer = connection.getresponse()
        return answer.status, answer.read(65536).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return None, str(error) or type(error).__name__
    finally:
        connection.close()


def explained(http_status: int | None, text: str, region: str) -> Outcome:
    if http_status is None:
        return Outcome(False, f"no answer: {text}")
    try:
        answer = json.loads(text)
        status, message, data = answer["status"], answer["message"], answer.get("data") or {}
    except (ValueError, KeyError, TypeError):
        return Outcome(False, not_ours(http_status, text, region))
    if status == 0:
        return Outcome(True, f"works: open this in a browser to consent\n{data['alipayAuthUrl']}")
    return Outcome(False, f"refused with status {status}: {message}\n  hint: {HINTS.get(status, UNKNOWN)}")


def not_ours(http_status: int, text: str, region: str) -> str:
    said = f"no answer of authlink's, but HTTP {http_status}: {text[:500]}"
    return f"{said}\n  hint: {CHINA}" if http_status == 403 and region.startswith("cn-") else said
