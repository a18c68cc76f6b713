"""Alibaba Cloud's official SDKs for Python behind one face, each called as its users call it, and unmodified.

`own` replaces the one function of an SDK that draws nonces, or the one that reads the time: everything else that goes
over the wire is the SDK's own.
"""

import contextlib
import importlib.metadata
import json
import os
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from unittest import mock

REGION = "cn-hangzhou"
STRING_TO_SIGN_V3 = (
    r"Specified signature does not match our calculation\. "
    r"server StringToSign is:\[ACS3-HMAC-SHA256\n[0-9a-f]{64}\]"
)
STRING_TO_SIGN_V1 = (
    r"Specified signature is not matched with our calculation\. "
    r"server string to sign is:POST&%2F&AccessKeyId%3D[\w%.~&-]+"
)


@dataclass(frozen=True)
class Call:
    """What a caller says; a parameter that is None is not sent."""

    endpoint: str
    access_key_id: str
    secret: str
    phone: str | None
    scheme: object
    end_date: str | None = None
    token: str | None = None

    def __post_init__(self) -> None:
        # Without a scheme there would be no host, and an SDK without a host calls Alibaba Cloud itself.
        parts = urllib.parse.urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"an endpoint is http:// or https:// and a host, not {self.endpoint!r}")

    @property
    def host(self) -> str:
        return urllib.parse.urlsplit(self.endpoint).netloc

    @property
    def protocol(self) -> str:
        return urllib.parse.urlsplit(self.endpoint).scheme


@dataclass(frozen=True)
class Granted:
    code: str
    message: str
    request_id: str
    link: str


@dataclass(frozen=True)
class Refused:
    """What an exception says about the server's answer."""

    exception: str
    http_status: int
    code: str
    message: str
    request_id: str
    retry_after_millis: int | None = None


@contextlib.contextmanager
def replaced(functions: dict[str, str | None]) -> Iterator[None]:
    """Functions answer with a value instead."""
    with contextlib.ExitStack() as patches:
        for function, value in functions.items():
            if value is not None:
                patches.enter_context(mock.patch(function, return_value=value))
        yield


