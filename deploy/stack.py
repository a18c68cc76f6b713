"""What a stack says of itself."""

import boto3

from problem import Problem
from stack_state import NOT_YET, described

DEFAULT_ARCHITECTURE = "x86_64"


def outputs(session: boto3.Session, name: str) -> dict[str, str]:
    found = described(session, name)
    if found is None or found["StackStatus"] in NOT_YET:
        raise Problem(f"there is no stack {name} in {session.region_name}: give STACK=… or --region")
    said = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    if "TableName" not in said:
        raise Problem(
            f"the stack {name} in {session.region_name} names no table: it is not of authlink, or its deployment has "
            "not succeeded"
        )
    return said


def architecture(wished: dict[str, str], present: dict[str, str]) -> str:
    """Always said aloud, because building and deploying each have a default of their own for what is not."""
    return wished.get("Architecture") or present.get("Architecture") or DEFAULT_ARCHITECTURE
