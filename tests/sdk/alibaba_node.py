"""Alibaba Cloud's official SDK for Node behind the face that the ones for Python have: each call is a process."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from alibaba_sdks import STRING_TO_SIGN_V3, Call, Granted, Refused

FOLDER = Path(__file__).parent


class NodeError(Exception):
    """What the SDK threw."""


class Node:
    """`@alicloud/dypnsapi20170525` 2.0.0, which signs by V3."""

    package = "@alicloud/dypnsapi20170525"
    exceptions = NodeError
    said_of_a_wrong_secret = "SignatureDoesNotMatch", STRING_TO_SIGN_V3

    def __init__(self) -> None:
        installed = FOLDER / "node_modules" / self.package / "package.json"
        self.version = json.loads(installed.read_text())["version"]
        self.hooks: dict[str, str] = {}

    @contextlib.contextmanager
    def own(self, *, nonce: str | None = None, timestamp: str | None = None) -> Iterator[None]:
        """Calls have this nonce or time stamp, by replacing `OpenApiUtil.getNonce` or `getTimestamp`."""
        hooks = {"nonce": nonce, "timestamp": timestamp}
        self.hooks = {name: value for name, value in hooks.items() if value is not None}
        try:
            yield
        finally:
            self.hooks = {}

    def run(self, ask: str, call: Call) -> Granted:
        said = {
            "ask": ask,
            "host": call.host,
            "protocol": call.protocol,
            "accessKeyId": call.access_key_id,
            "secret": call.secret,
            "token": call.token,
            "phone": call.phone,
            "scheme": call.scheme,
            "endDate": call.end_date,
            **self.hooks,
        }
        command = ["node", FOLDER / "alibaba_sdk.mjs", json.dumps(said)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert ended.returncode == 0, ended.stderr
        came = json.loads(ended.stdout)
        if "error" in came:
            raise NodeError(came["error"])
        return Granted(*came["granted"])

    def ask(self, call: Call) -> Granted:
        return self.run("link", call)

    def ask_for_another_action(self, call: Call) -> None:
        self.run("another-action", call)

    def ask_without_access_key(self, call: Call) -> None:
        self.run("without-access-key", call)

    def refusal(self, error: NodeError) -> Refused:
        [thrown] = error.args
        status, code, request_id = thrown["statusCode"], thrown["code"], thrown["requestId"]
        answered = thrown["data"]["Message"]
        assert thrown["message"] == f"{code}: code: {status}, {answered} request id: {request_id}"
        return Refused(thrown["name"], status, code, answered, request_id, thrown.get("retryAfter"))

    def retry_after_millis(self, _call: Call, refused: Refused) -> int:
        assert refused.retry_after_millis is not None
        return refused.retry_after_millis

    def expected_exception(self, http_status: int, code: str) -> str:
        kind = "ClientError" if http_status < 500 else "ServerError"
        return "ThrottlingError" if code.startswith("Throttling") else kind
