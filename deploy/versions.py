"""The published versions of a stack's functions, and which of them calls are led to."""

import re
from dataclasses import dataclass

import boto3

from stack_state import resources

ALIAS = "live"
# What a function's role is confined to. It does not go back with a version.
CONFINED = {
    "AUTHLINK_TABLE": "table",
    "AUTHLINK_QUEUE_URL": "queue",
    "AUTHLINK_SECRETS_PREFIX": "SecretsPrefix",
}


@dataclass(frozen=True)
class Version:
    """One of a function, with the settings that its role is for."""

    number: int
    release: str
    confined: dict[str, str]
    key: str = ""


def functions(session: boto3.Session, stack: str) -> list[str]:
    made = (each for each in resources(session, stack) if each["ResourceType"] == "AWS::Lambda::Function")
    return sorted(each["PhysicalResourceId"] for each in made)


def served(client: object, function: str) -> Version | None:
    """The version that the function's callers meet."""
    try:
        return version(client.get_function_configuration(FunctionName=function, Qualifier=ALIAS))
    except client.exceptions.ResourceNotFoundException:
        return None


def serving(session: boto3.Session, stack: str) -> list[str]:
    """The release of each function that calls are led to."""
    client = session.client("lambda")
    found = (served(client, function) for function in functions(session, stack))
    return [each.release for each in found if each is not None]


def published(client: object, function: str) -> list[Version]:
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    return [version(each) for page in pages for each in page["Versions"] if each["Version"].isdigit()]


def version(configuration: dict) -> Version:
    """SAM puts the release's name at the end of the description."""
    last = configuration.get("Description", "").rpartition(" ")[2]
    release = last if re.fullmatch(r"[0-9a-f]{4,64}", last) else ""
    variables = configuration.get("Environment", {}).get("Variables", {})
    confined = {name: variables.get(name, "") for name in CONFINED}
    return Version(int(configuration["Version"]), release, confined, configuration.get("KMSKeyArn", ""))
