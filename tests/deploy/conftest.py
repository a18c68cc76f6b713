"""What deploys, tested without AWS: its decisions by themselves, its calls by stubs, the whole on an emulator."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy"), str(ROOT / "tests/e2e")]

from deployment import clean_environment  # noqa: E402
from emulated import STACK, run  # noqa: E402
from processes import Process, free_port  # noqa: E402

# The processor that /bin/true is for, as the template names it.
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]


def pytest_configure() -> None:
    # So that fixtures end what they started.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", 143))


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which everything of AWS is an emulator."""
    folder, port = tmp_path_factory.mktemp("emulator"), free_port()
    own = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder), "STATE_DIR": str(folder / "state")}
    # As AWS's default, whatever this machine could run: the functions here do nothing.
    own["LAMBDA_ACCOUNT_CONCURRENCY"] = "1000"
    command = [".venv-emulator/bin/python", "tests/scripts/aws_emulator.py", str(port)]
    process = Process(command, own, folder / "emulator.log")
    try:
        process.await_line("Running on", 60)
        yield {**clean_environment(f"http://127.0.0.1:{port}"), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    finally:
        process.stop()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` leaves, with a program in the functions' place that ends at once."""
    folder = tmp_path_factory.mktemp("built")
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    for function in (ROOT / "functions").iterdir():
        (folder / function.name).mkdir()
        shutil.copy("/bin/true", folder / function.name / "bootstrap")
        template = template.replace(f"CodeUri: functions/{function.name}\n", f"CodeUri: {function.name}\n")
    (folder / "template.yaml").write_text(template, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def client(aws: dict[str, str]):
    def made(service: str) -> object:
        return boto3.client(
            service,
            endpoint_url=aws["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return made


@pytest.fixture(scope="session")
def deploy(aws: dict[str, str], built: Path, tmp_path_factory: pytest.TempPathFactory):
    keys = tmp_path_factory.mktemp("keys")

    def deployed(*arguments: str, stack: str = STACK, succeeds: bool = True) -> str:
        always = ["--yes", "--skip-build", "--build-dir", str(built), "--folder", str(keys), "--stack", stack]
        # Its functions never answer.
        chosen = ["--parameter", f"Architecture={ARCHITECTURE}", "--patience", "0"]
        return run(aws, "deploy", *always, *chosen, *arguments, succeeds=succeeds)

    return deployed
