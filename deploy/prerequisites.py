"""What must be at hand before anything is begun: tools, a region, credentials."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from executions import Limits
from problem import Problem, tell

TOOLS = {
    "cargo": "Rust is needed: https://rustup.rs",
    "openssl": "OpenSSL makes and uses the keys: install your system's package openssl",
    "sam": "run this by `make deploy`, which installs AWS SAM's command line tool into .venv",
    "cargo-lambda": "run this by `make deploy`, which installs cargo-lambda into .venv",
}


def check(region: str | None, profile: str | None, tools: Iterable[str] = TOOLS) -> boto3.Session:
    """The session that everything uses; children of this process find the same region and profile."""
    tell("Tools, region and credentials")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["SAM_CLI_TELEMETRY"] = "0"
    for tool in tools:
        need(tool)
    return signed_in(region, profile)


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        raise Problem(f"{tool} is not installed. {TOOLS[tool]}")


def signed_in(region: str | None, profile: str | None) -> boto3.Session:
    if profile:
        os.environ["AWS_PROFILE"] = profile
    try:
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
    except BotoCoreError as error:
        raise Problem(f"{error}. `aws configure --profile NAME` makes a profile") from error
    if not session.region_name:
        raise Problem("no region is set: give --region, such as --region ap-southeast-1, or set AWS_REGION")
    os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = session.region_name
    try:
        caller = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise Problem(
            f"AWS does not accept the credentials, or there are none ({error}). Sign in by `aws configure` or "
            "`aws sso login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    print(f"{caller['Arn']} in {session.region_name}", file=sys.stderr)
    return session


def execution_limits(session: boto3.Session) -> Limits | None:
    """How many functions the account may run at a time; `None` when it does not say so to us."""
    try:
        said = session.client("lambda").get_account_settings()["AccountLimit"]
        return Limits(said["ConcurrentExecutions"], said["UnreservedConcurrentExecutions"])
    except (ClientError, KeyError):
        return None
