"""Deploys template.yaml to the AWS emulator by deploy.py, with the emulator of Alipay and the demo merchant outside it.

Everything is on loopback, in a folder of its own, and ended by its process id. The functions are held to their roles.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

from deployment import FUNCTIONS, Deployment, clean_environment, deploy, mend_trigger, stack_outputs
from parties import APP_ID, BUSINESS_ID, MERCHANT_ID, Parties
from processes import ROOT, Process, free_port
from request import LinkRequest, QueryRequest
from rpc_call import ACCESS_KEY_ID, ACCOUNT_ID, SCHEME_ID

STACK = "authlink-e2e"
MERCHANT_NAME = "示例商店"
# Apart from what is deployed to AWS, which must never be one of these.
BUILD_FOLDER = ".aws-sam/e2e"
# Optimising takes minutes and changes nothing of what is tested here.
QUICK_BUILD = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "256",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skip-build", action="store_true", help=f"deploy what {BUILD_FOLDER} has")


def pytest_configure() -> None:
    # So that fixtures end what they started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", 143))


@dataclass
class World:
    """Everything there is, and what the tests have provoked."""

    deployment: Deployment
    parties: Parties
    api: str
    emulator: Process
    folder: Path
    first_deploy: str
    deploy_arguments: list[str]
    build_folder: Path
    merchant_name: str = MERCHANT_NAME
    phone_numbers: set[str] = field(default_factory=set)
    undeliverable: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        """The API's own, as a client of the gateway calls it."""
        return self.deployment.outputs["ApiUrl"]

    def live_on_loopback(self) -> None:
        """Callbacks to loopback have no parameter, and the API's address is known only when it is there."""
        for function in FUNCTIONS:
            changes = {"AUTHLINK_DANGEROUS_CALLBACK_ORIGINS": self.parties.merchant, "AUTHLINK_PUBLIC_URL": self.api}
            self.deployment.change_environment(function, changes)

    def request(self, **changes: object) -> LinkRequest:
        """A request by the demo business, with callbacks to the demo merchant."""
        wish = {"callback_url": f"{self.parties.merchant}/callback", "key": self.parties.key("merchant.pem"), **changes}
        return LinkRequest(**wish)

    def query(self, serial_no: str, **changes: object) -> QueryRequest:
        """A query by the demo business."""
        return QueryRequest(**{"serial_no": serial_no, "key": self.parties.key("merchant.pem"), **changes})

    def authorized(self, **changes: object) -> LinkRequest:
        """A request that was granted, and consented to."""
        request = self.request(**changes)
        answer = request.send(self.api)
        assert answer["status"] == 0, answer
        self.parties.consent(answer["data"]["alipayAuthUrl"])
        return request


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """For keys, logs and what the emulator writes; kept when something has failed."""
    path = tmp_path_factory.mktemp("authlink")
    yield path
    if request.session.testsfailed:
        print(f"\nlogs are kept in {path}")
    else:
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def emulator(folder: Path) -> Iterator[tuple[Process, str]]:
    """The AWS emulator and its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    inherited = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    environment = {
        **inherited,
        "PATH": "/usr/bin:/bin",
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "AUTH": "true",
    }
    command = [".venv-emulator/bin/python", "tests/scripts/aws_emulator.py", str(port)]
    process = Process(command, environment, folder / "emulator.log")
    try:
        process.await_line("Running on", 30)
        yield process, url
    finally:
        process.stop()


@pytest.fixture(scope="session")
def parties(folder: Path, emulator: tuple[Process, str]) -> Iterator[Parties]:
    subprocess.run(["cargo", "build", "-q", "--bin", "authlink"], cwd=ROOT, check=True)
    # fmt: off
    command = [
        "cargo", "run", "-q", "--", "--authlink", emulator[1], "--folder", str(folder / "parties"),
        "--emulator-port", "0", "--merchant-port", "0",
    ]
    # fmt: on
    process = Process(command, clean_environment(emulator[1]), folder / "parties.log")
    try:
        yield Parties(process, folder / "parties")
    finally:
        process.stop()


@pytest.fixture(scope="session")
def world(
    folder: Path, emulator: tuple[Process, str], parties: Parties, request: pytest.FixtureRequest
) -> Iterator[World]:
    process, endpoint = emulator
    environment = {**clean_environment(endpoint), **QUICK_BUILD}
    os.environ.clear()
    os.environ.update(environment)
    # fmt: off
    arguments = [
        "--stack", STACK, "--build-dir", BUILD_FOLDER, "--folder", str(folder / "deploy"), "--app-id", APP_ID,
        "--app-private-key", str(parties.key("app.pem")), "--alipay-public-key", str(parties.key("alipay.pub.pem")),
        "--callback-private-key", str(parties.key("callback.pem")),
        "--parameter", f"AlipayAuthorizeUrl={parties.alipay}/oauth2/publicAppAuthorize.htm",
        "--parameter", f"AlipayGatewayUrl={parties.alipay}/gateway.do",
        "--parameter", "LogLevel=debug", "--parameter", "RecentIndex=true",
    ]
    business = [
        "--business-id", BUSINESS_ID, "--merchant-id", MERCHANT_ID,
        "--business-public-key", str(parties.key("merchant.pub.pem")),
        "--business-private-key", str(parties.key("merchant.pem")),
        "--business-md5-key", str(parties.key("merchant-md5-key.txt")),
    ]
    account = [
        "--account-id", ACCOUNT_ID, "--access-key-id", ACCESS_KEY_ID,
        "--access-key-secret", str(parties.key("access-key-secret.txt")),
        "--scheme-id", SCHEME_ID, "--merchant-name", MERCHANT_NAME,
    ]
    # fmt: on
    skip_build = ["--skip-build"] if request.config.getoption("--skip-build") else []
    said = deploy([*arguments, *business, *account, *skip_build], environment)
    # Only the functions can be told that an address on loopback is as good as any.
    scheme = {"accountId": ACCOUNT_ID, "merchantName": MERCHANT_NAME, "callbackUrl": f"{parties.merchant}/callback"}
    vault = boto3.client("secretsmanager")
    vault.put_secret_value(SecretId=f"{STACK}/scheme/{SCHEME_ID}", SecretString=json.dumps(scheme))

    outputs = stack_outputs(STACK)
    deployment = Deployment(STACK, outputs, environment)
    mend_trigger(deployment)
    api_id = re.match(r"http://([^.]+)\.execute-api\.", outputs["ApiUrl"])[1]
    api = f"{endpoint}/_aws/execute-api/{api_id}/$default"
    world = World(deployment, parties, api, process, folder, said, arguments, ROOT / BUILD_FOLDER)
    world.live_on_loopback()
    yield world


@dataclass
class SecondBusiness:
    """A business with the key pair of a newcomer, made by deploying again."""

    id: str
    merchant_id: str
    key: Path
    deploy_arguments: list[str]
    said: str


@pytest.fixture(scope="session")
def second(world: World) -> SecondBusiness:
    identity, merchant_id = "second", "second-shop"
    business = ["--business-id", identity, "--merchant-id", merchant_id, "--skip-build"]
    arguments = [*world.deploy_arguments, *business]
    said = deploy(arguments, world.deployment.child_environment)
    mend_trigger(world.deployment)
    world.live_on_loopback()
    key = world.folder / "deploy" / f"business-{identity}.pem"
    return SecondBusiness(identity, merchant_id, key, arguments, said)


@pytest.fixture(autouse=True)
def merchant_answers_rightly(world: World) -> Iterator[None]:
    yield
    world.parties.merchant_answers("none")
