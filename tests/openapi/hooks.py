"""Hooks of schemathesis: most requests are signed rightly and name what is there, so that they reach the checks behind
the signature; the others go out as they were made up."""

import json
import os
import random
import urllib.parse
import urllib.request
from pathlib import Path

import schemathesis
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signing import FORM, AlibabaCloud, OpenApi

PARTIES = Path(os.environ["PARTIES"])
EMULATOR = os.environ["EMULATOR"]
MERCHANT_CALLBACK = os.environ["MERCHANT_CALLBACK"]
SEEN = Path(os.environ["SEEN"])

choose = random.Random(1)
open_api = OpenApi(
    "demo",
    load_pem_private_key((PARTIES / "merchant.pem").read_bytes(), None),
    (PARTIES / "merchant-md5-key.txt").read_text(),
)
alibaba_cloud = AlibabaCloud("demoAccessKeyId", (PARTIES / "access-key-secret.txt").read_text())
serial_numbers: list[str] = ["S20261128001"]
states: list[str] = []
tokens: list[str] = []


def mostly() -> bool:
    return choose.random() < 0.75


def minted_code() -> str:
    request = urllib.request.Request(f"{EMULATOR}/_emulator/codes", b"")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["auth_code"]


def name_what_is_there(body: dict, query: bool) -> None:
    body.update({"businessId": "demo", "merchantId": "demo-shop"})
    if query or choose.random() < 0.2:
        body["serialNo"] = choose.choice(serial_numbers)
    elif choose.random() < 0.7:
        body["serialNo"] = f"S{choose.getrandbits(64):x}"
    if not query and choose.random() < 0.7:
        body["callbackUrl"] = MERCHANT_CALLBACK
    for name in ("merchantId", "userId", "thirdAccount"):
        if choose.random() < 0.05:
            body.pop(name, None)


def ask_for_a_scheme(case: schemathesis.Case) -> None:
    phone, scheme = f"139{choose.randrange(10**8):08}", choose.choice(["234", "234", "235", "9"])
    asked = {"PhoneNo": phone, "SchemeId": scheme, "EndDate": "2099-12-31"}
    case.query = {"Format": choose.choice(["JSON", "XML"])}
    if case.method.upper() == "POST" and choose.random() < 0.7:
        case.body, case.media_type = asked, FORM
    else:
        case.query |= asked
        if isinstance(case.body, dict):
            case.body = {}


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict) -> None:
    operation = case.operation.definition.raw.get("operationId")
    if not mostly():
        return
    if operation in ("requestLink", "queryAuthorization"):
        if isinstance(case.body, dict) and mostly():
            name_what_is_there(case.body, operation == "queryAuthorization")
        kwargs["auth"] = open_api
    elif operation in ("getAuthorizationUrl", "postAuthorizationUrl"):
        if mostly():
            ask_for_a_scheme(case)
        kwargs["auth"] = alibaba_cloud
    elif operation == "returnFromAlipay" and states:
        case.query = {"app_id": "2021000000000001", "state": choose.choice(states)}
        case.query |= {"auth_code": minted_code() if choose.random() < 0.6 else "c0de"} if mostly() else {}
    elif operation == "landingPage" and tokens:
        case.query = {"token": choose.choice(tokens)}
        case.headers = {"User-Agent": choose.choice(["AlipayClient", "iPhone Mobile", "desktop"])}


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response) -> None:
    operation = case.operation.definition.raw.get("operationId")
    if case.method.upper() not in ("GET", "POST") or operation is None:
        return
    judged = word_of(operation, response)
    with SEEN.open("a") as seen:
        seen.write(f"{operation} {response.status_code} {judged}\n")


def word_of(operation: str, response: schemathesis.Response) -> str:
    """The answer's status, code or outcome; what is useful in it is kept for later requests."""
    text = response.content.decode(errors="replace")
    if 'data-outcome="' in text:
        return text.partition('data-outcome="')[2].partition('"')[0]
    try:
        answer = json.loads(text)
    except ValueError:
        in_xml = text.partition("<Code>")[2].partition("</Code>")[0]
        return in_xml or (text.strip() if len(text) < 20 else "") or "-"
    if operation == "requestLink" and answer.get("status") == 0:
        link = urllib.parse.urlsplit(answer["data"]["alipayAuthUrl"])
        states.append(urllib.parse.parse_qs(link.query)["state"][0])
    if "Data" in answer:
        link = urllib.parse.urlsplit(answer["Data"]["AuthorizationUrl"])
        tokens.append(urllib.parse.parse_qs(link.query)["token"][0])
    return str(answer.get("status", answer.get("Code", "-")))
