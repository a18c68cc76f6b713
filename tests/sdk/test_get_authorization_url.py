"""What each SDK makes of every answer of GetAuthorizationUrl: the link, or class, code, message, status and RequestId
of what it raises.

Not here, because no SDK can be brought to it by what it is given; the golden files of the Rust tests have them:
InvalidParameters for a body that is too large or a parameter that is given twice, IncompleteSignature for a header that
is not signed.
"""

import base64
import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.request import Request

import pytest

from alibaba_sdks import Call, Granted, Refused
from conftest import Document, Sdk, World
from parties import body_of, fetch, header_of

REQUEST_ID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
BROWSERS = {
    "scan": "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "open": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
}
IN_ALIPAY = "Mozilla/5.0 (Linux; Android 14) Mobile AlipayClient/10.6"


def refusal(sdk: Sdk, ask: Callable[[Call], object], call: Call) -> Refused:
    with pytest.raises(sdk.exceptions) as raised:
        ask(call)
    refused = sdk.refusal(raised.value)
    assert REQUEST_ID.fullmatch(refused.request_id)
    return refused


def expect(sdk: Sdk, refused: Refused, http_status: int, code: str, message: str) -> None:
    said = (refused.exception, refused.http_status, refused.code, refused.message)
    assert said == (sdk.expected_exception(http_status, code), http_status, code, message)


@dataclass(frozen=True)
class Row:
    """A row of an error table, and what a caller has to be or say for it."""

    http_status: int
    code: str
    message: str
    says: dict[str, object] = field(default_factory=dict)
    account: Document | None = None
    key: Document | None = None
    scheme: Document | None = None

    def __str__(self) -> str:
        return self.code


NOT_VALID = "The specified parameter is not valid."
NOT_GIVEN = "You must specify the parameter."
NO_SUCH_PHONE = "The specified mobile phone number is invalid."
NO_SUCH_DATE = "The specified endDate is invalid."
# fmt: off
ROWS = [
    Row(400, "InvalidParameters", NOT_VALID, says={"scheme": -1}),
    Row(400, "InvalidParameters", NOT_VALID, says={"scheme": "scheme"}),
    Row(400, "MissingParameter", NOT_GIVEN, says={"phone": None}),
    Row(400, "MissingParameter", NOT_GIVEN, says={"scheme": None}),
    Row(400, "MissingParameter", NOT_GIVEN, scheme={"contract": True}),
    Row(400, "MobileNumberIllgeal", NO_SUCH_PHONE, says={"phone": "1390000****"}),
    Row(400, "DataNotFound", "The specified scheme does not exist.", says={"scheme": 999_999_999}),
    Row(400, "IllegalParameter", NO_SUCH_DATE, says={"end_date": "2020–12–28"}),
    Row(400, "IllegalParameter", NO_SUCH_DATE, says={"end_date": "2020-12-28"}),
    Row(400, "SchemeNotPassed", "The scheme is not passed.", scheme={"passed": False}),
    Row(403, "Forbidden", "The user is not authorized to operate on the specified resource.",
        scheme={"accountId": "another"}),
    Row(403, "UnauthorizedOperation", "Failed to verify your access permissions.", key={"enabled": False}),
    Row(403, "UnauthorizedOperation", "You are not authorized to perform this operation.", key={"permissions": []}),
    Row(500, "IdentityCertifyNotExist", "The identity verification record does not exist.",
        account={"identityVerified": False}),
    Row(500, "InternalError", "An internal error occurred.", account={"suspendet": True}),
    Row(500, "InternalError", "An error occurred while processing your request.", key={"accountId": "no-account"}),
    Row(500, "OutOfService", "The account is suspended.", account={"suspended": True}),
    Row(500, "FunctionNotSubscribed", "You have not subscribed to the function.", account={"subscribed": False}),
    Row(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.", says={"access_key_id": "nobody"}),
    Row(400, "InvalidSecurityToken.NotSupported",
        "Temporary credentials (STS) are not supported here: sign with an access key of your own, without a "
        "SecurityToken.",
        says={"token": "a-session"}),
]
# fmt: on


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_refusal_is_raised_as_the_table_has_it(world: World, sdk: Sdk, row: Row) -> None:
    caller = world.caller(account=row.account, key=row.key, scheme=row.scheme)
    expect(sdk, refusal(sdk, sdk.ask, replace(caller, **row.says)), row.http_status, row.code, row.message)


def test_keys_that_cannot_be_had_are_a_system_error(world: World, sdk: Sdk) -> None:
    caller = world.caller()
    document = world.secrets / f"access-key/{caller.access_key_id}.json"
    document.unlink()
    document.mkdir()
    expect(sdk, refusal(sdk, sdk.ask, caller), 500, "SystemError", "A system error occurred.")


@contextlib.contextmanager
def store_that_refuses(world: World) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(world.parties.folder / "authlink.db", isolation_level=None)) as store:
        store.execute("CREATE TRIGGER away BEFORE INSERT ON nonces BEGIN SELECT RAISE(ABORT, 'told to'); END")
        try:
            yield
        finally:
            store.execute("DROP TRIGGER away")


def test_a_store_that_fails_is_a_system_error_and_the_same_caller_is_granted_afterwards(world: World, sdk: Sdk) -> None:
    caller = world.caller()
    with store_that_refuses(world):
        refused = refusal(sdk, sdk.ask, caller)
    expect(sdk, refused, 500, "SystemError", "An error occurred while processing your request.")
    assert sdk.ask(caller).code == "OK"


