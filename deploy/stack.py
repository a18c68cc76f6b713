"""The stack: built and deployed by AWS SAM, and what it says of itself."""

import os
import subprocess
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from prerequisites import without_credentials
from problem import Problem, tell

ROOT = Path(__file__).resolve().parents[1]
BUILD_FOLDER = Path(".aws-sam/build")
DEFAULT_ARCHITECTURE = "x86_64"


def parameters_of(session: boto3.Session, name: str) -> dict[str, str]:
    """What the stack's parameters are now: none when there is no such stack yet."""
    found = described(session, name)
    if found is None:
        return {}
    known = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
    if "AlipayAppId" not in known:
        raise Problem(f"the stack {name} in {session.region_name} is not of authlink: give another name by --stack")
    return known


def outputs(session: boto3.Session, name: str) -> dict[str, str]:
    found = described(session, name)
    if found is None:
        raise Problem(f"there is no stack {name} in {session.region_name}: give STACK=… or --region")
    said = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    if "TableName" not in said:
        raise Problem(
            f"the stack {name} in {session.region_name} names no table: it is not of authlink, or its deployment has "
            "not succeeded"
        )
    return said


def described(session: boto3.Session, name: str) -> dict | None:
    try:
        found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        # CloudFormation has no code of its own for this.
        cause = error.response["Error"]
        if cause["Code"] == "ValidationError" and "does not exist" in cause["Message"]:
            return None
        raise
    # A name with a change set that was never executed.
    return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else found


def architecture(wished: dict[str, str], present: dict[str, str]) -> str:
    """Always said aloud, because building and deploying each have a default of their own for what is not."""
    return wished.get("Architecture") or present.get("Architecture") or DEFAULT_ARCHITECTURE


def build(parameters: dict[str, str], folder: Path) -> None:
    tell("Build (the first time takes some minutes)")
    sam("build", "--build-dir", str(folder), *overrides(parameters), environment=without_credentials())


def deploy(name: str, parameters: dict[str, str], folder: Path) -> None:
    """What `parameters` does not say stays as it is, or has its default in a new stack."""
    tell(f"Deploy the stack {name}")
    template = folder / "template.yaml"
    if not (ROOT / template).is_file():
        raise Problem(f"nothing is built in {folder}: leave out --skip-build")
    # fmt: off
    sam(
        "deploy", "--stack-name", name, "--template-file", str(template), "--resolve-s3",
        "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
        "--no-confirm-changeset", "--no-fail-on-empty-changeset", *overrides(parameters), environment=dict(os.environ),
    )
    # fmt: on


def overrides(parameters: dict[str, str]) -> list[str]:
    """In quotation marks, without which SAM refuses an empty value and cuts others at a space."""
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in parameters.items())]


def sam(*arguments: str, environment: dict[str, str]) -> None:
    done = subprocess.run(["sam", *arguments], cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        raise Problem(f"`sam {arguments[0]}` failed; its last lines above say why. Run this again when that is mended")
