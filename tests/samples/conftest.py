"""A host as `cargo run` starts it, with a business for each of the samples. It calls any port of this machine back."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from parties import Parties
from processes import ROOT, Process, free_port
from sample import LANGUAGES, SIGN_TYPES, Keys, Sample, build_all

SAMPLES = [Sample(language, sign_type, free_port()) for language in LANGUAGES for sign_type in SIGN_TYPES]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--program", help="the program authlink, if it is built already")


def pytest_configure() -> None:
    # So that fixtures end what they started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", 143))


@dataclass
class World:
    """The host, the parties around it, and what the samples' merchants were given."""

    parties: Parties
    endpoint: str
    keys: Keys

    @property
    def md5_key(self) -> str:
        return self.keys.md5.read_text()

    @property
    def callback_key(self) -> object:
        return load_pem_private_key(self.parties.key("callback.pem").read_bytes(), None)

    def register(self, sample: Sample) -> None:
        """Registers a business that has keys of one kind."""
        public_key = self.parties.key("merchant.pub.pem").read_text()
        of_kind = {"md5Keys": [self.md5_key]} if sample.sign_type == "MD5" else {"publicKeys": [public_key]}
        file = self.parties.folder / "secrets" / "business" / f"{sample.business_id}.json"
        file.write_text(json.dumps({"merchantIds": ["shop"], **of_kind}))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    build_all()
    program = request.config.getoption("--program")
    if not program:
        subprocess.run(["cargo", "build", "-q", "--bin", "authlink"], cwd=ROOT, check=True)
    base = tmp_path_factory.mktemp("host")
    folder = base / "folder"
    ports = [argument for part in ("", "emulator-", "merchant-") for argument in (f"--{part}port", "0")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AUTHLINK_")}
    command = [program] if program else ["cargo", "run", "-q", "--"]
    host = Process([*command, "--folder", str(folder), *ports], environment, base / "host.log")
    try:
        parties = Parties(host, folder)
        keys = Keys(parties.key("merchant.pem"), parties.key("callback.pub.pem"), parties.key("merchant-md5-key.txt"))
        world = World(parties, parties.address("authlink"), keys)
        for sample in SAMPLES:
            world.register(sample)
        yield world
    finally:
        host.stop()


@pytest.fixture(params=SAMPLES, ids=lambda sample: sample.business_id, scope="module")
def sample(request: pytest.FixtureRequest) -> Sample:
    return request.param


@pytest.fixture(scope="module")
def environment(world: World, sample: Sample) -> dict[str, str]:
    return sample.environment(world.endpoint, world.keys)


@pytest.fixture(scope="module")
def receiver(
    sample: Sample, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """The sample, as it waits for callbacks."""
    receiver = sample.listen(environment, tmp_path_factory.mktemp("receiver") / "log")
    try:
        receiver.await_port(sample.port, 20)
        yield receiver
    finally:
        receiver.stop()
