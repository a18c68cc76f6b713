"""What `authlink call link --as LANGUAGE` prints runs as it is printed, with its settings and its command."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import World
from processes import ROOT
from sample import GSON, LANGUAGES

FILE = re.compile(r"\b(Authlink\.java|authlink\.\w+|main\.go)\b")


@pytest.mark.parametrize("language", [language.name for language in LANGUAGES])
def test_the_program_that_is_printed_gets_a_link(
    world: World, request: pytest.FixtureRequest, language: str, tmp_path: Path
) -> None:
    program = request.config.getoption("--program") or ROOT / "target/debug/authlink"
    call = ["call", "link", "--as", language, "--serial-no", f"printed-{language}"]
    printed = subprocess.run([program, "--folder", world.parties.folder, *call], capture_output=True, text=True, check=True)
    file = FILE.search(printed.stderr.splitlines()[-1])
    assert file, printed.stderr
    (tmp_path / file[0]).write_text(printed.stdout, encoding="utf-8")
    (tmp_path / "gson.jar").symlink_to(GSON)
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
    made = subprocess.run(
        ["bash", "-c", printed.stderr], cwd=tmp_path, env={**kept, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True
    )
    assert made.returncode == 0 and made.stdout.startswith("http"), made.stdout + made.stderr
