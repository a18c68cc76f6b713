"""The policies for people and roles, as docs/aws.md has them filled in."""

import ast
import fnmatch
import json
import re
import subprocess

import botocore.session
import pytest
import template_file
from botocore import xform_name
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
    assert not re.findall(r"PARTITION|REGION|ACCOUNT|STACK|PREFIX|BOUNDARY|KEYID|BUCKET", text)
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


SERVICES = ("cloudformation", "dynamodb", "lambda", "secretsmanager", "sts")
WAITED_FOR = ("cloudformation", "dynamodb", "lambda")
# What AWS grants for all resources or none, and what it asks no right for.
OF_ALL = {"dynamodb:ListBackups", "lambda:GetAccountSettings", "secretsmanager:ListSecrets"}
OF_EVERYBODY = {"sts:GetCallerIdentity"}
# What the calls are about, in a deployment as it is filled in.
RESOURCES = {
    "cloudformation": ["cloudformation:ap-southeast-1:123456789012:stack/authlink/1a2b"],
    "dynamodb": [
        "dynamodb:ap-southeast-1:123456789012:table/authlink-Table-1A2B",
        "dynamodb:ap-southeast-1:123456789012:table/authlink-restored-20261129063000",
        "dynamodb:ap-southeast-1:123456789012:table/authlink-Table-1A2B/backup/01",
    ],
    "lambda": [
        "lambda:ap-southeast-1:123456789012:function:authlink-OpenidDelivery-1A2B",
        "lambda:ap-southeast-1:123456789012:function:authlink-OpenidDelivery-1A2B:live",
    ],
    "secretsmanager": ["secretsmanager:ap-southeast-1:123456789012:secret:authlink/business/B1-a1B2c3"],
}


def calls_of_the_commands() -> set[str]:
    """The operations that `deploy/*.py` names: as methods of clients, and as what is waited for or read by pages."""
    session = botocore.session.get_session()
    operations, waiters = {}, {}
    for service in SERVICES:
        model = session.get_service_model(service)
        operations.update({xform_name(name): f"{service}:{name}" for name in model.operation_names})
    for service in WAITED_FOR:
        model = session.get_waiter_model(service)
        waiters.update({xform_name(name): f"{service}:{model.get_waiter(name).operation}" for name in model.waiter_names})
    found = set()
    for file in sorted((ROOT / "deploy").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            if node.func.attr == "get_paginator":
                found.add(operations[texts[0]])
            elif node.func.attr == "get_waiter":
                found |= {waiters[text] for text in texts if text in waiters}
            elif node.func.attr in operations:
                found.add(operations[node.func.attr])
    return found


def is_allowed(action: str, resource: str | None) -> bool:
    """Of one resource, or of every one there is."""
    for statement in filled_in("deployer")["Statement"]:
        on = many(statement["Resource"])
        covers = "*" in on if resource is None else any(fnmatch.fnmatchcase(f"arn:aws:{resource}", each) for each in on)
        if covers and any(fnmatch.fnmatchcase(action, each) for each in many(statement["Action"])):
            return True
    return False


def test_who_deploys_may_call_what_deploying_and_restoring_calls() -> None:
    called = calls_of_the_commands()
    assert called >= {"dynamodb:RestoreTableToPointInTime", "cloudformation:DeleteStack", *OF_ALL, *OF_EVERYBODY}
    for action in sorted(called - OF_EVERYBODY):
        resources = [None] if action in OF_ALL else RESOURCES[action.partition(":")[0]]
        for resource in resources:
            assert is_allowed(action, resource), f"{action} of {resource or 'everything'}"
    assert not is_allowed("dynamodb:DeleteTable", "dynamodb:ap-southeast-1:123456789012:table/others")


@pytest.mark.parametrize("bucket", ["my-code", "aws-sam-cli-managed-default-samclisourcebucket-1a2b"])
def test_who_deploys_may_put_the_code_into_the_bucket(bucket: str) -> None:
    for action in ("s3:GetObject", "s3:PutObject"):
        assert is_allowed(action, f"s3:::{bucket}/authlink/1a2b"), action
    assert is_allowed("s3:ListBucket", f"s3:::{bucket}")
