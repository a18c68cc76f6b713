"""A host as `cargo run` starts it, in a folder of its own, and callers in whatever state a test wants them.

Every caller is new: the host keeps documents for minutes, so none is changed after its first use.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alibaba_node import Node
from alibaba_sdks import Call, Core, Tea, reach_directly
from parties import Parties
from processes import ROOT, Process

Document = dict[str, object]
Sdk = Tea | Core | Node


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sdk", required=True, help="the package and its version, as in package==1.2.3")


def pytest_configure() -> None:
    # So that fixtures end what they started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", 143))


@pytest.fixture(scope="session")
def sdk(request: pytest.FixtureRequest) -> Sdk:
    package, _, version = request.config.getoption("--sdk").partition("==")
    [sdk] = [kind() for kind in (Tea, Core, Node) if kind.package == package]
    assert sdk.version == version
    return sdk


@dataclass
class World:
    """The host, its folder, and the parties around it."""

    parties: Parties
    endpoint: str
    numbers: Iterator[int]

    @property
    def secrets(self) -> Path:
        return self.parties.folder / "secrets"

    def demo(self) -> Call:
        """The caller that every local run has."""
        secret = self.parties.key("access-key-secret.txt").read_text()
        return Call(self.endpoint, "demoAccessKeyId", secret, "13900001234", 234)

    def caller(
        self, *, account: Document | None = None, key: Document | None = None, scheme: Document | None = None
    ) -> Call:
        """A new account with an access key and a scheme, in good order but for what is given."""
        number = next(self.numbers)
        account_id, key_id, secret = f"account-{number}", f"key{number}", f"the-secret-of-{number}"
        access_key = {"secrets": [secret], "accountId": account_id, "permissions": ["dypns:GetAuthorizationUrl"]}
        self.write(f"account/{account_id}", account or {})
        self.write(f"access-key/{key_id}", {**access_key, **(key or {})})
        self.write(f"scheme/{number}", {"accountId": account_id, "merchantName": "Shop", **(scheme or {})})
        return Call(self.endpoint, key_id, secret, "13900001234", number)

    def write(self, name: str, document: Document) -> None:
        (self.secrets / f"{name}.json").write_text(json.dumps(document))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    reach_directly()
    subprocess.run(["cargo", "build", "-q", "--bin", "authlink"], cwd=ROOT, check=True)
    folder = tmp_path_factory.mktemp("authlink")
    # fmt: off
    command = [
        "cargo", "run", "-q", "--", "--folder", str(folder / "host"), "--port", "0", "--emulator-port", "0",
        "--merchant-port", "0",
    ]
    # fmt: on
    process = Process(command, dict(os.environ), folder / "host.log")
    try:
        parties = Parties(process, folder / "host")
        yield World(parties, parties.address("authlink"), itertools.count(1_000))
    finally:
        process.stop()
    if request.session.testsfailed:
        print(f"\nthe log is kept in {folder}")
    else:
        shutil.rmtree(folder)
