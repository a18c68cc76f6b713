"""template.yaml as the deployment reads it: which parameters there are, and which of them a stack never shows again."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from problem import Problem
from tools import ROOT

FILE = ROOT / "template.yaml"
# The deployment says these itself.
OWN = ("Release", "PreviousRelease", "PreviousTableName", "PreviousKmsKeyArn")
# The options that take what is hidden, each from a file.
FILES = {"EdgeSecrets": "--edge-secrets"}


def read(file: Path = FILE) -> dict:
    return yaml_parse(file.read_text(encoding="utf-8"))


def defaults(template: dict) -> dict[str, str]:
    return {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}


def hidden(template: dict) -> set[str]:
    """Parameters that CloudFormation answers by asterisks."""
    return {name for name, each in template["Parameters"].items() if str(each.get("NoEcho", "")).lower() == "true"}


def check_said(template: dict, said: Mapping[str, str]) -> None:
    """SAM passes over a name that the template does not have, and a command line is no place for a secret."""
    names = [name for name in template["Parameters"] if name not in OWN]
    for name, value in said.items():
        if name in OWN:
            raise Problem(f"--parameter {name}: the deployment itself says it")
        if name not in names:
            by_lower = {each.lower(): each for each in names}
            near = get_close_matches(name.lower(), by_lower, 1, 0.75)
            hint = f": did you mean {by_lower[near[0]]}?" if near else ": docs/configuration.md lists them"
            raise Problem(f"--parameter {name}: the template has no such parameter{hint}")
        if name in hidden(template) and value:
            raise Problem(f"--parameter {name}: others can read a command line; give it by {FILES[name]} FILE")
