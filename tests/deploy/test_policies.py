"""The policies for people and roles, as docs/aws.md has them filled in."""

import fnmatch
import json
import re
import subprocess

import pytest
import template_file
from conftest import ROOT

POLICIES = ("deployer", "operator", "boundary")
MOST_CHARACTERS = 6144


def filled_in(name: str) -> dict:
    """By the command that the document has."""
    page = (ROOT / "docs/aws.md").read_text(encoding="utf-8")
    [script] = re.findall(r"^sed '(.*?)' \\\n", page, re.MULTILINE | re.DOTALL)
    script = script.replace("1234abcd-…", "1234abcd-12ab-34cd-56ef-1234567890ab")
    command = ["sed", script, f"deploy/policies/{name}.json"]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("name", POLICIES)
def test_no_placeholder_is_left_and_iam_takes_the_policy(name: str) -> None:
    text = json.dumps(filled_in(name), separators=(",", ":"))
    assert not re.findall(r"PARTITION|REGION|ACCOUNT|STACK|PREFIX|BOUNDARY|KEYID", text)
    assert len(text) <= MOST_CHARACTERS


def test_who_deploys_makes_and_changes_roles_only_with_the_boundary() -> None:
    """Who may give a role rights, and run code in it, else has every right there is."""
    powers = {"AttachRolePolicy", "CreateRole", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePolicy"}
    powers.add("PutRolePermissionsBoundary")
    for statement in filled_in("deployer")["Statement"]:
        actions = {action.partition(":")[2] for action in many(statement["Action"]) if action.startswith("iam:")}
        granted = {power for power in powers for action in actions if fnmatch.fnmatch(power, action)}
        assert not any(fnmatch.fnmatch("DeleteRolePermissionsBoundary", action) for action in actions)
        if granted:
            [boundary] = statement["Condition"]["StringEquals"].values()
            name = boundary.rpartition("/")[2]
            assert not name.startswith("authlink-"), "a deployer may write policies below the stack's name"


def actions_of_roles() -> set[str]:
    found = set()
    for resource in template_file.read()["Resources"].values():
        properties = resource.get("Properties", {})
        documents = {
            "AWS::IAM::Role": [policy["PolicyDocument"] for policy in properties.get("Policies", [])],
            "AWS::IAM::ManagedPolicy": [properties.get("PolicyDocument")],
        }.get(resource["Type"], [])
        for document in documents:
            for statement in document["Statement"]:
                found |= set(many(statement["Action"]))
    return found


def test_the_boundary_allows_what_the_roles_do_and_nothing_else() -> None:
    allowed = {action for statement in filled_in("boundary")["Statement"] for action in many(statement["Action"])}
    assert allowed == actions_of_roles()
