"""The commands of make: they run the program as it is now, built without the account."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.mark.parametrize("target", ["show", "resend", "forget", "disable", "enable"])
def test_a_command_builds_what_has_changed(target: str) -> None:
    """Without a look at whether some older program is there."""
    made = ["make", "-n", "--no-print-directory", target, "SERIAL_NO=1", "BUSINESS=B1", "-o", "target/debug/authlink"]
    said = subprocess.run(made, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    build, command = (said.find(text) for text in ("deploy/compiler.py cargo build", "target/debug/authlink auth"))
    assert build >= 0 and (command > build or target in ("disable", "enable"))


def test_a_compiler_of_make_sees_nothing_of_the_account(tmp_path: Path) -> None:
    secret = {
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_WEB_IDENTITY_TOKEN_FILE": "secret", "GITHUB_TOKEN": "secret",
        "AWS_PROFILE": "secret",
    }  # fmt: skip
    outer = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CARGO_TARGET_DIR": "there", **secret}
    done = subprocess.run(
        [sys.executable, "deploy/compiler.py", "env"], cwd=ROOT, env=outer, capture_output=True, text=True, check=True
    )
    assert "secret" not in done.stdout and f"HOME={tmp_path}\n" not in done.stdout
    assert f"CARGO_HOME={tmp_path}/.cargo\n" in done.stdout and "CARGO_TARGET_DIR=there\n" in done.stdout
