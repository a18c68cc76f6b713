"""A deployment as a change set: made by SAM, shown, judged, and executed only if it keeps what must not be lost."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
from botocore.exceptions import ClientError, WaiterError

from problem import Problem, tell
from tools import sam, settings_of_deploy

# What callers or records would be lost with.
KEPT = {
    "AWS::DynamoDB::Table": "the table with every authorization",
    "AWS::SQS::Queue": "a queue with what waits in it",
    "AWS::ApiGatewayV2::Api": "the API, whose address callers know",
}
PATIENCE = {"Delay": 3, "MaxAttempts": 2400}
BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")


def deploy(
    session: boto3.Session,
    name: str,
    parameters: dict[str, str],
    folder: Path,
    is_new: bool,
    handed: Sequence[str] = ("--resolve-s3",),
) -> None:
    """What `parameters` does not say stays as it is, or has its default in a new stack."""
    tell(f"Deploy the stack {name}")
    client = session.client("cloudformation")
    before = known(client, name)
    with settings_of_deploy(parameters) as settings:
        # fmt: off
        sam(
            "deploy", "--stack-name", name, "--template-file", str(folder / "template.yaml"), *handed,
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-execute-changeset",
            "--no-confirm-changeset", "--no-fail-on-empty-changeset", *settings, environment=dict(os.environ),
        )
        # fmt: on
    made = [arn for arn in known(client, name) if arn not in before]
    if not made:
        print("Nothing changes.")
        return
    if not is_new and (wrong := objections(changes(client, made[-1]), parameters)):
        client.delete_change_set(ChangeSetName=made[-1])
        raise Problem("\n".join(["this deployment was not begun, because it would lose something:", *wrong]))
    execute(client, name, made[-1], is_new)


def known(client: object, name: str) -> list[str]:
    """The change sets of a stack that wait, the newest last."""
    try:
        pages = list(client.get_paginator("list_change_sets").paginate(StackName=name))
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return []
        raise
    sets = [each for page in pages for each in page["Summaries"] if each["Status"] == "CREATE_COMPLETE"]
    return [each["ChangeSetId"] for each in sorted(sets, key=lambda each: each["CreationTime"])]


def changes(client: object, arn: str) -> list[dict]:
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
    return [each["ResourceChange"] for page in pages for each in page["Changes"] if "ResourceChange" in each]


def objections(changed: list[dict], parameters: dict[str, str]) -> list[str]:
    """What a running deployment would lose by these changes, each in a line."""
    found = []
    for each in changed:
        what = KEPT.get(each["ResourceType"])
        if what is None:
            continue
        name, action = each["LogicalResourceId"], each["Action"]
        is_table = each["ResourceType"] == "AWS::DynamoDB::Table"
        if action == "Modify" and is_replaced(each):
            found.append(f"  - {name} would be replaced: {what}")
        elif action == "Remove" and not (is_table and parameters.get("TableName")):
            found.append(f"  - {name} would be removed: {what}")
        elif action == "Add" and is_table:
            found.append(f"  - {name} would be made anew, empty, beside the one in service: give --parameter TableName=…")
    return found


def is_replaced(changed: dict) -> bool:
    """CloudFormation would replace a table if an attribute were defined otherwise, and says so of one that is added,
    too: no attribute that the template names is ever another."""
    if changed.get("Replacement") != "Conditional":
        return changed.get("Replacement", "False") != "False"
    targets = [each["Target"] for each in changed.get("Details", [])]
    deciding = {each.get("Name") for each in targets if each.get("RequiresRecreation", "Never") != "Never"}
    return changed["ResourceType"] != "AWS::DynamoDB::Table" or deciding != {"AttributeDefinitions"}


def execute(client: object, name: str, arn: str, is_new: bool) -> None:
    client.execute_change_set(ChangeSetName=arn)
    print(f"CloudFormation is at work on {name}; its console shows how far it is.", flush=True)
    waiter = client.get_waiter("stack_create_complete" if is_new else "stack_update_complete")
    try:
        waiter.wait(StackName=name, WaiterConfig=PATIENCE)
    except WaiterError as error:
        raise Problem("\n".join([f"the stack {name} was not deployed:", *failures(client, name)])) from error


def failures(client: object, name: str) -> list[str]:
    """What went wrong in this deployment, the first first."""
    failed = [each for each in events_of_last(client, name) if each["ResourceStatus"].endswith("_FAILED")]
    said = [f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason given')}" for each in failed]
    return [f"  - {line}" for line in reversed(said)]


def events_of_last(client: object, name: str) -> Iterator[dict]:
    """The events of a stack since its last deployment began, the newest first."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            yield event
            is_stacks = event.get("PhysicalResourceId") == event["StackId"]
            if is_stacks and event["ResourceStatus"] in BEGINNINGS:
                return
