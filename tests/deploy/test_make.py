"""The commands of make: they run the program as it is now, built without the account, or one that is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.mark.parametrize("target", ["show", "resend", "forget", "disable", "enable"])
def test_a_command_builds_what_has_changed(target: str) -> None:
    """Without a look at whether some older program is there."""
    dry_run = ["make", "-n", "--no-print-directory", target, "SERIAL_NO=1", "BUSINESS=B1", "-o", "target/debug/authlink"]
    said = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    build, command = (said.find(text) for text in ("deploy/compiler.py cargo build", "target/debug/authlink auth"))
    assert build >= 0 and (command > build or target in ("disable", "enable"))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A program in the place of one that is installed, which says what it is told."""
    program = tmp_path / "installed/authlink"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "told: $*"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def made(path: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "show", "SERIAL_NO=1", "BUSINESS_ID=B1", *words]
    return subprocess.run(
        command, cwd=ROOT, env={"PATH": path, "HOME": "/nowhere"}, capture_output=True, text=True, check=False
    )


def test_a_program_that_is_named_is_run_and_nothing_is_built(installed: Path) -> None:
    told = "told: authorizations show --stack authlink --serial-no 1 --business-id B1\n"
    named = made("/usr/bin:/bin", f"AUTHLINK={installed}")
    assert (named.returncode, named.stdout, named.stderr) == (0, told, "")
    by_its_name = made(f"{installed.parent}:/usr/bin:/bin", "AUTHLINK=authlink")
    assert (by_its_name.returncode, by_its_name.stdout) == (0, told)
    missing = made("/usr/bin:/bin", "AUTHLINK=/nowhere/authlink")
    assert missing.returncode != 0 and "there is no program /nowhere/authlink" in missing.stderr


def test_without_a_compiler_the_installed_program_is_run(installed: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "sh", "make", "sed", "grep", "expand", "uname"):
        (tools / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    done = made(f"{installed.parent}:{tools}")
    assert done.returncode == 0 and done.stdout.startswith("told: authorizations show "), done.stdout + done.stderr


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
