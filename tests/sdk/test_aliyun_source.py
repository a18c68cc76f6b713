"""Schemes whose links Alibaba Cloud makes, with a stand-in for it on this machine.

The stand-in checks the signature of our calls with the signing function of Alibaba Cloud's own SDK for V3, and each SDK
that called us gets the link, or raises the error, as if it had called Alibaba Cloud itself.
"""

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from alibabacloud_tea_openapi.utils import Utils

from alibaba_sdks import Call
from conftest import Sdk, World
from test_get_authorization_url import expect, refusal

KEY_ID, SECRET = "LTAI5tTheirKey", "the-account-s-secret-there"
LINK = "https://render.example.com/p/s/web-call-minapp/auth-bao?page=commauth/index&token=eyJ&_env=prod"
ALGORITHM = "ACS3-HMAC-SHA256"
SIGNED = {
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
}


@dataclass
class AlibabaCloud:
    """Answers as it is told, and checks and keeps what it was sent."""

    endpoint: str = ""
    status: int = 200
    body: dict[str, object] = field(default_factory=dict)
    queries: list[dict[str, str]] = field(default_factory=list)
    nonces: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def take(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        """Keeps a call that is signed as the SDK would sign it."""
        path, _, query = target.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True))
        named = {name.lower(): value for name, value in headers}
        authorization = named.pop("authorization")
        signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        request = SimpleNamespace(
            method=method, pathname=path, query=parameters, headers={name: named[name] for name in signed}
        )
        nothing = hashlib.sha256(b"").hexdigest()
        expected = Utils.get_authorization(request, ALGORITHM, nothing, KEY_ID, SECRET)
        checks = {
            "one of each header": len(named) + 1 == len(headers),
            "the signed headers": set(signed) == SIGNED == {"host"} | {n for n in named if n.startswith("x-acs-")},
            "the signature": authorization == expected,
            "the body's hash": named["x-acs-content-sha256"] == nothing,
            "the host": f"http://{named['host']}" == self.endpoint,
            "no body": named.get("content-length", "0") == "0" and "transfer-encoding" not in named,
        }
        self.trouble += [name for name, holds in checks.items() if not holds]
        self.queries.append(parameters)
        self.nonces.append(named["x-acs-signature-nonce"])


@pytest.fixture
def alibaba_cloud() -> Iterator[AlibabaCloud]:
    cloud = AlibabaCloud()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            cloud.take(self.command, self.path, self.headers.items())
            body = json.dumps({"RequestId": "8906582E-6722", **cloud.body}).encode()
            self.send_response(cloud.status)
            self.send_header("Content-Type", "application/json;charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        cloud.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield cloud
        server.shutdown()
        thread.join()
    assert cloud.trouble == []


def caller(world: World, cloud: AlibabaCloud) -> Call:
    call = world.caller(scheme={"source": "aliyun"})
    key = {"accessKeyId": KEY_ID, "accessKeySecret": SECRET, "endpoint": cloud.endpoint}
    world.write(f"aliyun/account-{call.scheme}", key)
    return call


def test_a_link_is_alibaba_clouds_and_our_calls_are_signed_as_its_own_sdk_signs(
    world: World, sdk: Sdk, alibaba_cloud: AlibabaCloud
) -> None:
    call = caller(world, alibaba_cloud)
    alibaba_cloud.body = {"Code": "OK", "Message": "请求成功", "Data": {"AuthorizationUrl": LINK}}
    for _ in range(2):
        granted = sdk.ask(call)
        assert (granted.code, granted.link) == ("OK", LINK)
        assert granted.request_id != "8906582E-6722"
    assert alibaba_cloud.queries == [{"PhoneNo": "13900001234", "SchemeId": str(call.scheme)}] * 2
    assert len(set(alibaba_cloud.nonces)) == 2


def test_an_error_of_alibaba_clouds_is_raised_as_it_came_and_its_failure_is_ours(
    world: World, sdk: Sdk, alibaba_cloud: AlibabaCloud
) -> None:
    call = caller(world, alibaba_cloud)
    system_error = (500, "SystemError", "A system error occurred.")
    for status, code, raised in [
        (400, "DataNotFound", (400, "DataNotFound", "Said there.")),
        (403, "Forbidden.RAM", (403, "Forbidden.RAM", "Said there.")),
        (200, "isv.DENY", (400, "isv.DENY", "Said there.")),
        (500, "OutOfService", system_error),
    ]:
        alibaba_cloud.status, alibaba_cloud.body = status, {"Code": code, "Message": "Said there."}
        expect(sdk, refusal(sdk, sdk.ask, call), *raised)
    assert len(alibaba_cloud.queries) == 4
