"""The OpenAPI document: it is valid, the local host gives no answer that it does not have, and Postman's collection
signs as it should."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from parties import Parties
from processes import ROOT, Process

DOCUMENT = ROOT / "docs" / "openapi.yaml"
COLLECTION = ROOT / "docs" / "authlink.postman_collection.json"
HERE = Path(__file__).parent
SEED = 1
EXAMPLES = 40
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)

# What the requests have to reach at least, so that a run in which everything is refused at the door does not pass.
REACHED = {
    "requestLink": {"200 0", "200 2", "200 3", "200 8"},
    "queryAuthorization": {"200 0", "200 2", "200 3", "200 7"},
    "noSuchInterface": {"200 4"},
    "platformCallback": {"200 FAIL"},
    "returnFromAlipay": {"200 authorized", "200 not-authorized", "404 unknown-link"},
    "landingPage": {"200 scan", "200 open", "302 -", "403 forged"},
    "getAuthorizationUrl": {"200 OK", "400 DataNotFound", "400 MissingParameter"},
    "postAuthorizationUrl": {"200 OK", "400 DataNotFound"},
}


@pytest.fixture(scope="session")
def parties(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Parties]:
    program = request.config.getoption("--program")
    if not program:
        subprocess.run(["cargo", "build", "-q", "--bin", "authlink"], cwd=ROOT, check=True)
    command = [program] if program else ["cargo", "run", "-q", "--"]
    base = tmp_path_factory.mktemp("host")
    ports = ["--port", "0", "--emulator-port", "0", "--merchant-port", "0"]
    host = Process([*command, "--folder", str(base / "folder"), *ports], dict(os.environ), base / "host.log")
    try:
        yield Parties(host, base / "folder")
    finally:
        host.stop()


def schemathesis(parties: Parties, document: Path, seen: Path, *options: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE),
        "SCHEMATHESIS_HOOKS": "hooks",
        "PARTIES": str(parties.folder / "parties"),
        "EMULATOR": parties.alipay,
        "MERCHANT_CALLBACK": f"{parties.merchant}/callback",
        "SEEN": str(seen),
    }
    seen.touch()
    # fmt: off
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", str(document),
        "--url", parties.address("authlink"), "--seed", str(SEED), "--checks", ",".join(CHECKS), "--no-color",
        "--continue-on-failure", "--warnings", "off", *options,
    ]
    # fmt: on
    return subprocess.run(
        command, cwd=seen.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )


def test_the_document_is_valid() -> None:
    validate(yaml.safe_load(DOCUMENT.read_text(encoding="utf-8")))


def test_every_answer_is_one_of_the_document(parties: Parties, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    phases = ("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES))
    ran = schemathesis(parties, DOCUMENT, seen, *phases)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout
    reached: dict[str, set[str]] = {}
    for line in seen.read_text(encoding="utf-8").splitlines():
        operation, _, answer = line.partition(" ")
        reached.setdefault(operation, set()).add(answer)
    missing = {operation: wanted - reached.get(operation, set()) for operation, wanted in REACHED.items()}
    assert not any(missing.values()), missing


def test_an_answer_that_the_document_has_not_is_noticed(parties: Parties, tmp_path: Path) -> None:
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    document["components"]["schemas"]["LinkRefused"]["properties"]["status"]["enum"].remove(3)
    changed = tmp_path / "openapi.yaml"
    changed.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    only = ("--phases", "coverage", "--include-operation-id", "requestLink", "--max-examples", "1")
    ran = schemathesis(parties, changed, tmp_path / "seen", *only)
    assert ran.returncode == 1, ran.stdout
    assert "Response violates schema" in ran.stdout, ran.stdout


@pytest.mark.parametrize("sign_type", ["SHA256-RSA", "MD5", ""])
def test_the_collection_signs(parties: Parties, sign_type: str) -> None:
    def run(**changed: str) -> subprocess.CompletedProcess:
        variables = {
            "endpoint": parties.address("authlink"),
            "signType": sign_type,
            "privateKey": parties.key("merchant.pem").read_text(),
            "md5Key": parties.key("merchant-md5-key.txt").read_text(),
            "serialNo": f"S-{os.urandom(8).hex()}",
            "userId": "用户 😀",
            **changed,
        }
        pairs = [f"{name}={value}" for name, value in variables.items()]
        command = ["node", str(HERE / "collection.mjs"), str(COLLECTION), *pairs]
        return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)

    ran = run()
    assert ran.returncode == 0 and "2 passed, 0 failed" in ran.stdout, ran.stdout + ran.stderr
    wrong = run(md5Key="0" * 32, privateKey=parties.key("alipay.pem").read_text())
    assert wrong.returncode == 1 and '"status":2' in wrong.stdout, wrong.stdout + wrong.stderr