def reach_directly() -> None:
    """These SDKs ask the environment's proxy even for this machine, whatever NO_PROXY says."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ.pop(name, None)


class Tea:
    """`alibabacloud-dypnsapi20170525`: 2.0.0 signs by V3, 1.2.2 by V1."""

    package = "alibabacloud-dypnsapi20170525"

    def __init__(self) -> None:
        from alibabacloud_dypnsapi20170525 import client, models
        from alibabacloud_tea_openapi import exceptions
        from alibabacloud_tea_openapi import models as open_api

        self.version = importlib.metadata.version(self.package)
        self.client, self.models, self.open_api = client.Client, models, open_api
        self.exceptions = exceptions.AlibabaCloudException

    def own(self, *, nonce: str | None = None, timestamp: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Calls have this nonce or time stamp."""
        functions = "alibabacloud_tea_openapi.utils.Utils"
        return replaced({f"{functions}.get_nonce": nonce, f"{functions}.get_timestamp": timestamp})

    def client_for(self, call: Call):
        config = self.open_api.Config(
            access_key_id=call.access_key_id,
            access_key_secret=call.secret,
            security_token=call.token,
            endpoint=call.host,
            protocol=call.protocol.upper(),
            region_id=REGION,
        )
        return self.client(config)

    def ask(self, call: Call) -> Granted:
        wish = self.models.GetAuthorizationUrlRequest(
            phone_no=call.phone, scheme_id=call.scheme, end_date=call.end_date
        )
        answer = self.client_for(call).get_authorization_url(wish)
        body = answer.body
        assert answer.status_code == 200 and answer.headers["x-acs-request-id"] == body.request_id
        return Granted(body.code, body.message, body.request_id, body.data.authorization_url)

    def ask_for_another_action(self, call: Call) -> None:
        wish = self.models.GetAuthTokenRequest(url="https://example.com/", origin="https://example.com")
        self.client_for(call).get_auth_token(wish)

    def ask_without_access_key(self, call: Call) -> None:
        """The SDK's generic call without credentials; with them, an empty AccessKeyId stays on this side."""
        from alibabacloud_tea_util.models import RuntimeOptions

        action = self.open_api.Params(
            action="GetAuthorizationUrl",
            version="2017-05-25",
            protocol="HTTP",
            pathname="/",
            method="POST",
            auth_type="Anonymous",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        wish = self.open_api.OpenApiRequest(query={"PhoneNo": call.phone, "SchemeId": str(call.scheme)})
        self.client_for(call).call_api(action, wish, RuntimeOptions())

    def refusal(self, error) -> Refused:
        answered = error.data["Message"]
        expected = f"code: {error.status_code}, {answered} request id: {error.request_id}"
        assert error.message == expected and error.data["Code"] == error.code
        kind = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
        retry_after = getattr(error, "retry_after", None)
        return Refused(kind, error.status_code, error.code, answered, error.request_id, retry_after)

    def retry_after_millis(self, _call: Call, refused: Refused) -> int:
        assert refused.retry_after_millis is not None
        return refused.retry_after_millis

    @property
    def said_of_a_wrong_secret(self) -> tuple[str, str]:
        """The code, and a pattern of the message."""
        return "SignatureDoesNotMatch", STRING_TO_SIGN_V1 if self.version.startswith("1.") else STRING_TO_SIGN_V3

    def expected_exception(self, http_status: int, code: str) -> str:
        kind = "ClientException" if http_status < 500 else "ServerException"
        return f"alibabacloud_tea_openapi.{'ThrottlingException' if code.startswith('Throttling') else kind}"


class Core:
    """`aliyun-python-sdk-dypnsapi` on `aliyun-python-sdk-core`, the generation before: it signs by V1."""

    package = "aliyun-python-sdk-dypnsapi"

    def __init__(self) -> None:
        from aliyunsdkcore.acs_exception import exceptions
        from aliyunsdkcore.auth import credentials
        from aliyunsdkcore.client import AcsClient
        from aliyunsdkdypnsapi.request import v20170525

        self.version = importlib.metadata.version(self.package)
        self.client, self.requests, self.token = AcsClient, v20170525, credentials.StsTokenCredential
        self.exceptions = exceptions.ServerException

    def own(self, *, nonce: str | None = None, timestamp: str | None = None) -> contextlib.AbstractContextManager[None]:
        """Calls have this nonce or time stamp."""
        functions = "aliyunsdkcore.utils.parameter_helper"
        return replaced({f"{functions}.get_uuid": nonce, f"{functions}.get_iso_8061_date": timestamp})

    def client_for(self, call: Call):
        if call.token is not None:
            credential = self.token(call.access_key_id, call.secret, call.token)
            return self.client(region_id=REGION, credential=credential)
        return self.client(call.access_key_id, call.secret, REGION)

    def addressed(self, call: Call, wish):
        wish.set_endpoint(call.host)
        wish.set_protocol_type(call.protocol)
        return wish

    def wish(self, call: Call):
        from aliyunsdkdypnsapi.request.v20170525.GetAuthorizationUrlRequest import GetAuthorizationUrlRequest

        wish = self.addressed(call, GetAuthorizationUrlRequest())
        if call.phone is not None:
            wish.set_PhoneNo(call.phone)
        if call.scheme is not None:
            wish.set_SchemeId(call.scheme)
        if call.end_date is not None:
            wish.set_EndDate(call.end_date)
        return wish

    def ask(self, call: Call) -> Granted:
        body = json.loads(self.client_for(call).do_action_with_exception(self.wish(call)))
        return Granted(body["Code"], body["Message"], body["RequestId"], body["Data"]["AuthorizationUrl"])

    def ask_for_another_action(self, call: Call) -> None:
        from aliyunsdkdypnsapi.request.v20170525.GetAuthTokenRequest import GetAuthTokenRequest

        wish = self.addressed(call, GetAuthTokenRequest())
        wish.set_Url("https://example.com/")
        wish.set_Origin("https://example.com")
        self.client_for(call).do_action_with_exception(wish)

    def ask_without_access_key(self, call: Call) -> None:
        self.client("", "", REGION).do_action_with_exception(self.wish(call))

    def refusal(self, error) -> Refused:
        kind = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
        said = error.get_http_status(), error.get_error_code(), error.get_error_msg(), error.get_request_id()
        return Refused(kind, *said)

    def retry_after_millis(self, call: Call, _refused: Refused) -> int:
        """The exception has no headers; the SDK's call that has them raises nothing, so it may be granted meanwhile."""
        headers = {}
        while "x-acs-retry-after" not in headers:
            _, headers, _ = self.client_for(call).get_response(self.wish(call))
        return int(headers["x-acs-retry-after"])

    @property
    def said_of_a_wrong_secret(self) -> tuple[str, str]:
        """The SDK compares the server's string to sign with its own, and says so only when both are the same."""
        advice = "Please check your AccessKeyId and AccessKeySecret."
        return "InvalidAccessKeySecret", re.escape(f"The AccessKeySecret is incorrect. {advice}")

    def expected_exception(self, http_status: int, code: str) -> str:
        return "aliyunsdkcore.ServerException"
