"""The build: by AWS SAM and cargo-lambda, for the processors that the functions run on, with nothing of this account."""

import os
from pathlib import Path

import compiler
from problem import Problem, tell
from tools import ROOT, overrides, sam

FOLDER = Path(".aws-sam/build")
# What an ELF file says of its processor, at the offset 18.
MACHINES = {"x86_64": 62, "arm64": 183}
TARGETS = {"x86_64": "x86_64-unknown-linux-gnu"}


def for_architecture(architecture: str) -> dict[str, str]:
    """SAM names no target for x86_64, for which cargo-lambda then takes the host's."""
    if architecture not in TARGETS:
        return {}
    return {"CARGO_LAMBDA_BUILD": f'{{target=["{TARGETS[architecture]}"]}}'}


def build(architecture: str, folder: Path) -> None:
    """SAM is told nothing but the processor: what it is told, a build script can read."""
    tell("Build (the first time takes some minutes)")
    surroundings = {**compiler.environment(os.environ), **for_architecture(architecture)}
    sam("build", "--build-dir", str(folder), *overrides({"Architecture": architecture}), environment=surroundings)


def check(folder: Path, architecture: str) -> None:
    """Stops at a function that Lambda could not start."""
    built = sorted((ROOT / folder).glob("*/bootstrap"))
    if not built:
        raise Problem(f"nothing is built in {folder}: leave out --skip-build")
    for file in built:
        machine = machine_of(file.read_bytes()[:20])
        if machine != MACHINES[architecture]:
            found = next((name for name, number in MACHINES.items() if number == machine), f"machine {machine}")
            raise Problem(
                f"{file.parent.name} was built for {found}, and the functions run on {architecture}: they would not "
                f"start. Install Rust's target for it, or give --parameter Architecture=…, and build again"
            )


def machine_of(head: bytes) -> int | None:
    """The processor that a little-endian ELF file is for."""
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[5] != 1:
        return None
    return int.from_bytes(head[18:20], "little")
