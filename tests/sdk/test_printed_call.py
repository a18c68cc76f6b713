"""What `authlink call get-authorization-url --as` prints is a program by the official SDK, which gets a link."""

import os
import subprocess
from pathlib import Path

import pytest

from conftest import Sdk, World
from processes import ROOT

# By the SDK that they are for; the older ones have other names for what they need.
LANGUAGES = {"alibabacloud-dypnsapi20170525==2.0.0": "python", "@alicloud/dypnsapi20170525==2.0.0": "node"}
FILES = {"python": "get_authorization_url.py", "node": "get_authorization_url.mjs"}


def test_the_program_that_is_printed_gets_a_link(world: World, sdk: Sdk, tmp_path: Path) -> None:
    language = LANGUAGES.get(f"{sdk.package}=={sdk.version}")
    if language is None:
        pytest.skip("no program is printed for it")
    words = ["get-authorization-url", "--phone", "13900001234", "--scheme", "235", "--end-date", "2099-12-31"]
    call = [ROOT / "target/debug/authlink", "--folder", world.parties.folder, "call", *words, "--as", language]
    printed = subprocess.run(call, capture_output=True, text=True, check=True)
    (tmp_path / FILES[language]).write_text(printed.stdout, encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(ROOT / "tests/sdk/node_modules")
    environment = {**os.environ, "PATH": f"{ROOT}/.venv-sdk/bin:{os.environ['PATH']}"}
    made = subprocess.run(
        ["sh", "-c", printed.stderr], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert made.returncode == 0 and made.stdout.startswith(f"{world.endpoint}/p/s/"), made.stdout + made.stderr
