"""The commands work with the oldest Python that AWS SAM does, and say so to an older one."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import python_version
from conftest import ROOT

COMMANDS = ("deploy", "restore", "rollback")


@pytest.mark.parametrize(
    ("version", "fits"), [((2, 7), False), ((3, 9), False), ((3, 10), True), ((3, 11), True), ((4, 0), True)]
)
def test_an_older_python_is_refused_by_name(version: tuple[int, int], fits: bool) -> None:
    objection = python_version.objection(version)
    assert (objection is None) == fits
    assert fits or f"Python 3.10 or later is needed, and this is {version[0]}.{version[1]}" in objection


def test_the_version_is_looked_at_before_anything_else_is_read() -> None:
    for command in COMMANDS:
        body = ast.parse((ROOT / f"deploy/{command}.py").read_text(encoding="utf-8")).body
        first = next(each for each in body if isinstance(each, ast.Import | ast.ImportFrom))
        assert first.names[0].name == "python_version", command
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makefile.count("deploy/python_version.py\n\t$(PYTHON) -m venv .venv\n") == 2


def test_everything_is_written_for_python_3_10() -> None:
    vermin = [str(Path(sys.executable).parent / "vermin"), "--target=3.10-", "--violations", "--no-tips", "--eval-annotations"]
    done = subprocess.run([*vermin, str(ROOT / "deploy")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def python_3_10() -> str | None:
    """One that starts: a version manager puts names on the PATH for versions that are not chosen."""
    found = shutil.which("python3.10")
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if works else None


@pytest.mark.skipif(python_3_10() is None, reason="there is no Python 3.10 here")
@pytest.mark.parametrize("command", COMMANDS)
def test_python_3_10_runs_it(command: str) -> None:
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    call = [python_3_10(), str(ROOT / f"deploy/{command}.py"), "--help"]
    environment = {"PYTHONPATH": packages, "PATH": os.environ["PATH"]}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
