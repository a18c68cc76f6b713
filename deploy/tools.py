"""AWS SAM's command line, and where it is run."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from problem import Problem

ROOT = Path(__file__).resolve().parents[1]


def overrides(parameters: dict[str, str]) -> list[str]:
    return ["--parameter-overrides", *quoted(parameters)]


def quoted(parameters: dict[str, str]) -> list[str]:
    """In quotation marks, without which SAM refuses an empty value and cuts others at a space."""
    return [f'{name}="{value}"' for name, value in parameters.items()]


@contextmanager
def settings_of_deploy(parameters: dict[str, str]) -> Iterator[list[str]]:
    """The parameters of `sam deploy` in a file for its owner alone, because everybody reads a command line."""
    said = {"default": {"deploy": {"parameters": {"parameter_overrides": quoted(parameters)}}}}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        # Every text of JSON is one of YAML.
        json.dump({"version": 0.1, **said}, file)
        file.flush()
        yield ["--config-file", file.name]


def sam(*arguments: str, environment: dict[str, str]) -> None:
    done = subprocess.run(["sam", *arguments], cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        raise Problem(f"`sam {arguments[0]}` failed; its last lines above say why. Run this again when that is mended")
