"""A name for code and settings together. SAM publishes a function's version when that name changes, and callers are led
to versions: under the name of before, a setting would reach nobody.

A name is a head that is never the same twice, because SAM looks at nothing else, a digest of code and settings, and a
digest of the settings that the stack never shows again.
"""

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import template_file
from tools import ROOT

HEAD_DIGITS, DIGEST_DIGITS = 10, 16
NOTHING, NOTHING_HIDDEN = "0" * DIGEST_DIGITS, "0" * 8
# What of a function belongs to none of its versions.
NOT_OF_VERSIONS = (
    "AutoPublishCodeSha256", "DeploymentPreference", "EventInvokeConfig", "Events", "RecursiveLoop",
    "ReservedConcurrentExecutions",
)  # fmt: skip


def new(digest: str, hidden: str) -> str:
    return f"{secrets.token_hex(HEAD_DIGITS // 2)}{digest}{hidden}"


def parts(name: str) -> tuple[str, str]:
    """The two digests of a name."""
    end = HEAD_DIGITS + DIGEST_DIGITS
    return name[HEAD_DIGITS:end], name[end:]


def chosen(known: str, digest: str, hidden: str | None, serving: Sequence[str]) -> dict[str, str]:
    """The release to deploy, and the one that a rollback then leads to: the one that serves calls now. That is not the
    known one after a rollback, which the same deployment again therefore leads out of."""
    before, hidden_before = parts(known)
    hidden = hidden or hidden_before or NOTHING_HIDDEN
    if (before, hidden_before) == (digest, hidden) and set(serving) == {known}:
        return {"Release": known}
    [(served, _)] = Counter(serving).most_common(1) or [("", 0)]
    return {"Release": new(digest, hidden), "PreviousRelease": served}


def digest(folder: Path, parameters: Mapping[str, str]) -> str:
    """Of what was built, and of what a version has besides: the settings that its properties name, and no others."""
    template = template_file.read(ROOT / folder / "template.yaml")
    of_versions = [template.get("Globals", {}), *map(versioned, functions(template).values())]
    names, conditions = named(template, of_versions)
    values = {**template_file.defaults(template), **parameters}
    settings = {name: values[name] for name in sorted(names - template_file.hidden(template))}
    text = json.dumps([of_versions, conditions, settings], sort_keys=True, default=str)
    made = hashlib.sha256(text.encode())
    for file in sorted((ROOT / folder).glob("*/bootstrap")):
        made.update(hashlib.sha256(file.read_bytes()).digest())
    return made.hexdigest()[:DIGEST_DIGITS]


def hidden_digest(template: dict, said: Mapping[str, str], stack: str) -> str | None:
    """Of the settings that the stack does not show, where they are said. Slow, and short: nobody is to guess them by
    it."""
    values = {name: said[name] for name in sorted(template_file.hidden(template)) if name in said}
    if not values:
        return None
    text = json.dumps(values).encode()
    return hashlib.scrypt(text, salt=stack.encode(), n=2**14, r=8, p=1, dklen=len(NOTHING_HIDDEN) // 2).hex()


def functions(template: dict) -> dict[str, dict]:
    found = template["Resources"].items()
    return {name: each["Properties"] for name, each in found if each["Type"] == "AWS::Serverless::Function"}


def versioned(properties: dict) -> dict:
    return {name: value for name, value in properties.items() if name not in NOT_OF_VERSIONS}


def named(template: dict, of: list) -> tuple[set[str], dict]:
    """The parameters that a part of the template depends on, and the conditions by which it does."""
    names, conditions = names_in(of), {}
    while more := (names & template["Conditions"].keys()) - conditions.keys():
        conditions.update({name: template["Conditions"][name] for name in more})
        names |= names_in(list(conditions.values()))
    return names & template["Parameters"].keys(), conditions


def names_in(value: object) -> set[str]:
    """Whatever is named by the functions of CloudFormation in a part of a template."""
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, inner in value.items():
        if key in ("Ref", "Condition") and isinstance(inner, str):
            found.add(inner)
        elif key == "Fn::If":
            found |= {inner[0]} | names_in(inner[1:])
        elif key == "Fn::Sub":
            text, *rest = inner if isinstance(inner, list) else [inner]
            found |= set(re.findall(r"\$\{([A-Za-z0-9]+)", text)) | names_in(rest)
        else:
            found |= names_in(inner)
    return found
