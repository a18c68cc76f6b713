"""What a stack's state allows, looked at before anything is built."""

from dataclasses import dataclass, field
from enum import Enum

import boto3
from botocore.exceptions import ClientError, WaiterError

from problem import Problem, tell
from question import agreed


class Verdict(Enum):
    """What can be done with a stack."""

    NEW = "there is none: it is made"
    USABLE = "it is updated"
    BUSY = "somebody else is at it: wait"
    DEAD = "it can only be deleted"
    STUCK = "an operator must bring it back to a state that can be updated"


NOT_YET = ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
USABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
DEAD = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
WAYS_BACK = {
    "UPDATE_FAILED": "aws cloudformation rollback-stack --stack-name {name}",
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback --stack-name {name}",
}
UNKNOWN_WAY = "look at it in CloudFormation's console"


@dataclass(frozen=True)
class Present:
    """A stack that runs."""

    parameters: dict[str, str]
    outputs: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)


def verdict(status: str | None) -> Verdict:
    if status is None or status in NOT_YET:
        return Verdict.NEW
    if status in USABLE:
        return Verdict.USABLE
    if status in DEAD:
        return Verdict.DEAD
    # A state that is not known yet is not worked on.
    return Verdict.BUSY if status.endswith("_IN_PROGRESS") else Verdict.STUCK


def look(session: boto3.Session, name: str, delete: bool, asks_nothing: bool) -> Present | None:
    """The stack as it runs, or none: after a dead one was deleted, with whoever asked agreeing."""
    found = described(session, name)
    status = found["StackStatus"] if found else None
    judged = verdict(status)
    if judged is Verdict.BUSY:
        raise Problem(f"the stack {name} is {status}: wait until that is over, and run this again")
    if judged is Verdict.STUCK:
        way = WAYS_BACK.get(status, UNKNOWN_WAY).format(name=name)
        raise Problem(f"the stack {name} is {status}, and cannot be updated: {way}, and then run this again")
    if judged is Verdict.DEAD:
        delete_dead(session, name, status, delete, asks_nothing)
        return None
    return None if judged is Verdict.NEW else present(session, name, found)


def running(session: boto3.Session, name: str) -> Present:
    """The stack, which must be one that can be updated."""
    found = described(session, name)
    if found is None:
        raise Problem(f"there is no stack {name} in {session.region_name}: give STACK=… or --region")
    if verdict(found["StackStatus"]) is not Verdict.USABLE:
        raise Problem(f"the stack {name} is {found['StackStatus']}: `make deploy` says what to do about that")
    return present(session, name, found)


def present(session: boto3.Session, name: str, found: dict) -> Present:
    known = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    if "AlipayAppId" not in known:
        raise Problem(f"the stack {name} in {session.region_name} is not of authlink: give another name by --stack")
    said = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    return Present(known, said, {each["Key"]: each["Value"] for each in found.get("Tags", [])})


def delete_dead(session: boto3.Session, name: str, status: str, delete: bool, asks_nothing: bool) -> None:
    tables = orphans(session, name)
    print(f"\nThe stack {name} is {status}: a first deployment of it failed. It cannot be updated, only deleted.")
    for table in tables:
        print(f"Its table {table} stays, protected, whatever becomes of the stack. Afterwards either")
        print(f"  - take it into service: --parameter TableName={table}")
        print(f"  - or, if it is empty and nobody's: aws dynamodb update-table --table-name {table} \\")
        print("      --no-deletion-protection-enabled, and aws dynamodb delete-table --table-name with its name")
    agreed(f"Delete the stack {name}", delete, asks_nothing, "--delete-failed-stack")
    tell(f"Delete the stack {name}")
    client = session.client("cloudformation")
    client.delete_stack(StackName=name)
    try:
        client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 3, "MaxAttempts": 600})
    except WaiterError as error:
        left = [each["LogicalResourceId"] for each in resources(session, name) if "FAILED" in each["ResourceStatus"]]
        raise Problem(
            f"the stack {name} could not be deleted, because of {', '.join(left) or 'what its events say'}: delete it "
            "in CloudFormation's console, which offers to keep these"
        ) from error


def orphans(session: boto3.Session, name: str) -> list[str]:
    """Tables that a stack has made and that outlive it."""
    made = (each for each in resources(session, name) if each["ResourceType"] == "AWS::DynamoDB::Table")
    names = [each["PhysicalResourceId"] for each in made if each.get("PhysicalResourceId")]
    return [table for table in names if exists(session, table)]


def exists(session: boto3.Session, table: str) -> bool:
    client = session.client("dynamodb")
    try:
        client.describe_table(TableName=table)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def resources(session: boto3.Session, name: str) -> list[dict]:
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    return [each for page in pages for each in page["StackResourceSummaries"]]


def described(session: boto3.Session, name: str) -> dict | None:
    try:
        return session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        # CloudFormation has no code of its own for this.
        cause = error.response["Error"]
        if cause["Code"] == "ValidationError" and "does not exist" in cause["Message"]:
            return None
        raise
