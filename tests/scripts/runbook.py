#!/usr/bin/env python3
"""Every command of AWS's CLI that the documents name exists, with its options; each variable of the runbook's is one
that it sets; and an operator's policy allows what its commands do."""

import json
import re
import shlex
import sys
from pathlib import Path

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
# The pages that have some.
PAGES = ["docs/runbook.md", "docs/zh/runbook.md", "docs/aws.md"]
# Commands of the CLI itself, which call no service by a name of theirs.
OF_THE_CLI = {"configure"}
# Options of the CLI itself, and its lists by pages.
GENERAL = {"region", "profile", "output", "query", "max-items"}
# What a policy calls a service, where that is not the CLI's word.
IN_POLICIES = {"service-quotas": "servicequotas", "apigatewayv2": "apigateway"}
# What an operator's commands ask of AWS.
FIND = ["cloudformation:DescribeStacks"]
BY_MAKE = {
    "show": [*FIND, "dynamodb:GetItem"],
    "resend": [*FIND, "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    "forget": [*FIND, "dynamodb:GetItem", "dynamodb:UpdateItem"],
    "disable": [*FIND, "dynamodb:GetItem", "dynamodb:UpdateItem"],
    "enable": [*FIND, "dynamodb:GetItem", "dynamodb:UpdateItem"],
    "rollback": [
        *FIND, "cloudformation:CancelUpdateStack", "cloudformation:ListStackResources",
        "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction", "lambda:UpdateAlias",
    ],
}  # fmt: skip
OF_DEPLOYERS = {"deploy", "restore"}


def fenced(text: str) -> list[str]:
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ").splitlines()


def every_command() -> list[str]:
    """The runbook's commands in both languages, fenced and in backticks, each once and in one line."""
    found = {}
    for page in (name for name in PAGES if name.endswith("runbook.md")):
        text = (ROOT / page).read_text(encoding="utf-8")
        inline = re.findall(r"`((?:aws|make|authlink) [^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        found.update(dict.fromkeys(" ".join(line.split()) for line in [*fenced(text), *inline] if line.strip()))
    return list(found)


def commands(text: str) -> list[list[str]]:
    """The words of each `aws …`, fenced or in backticks, by itself or for its output."""
    lines = [re.sub(r"^export \$\((.*)\)$", r"\1", line) for line in fenced(text)]
    inline = re.findall(r"`(aws [a-z0-9-]+ [^`\n]+)`", text)
    return [shlex.split(line)[1:] for line in [*lines, *inline] if line.startswith("aws ")]


def operation(session: botocore.session.Session, words: list[str]) -> tuple[str, str]:
    """Service and operation, when there are such, and each option is one of it."""
    service, command, *options = words
    try:
        model = session.get_service_model(service)
    except UnknownServiceError:
        raise SystemExit(f"aws {service}: no such service") from None
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if command not in names:
        raise SystemExit(f"aws {service} {command}: no such command")
    shape = model.operation_model(names[command]).input_shape
    members = {xform_name(name, "-"): shape for name, shape in (shape.members if shape else {}).items()}
    for option in (word[2:] for word in options if word.startswith("--")):
        known = option in members or option.removeprefix("no-") in members and members[option.removeprefix("no-")].type_name == "boolean"
        if not known and option not in GENERAL:
            raise SystemExit(f"aws {service} {command}: no option --{option}")
    return service, names[command]


def unset(text: str, outputs: set[str]) -> set[str]:
    """The variables of a page's commands that are neither outputs of the stack, exported whole, nor set there."""
    lines = fenced(text)
    set_there = {name for line in lines if line.startswith("export ") for name in re.findall(r"([A-Za-z_]+)=", line)}
    all_of_them = any(line.startswith("export $(aws cloudformation describe-stacks") for line in lines)
    exported = outputs if all_of_them else set()
    return {name for line in lines for name in re.findall(r"\$\{?([A-Za-z_]+)", line)} - set_there - exported


def asked_by_make(page: str, text: str, allowed: set[str]) -> None:
    """Each `make …` of an operator's is one whose rights are known here, and are an operator's."""
    said = re.findall(r"`make ([a-z]+)", text) + re.findall(r"^make ([a-z]+)", "\n".join(fenced(text)), re.MULTILINE)
    for target in sorted(set(said) - OF_DEPLOYERS):
        if target not in BY_MAKE:
            sys.exit(f"{page}: tests/scripts/runbook.py does not say what `make {target}` asks of AWS")
        if missing := sorted(set(BY_MAKE[target]) - allowed):
            sys.exit(f"{page}: an operator's policy does not allow {missing}, of `make {target}`")


def allowed(policy: Path) -> set[str]:
    statements = json.loads(policy.read_text(encoding="utf-8"))["Statement"]
    lists = (statement["Action"] for statement in statements)
    return {action for actions in lists for action in ([actions] if isinstance(actions, str) else actions)}


def main() -> None:
    session = botocore.session.get_session()
    operator = allowed(ROOT / "deploy/policies/operator.json")
    outputs = set(yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Outputs"])
    seen = {}
    for page in sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")}):
        name, text = str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")
        is_runbook = name.endswith("runbook.md")
        for words in commands(text):
            if words[0] in OF_THE_CLI:
                continue
            service, called = operation(session, words)
            action = f"{IN_POLICIES.get(service, service)}:{'GET' if service == 'apigatewayv2' else called}"
            if is_runbook and action not in operator:
                sys.exit(f"{name}: an operator's policy does not allow {action}")
            seen[name] = seen.get(name, 0) + 1
        if is_runbook:
            asked_by_make(name, text, operator)
            if unknown := unset(text, outputs):
                sys.exit(f"{name}: nothing sets {sorted(unknown)}")
    for name in PAGES:
        if name not in seen:
            sys.exit(f"{name}: no command of AWS's CLI was found in it")
    print(f"ok: commands of AWS's CLI, {', '.join(f'{count} in {name}' for name, count in seen.items())}")


if __name__ == "__main__":
    main()
