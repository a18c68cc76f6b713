"""One call of GetAuthorizationUrl as an account's SDK sends it: signed by ACS3-HMAC-SHA256, its answer explained."""

import hashlib
import hmac
import json
import secrets
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlsplit

from secret_documents import AccessKey, Account
from trial import Outcome, not_ours, send

ALGORITHM = "ACS3-HMAC-SHA256"
# Of the form of a mobile number; nothing is ever sent to it.
PHONE_NO = "13000000000"

# What a deployment of this minute may still say.
PASSING = ("InvalidAccessKeyId.NotFound", "DataNotFound", "InternalError", "SystemError")
HINTS = {
    "InvalidAccessKeyId.NotFound": "there is no such access key below the stack's SecretsPrefix",
    "SignatureDoesNotMatch": "the secret is another one than the access key's",
    "InvalidTimeStamp.Expired": "this machine's clock is off",
    "UnauthorizedOperation": "the access key is switched off, or lacks the permission dypns:GetAuthorizationUrl",
    "Forbidden": "the scheme is another account's: give another --scheme-id",
    "MissingParameter": "the scheme that was there is of the contract type: give --scheme-contract yes",
}
UNKNOWN = "docs/get-authorization-url.md, \"Refusals\", lists what a Code means; the function's log group says more"


def try_account(
    api: str, account: Account, key: AccessKey | None, region: str, patience_secs: float
) -> Outcome:
    if key is None:
        return Outcome(None, "left out: the access key's secret is not here to sign with (--access-key-secret)")
    deadline = time.monotonic() + patience_secs
    while True:
        http_status, text = send(api, *signed(api, account, key))
        code, message, link = read(text)
        if link is not None:
            return Outcome(True, f"works: open this in a browser to consent\n{link}")
        if (code is not None and code not in PASSING) or time.monotonic() > deadline:
            break
        time.sleep(2)
    if http_status is None:
        return Outcome(False, f"no answer: {text}")
    if code is None:
        return Outcome(False, not_ours(http_status, text, region))
    return Outcome(False, f"refused with {code}: {message}\n  hint: {HINTS.get(code, UNKNOWN)}")


def signed(api: str, account: Account, key: AccessKey) -> tuple[str, dict[str, str], bytes]:
    now = datetime.now(timezone.utc)
    parameters = {"PhoneNo": PHONE_NO, "SchemeId": str(account.scheme_id)}
    if account.contract:
        parameters["EndDate"] = f"{now + timedelta(days=30):%Y-%m-%d}"
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
    body = b""
    headers = {
        "host": urlsplit(api).netloc,
        "x-acs-action": "GetAuthorizationUrl",
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-acs-date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-version": "2017-05-25",
    }
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    names = ";".join(headers)
    canonical = "\n".join(["POST", "/", query, lines, names, headers["x-acs-content-sha256"]])
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    del headers["host"]
    headers["Authorization"] = f"{ALGORITHM} Credential={key.id},SignedHeaders={names},Signature={signature}"
    return f"/?{query}", headers, body


def read(text: str) -> tuple[str | None, str | None, str | None]:
    """Code, message and link of an answer; no code if it is none of authlink's."""
    try:
        answer = json.loads(text)
        return answer["Code"], answer["Message"], (answer.get("Data") or {}).get("AuthorizationUrl")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, None, None