def test_a_caller_over_its_rate_limit_is_throttled_and_told_when_to_come_again(world: World, sdk: Sdk) -> None:
    caller = world.caller(account={"requestsPerSecond": 1})

    def granted_or_refused(_: int) -> Granted | Refused:
        try:
            return sdk.ask(caller)
        except sdk.exceptions as error:
            return sdk.refusal(error)

    # At once, since one alone may need as long as the next reservation needs to come due.
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(granted_or_refused, range(4)))
    assert any(isinstance(answer, Granted) for answer in answers)
    refused = next(answer for answer in answers if isinstance(answer, Refused))
    message = "The request was denied due to API flow control."
    expect(sdk, refused, 400, "Throttling.System", message)
    assert 0 < sdk.retry_after_millis(caller, refused) <= 1_000


def test_a_request_of_nobody_is_refused(world: World, sdk: Sdk) -> None:
    refused = refusal(sdk, sdk.ask_without_access_key, world.caller())
    expect(sdk, refused, 400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.")


def test_another_action_is_not_found(world: World, sdk: Sdk) -> None:
    refused = refusal(sdk, sdk.ask_for_another_action, world.caller())
    message = "Specified api is not found, please check your url and method."
    expect(sdk, refused, 404, "InvalidAction.NotFound", message)


def test_a_wrong_secret_shows_the_string_that_was_signed(world: World, sdk: Sdk) -> None:
    refused = refusal(sdk, sdk.ask, replace(world.caller(), secret="another-secret"))
    expected = sdk.expected_exception(400, "SignatureDoesNotMatch")
    assert (refused.exception, refused.http_status) == (expected, 400)
    code, message = sdk.said_of_a_wrong_secret
    assert refused.code == code
    assert re.fullmatch(message, refused.message)


def test_a_nonce_is_used_once(world: World, sdk: Sdk) -> None:
    caller = world.caller()
    with sdk.own(nonce="the-same-nonce"):
        assert sdk.ask(caller).code == "OK"
        refused = refusal(sdk, sdk.ask, caller)
    expect(sdk, refused, 400, "SignatureNonceUsed", "Specified signature nonce was used already.")


def test_a_nonce_that_is_none_makes_the_signature_incomplete(world: World, sdk: Sdk) -> None:
    with sdk.own(nonce="n" * 129):
        refused = refusal(sdk, sdk.ask, world.caller())
    message = "The request signature does not conform to Aliyun standards."
    expect(sdk, refused, 400, "IncompleteSignature", message)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_time_stamp_that_is_far_off_is_expired(world: World, sdk: Sdk, minutes: int) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    with sdk.own(timestamp=then.strftime("%Y-%m-%dT%H:%M:%SZ")):
        refused = refusal(sdk, sdk.ask, world.caller())
    expect(sdk, refused, 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def test_a_time_stamp_of_another_form_is_refused(world: World, sdk: Sdk) -> None:
    with sdk.own(timestamp="2026-11-22 00:00:00"):
        refused = refusal(sdk, sdk.ask, world.caller())
    message = "Specified time stamp or date value is not well formatted."
    expect(sdk, refused, 400, "InvalidTimeStamp.Format", message)


def expect_link(world: World, granted: Granted) -> None:
    assert (granted.code, granted.message) == ("OK", "请求成功")
    assert REQUEST_ID.fullmatch(granted.request_id)
    path = re.escape(f"{world.endpoint}/p/s/web-call-minapp/auth-bao?page=commauth/index&token=")
    token = re.fullmatch(path + r"([\w-]+)\.([\w-]+)\.[\w-]{43}&_env=prod", granted.link)
    assert token, granted.link
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.groups())
    assert header == {"typ": "JWT", "alg": "HS256"}
    assert list(claims) == ["bizType", "bizId", "exp"] and claims["bizType"] == "CommAuth"


@pytest.mark.parametrize("contract", [False, True])
def test_a_link_is_granted_and_its_page_tells_a_desktop_from_a_phone(world: World, sdk: Sdk, contract: bool) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d")
    demo = world.demo()
    granted = sdk.ask(replace(demo, scheme=235, end_date=tomorrow) if contract else demo)
    expect_link(world, granted)
    for outcome, browser in BROWSERS.items():
        status, _, page = fetch(Request(granted.link, headers={"User-Agent": browser}))
        assert status == 200 and f'data-outcome="{outcome}"' in page
        assert "示例商店 Demo Shop" in page


def test_the_merchant_is_told_the_open_id_under_the_request_id(world: World, sdk: Sdk) -> None:
    granted = sdk.ask(world.demo())
    status, headers, _ = fetch(Request(granted.link, headers={"User-Agent": IN_ALIPAY}))
    assert status == 302
    world.parties.consent(headers["location"])
    [callback] = world.parties.await_callbacks(granted.request_id, 1)
    body = json.loads(body_of(callback))
    assert list(body) == ["requestId", "bizId", "schemeId", "phoneTail", "openId", "authTime"]
    assert (body["requestId"], body["schemeId"], body["phoneTail"]) == (granted.request_id, 234, "1234")
    assert header_of(callback, "businessid") == "demo"
