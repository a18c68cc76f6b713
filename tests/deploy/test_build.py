"""A build is for the processor that the functions run on, and sees nothing of the account."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import build
import compiler
import pytest
from conftest import ROOT
from problem import Problem


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("head", "machine"),
    [(elf(62), 62), (elf(183), 183), (b"#!/bin/sh\n" + bytes(20), None), (b"\x7fELF", None), (b"", None)],
)
def test_the_machine_of_a_file(head: bytes, machine: int | None) -> None:
    assert build.machine_of(head) == machine


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", 62), ("arm64", 183)])
def test_a_function_of_another_machine_stops_the_deployment(tmp_path: Path, architecture: str, machine: int) -> None:
    for name, number in (("one", machine), ("other", machine)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bootstrap").write_bytes(elf(number))
    build.check(tmp_path, architecture)
    (tmp_path / "other" / "bootstrap").write_bytes(elf(62 + 183 - machine))
    with pytest.raises(Problem, match=f"other was built for .*, and the functions run on {architecture}"):
        build.check(tmp_path, architecture)


def test_nothing_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="nothing is built"):
        build.check(tmp_path, "x86_64")


def test_a_compiler_sees_an_allow_list(tmp_path: Path) -> None:
    outer = {
        "HOME": "/home/runner",
        "PATH": "/bin",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_REGISTRY_TOKEN": "secret",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "secret",
        "GITHUB_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_PROFILE": "secret",
        "AWS_REGION": "us-east-1",
        "OF_NOBODY": "secret",
    }
    assert compiler.environment(outer, tmp_path / "home") == {
        "HOME": str(tmp_path / "home"),
        "PATH": "/bin",
        "CARGO_HOME": "/home/runner/.cargo",
        "RUSTUP_HOME": "/home/runner/.rustup",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "AWS_REGION": "us-east-1",
    }
    named = {**outer, "CARGO_HOME": "/cargo", "RUSTUP_HOME": "/rustup"}
    assert compiler.environment(named, tmp_path / "home")["CARGO_HOME"] == "/cargo"


def script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def test_sam_is_run_with_the_target_and_without_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "sam", f'env > "{tmp_path}/env"; echo "$@" > "{tmp_path}/arguments"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-runner")
    build.build("x86_64", Path("folder"))
    seen = (tmp_path / "env").read_text()
    assert "of-the-runner" not in seen and 'CARGO_LAMBDA_BUILD={target=["x86_64-unknown-linux-gnu"]}' in seen
    assert f"HOME={Path.home()}\n" not in seen
    said = (tmp_path / "arguments").read_text()
    assert said == 'build --build-dir folder --parameter-overrides Architecture="x86_64"\n', "and no other parameter"
    build.build("arm64", Path("folder"))
    assert "CARGO_LAMBDA_BUILD" not in (tmp_path / "env").read_text(), "SAM itself names that one"


@pytest.mark.parametrize(("architecture", "flags", "target"), [
    ("x86_64", [], "x86_64-unknown-linux-gnu"),
    ("arm64", ["--arm64"], "aarch64-unknown-linux-gnu"),
])
def test_cargo_lambda_builds_for_the_target_on_a_host_of_the_other_kind(
    tmp_path: Path, architecture: str, flags: list[str], target: str
) -> None:
    """The real cargo-lambda, with a compiler that says it runs on the other processor, and a cargo that only logs."""
    cargo, host = shutil.which("cargo"), "aarch64" if architecture == "x86_64" else "x86_64"
    tools = tmp_path / "tools"
    tools.mkdir()
    version = f"rustc 1.95.0 (0 2026-01-01)\\nbinary: rustc\\ncommit-hash: 0\\ncommit-date: 2026-01-01"
    script(tools / "rustc", f"printf '{version}\\nhost: {host}-unknown-linux-gnu\\nrelease: 1.95.0\\nLLVM version: 20\\n'")
    script(tools / "cargo", f'[ "$1" = metadata ] && exec "{cargo}" "$@"; echo "$@" >> "{tmp_path}/log"; exit 3')
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text("fn main() {}\n")
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "one"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n')
    environment = {
        **compiler.environment(os.environ, tmp_path / "home"),
        **build.for_architecture(architecture),
        "PATH": f"{tools}:/usr/bin:/bin",
        "CARGO": str(tools / "cargo"),
        "RUSTC": str(tools / "rustc"),
    }
    command = [ROOT / ".venv/bin/cargo-lambda", "lambda", "build", "--release", *flags, "--compiler", "cargo"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    log = tmp_path / "log"
    assert log.exists(), done.stdout + done.stderr
    assert f"--target {target}" in log.read_text(), log.read_text()
