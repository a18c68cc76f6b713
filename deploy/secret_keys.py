"""Which key the secrets are encrypted by: the stack's KmsKeyArn, or AWS's own where it has none.

A role may use the stack's key and no other of the account's, so a secret under a key that the stack gives up could no
longer be read.
"""

import boto3

from problem import Problem, tell

OWN_OF_AWS = "alias/aws/secretsmanager"


def check(session: boto3.Session, prefix: str, before: str, after: str, rekey: bool) -> None:
    """Before anything is built: what is under a key that the stack gives up has to be moved."""
    left = left_behind(session, prefix, before, after)
    if left and not rekey:
        raise Problem(
            f"of the secrets below {prefix}/ {len(left)} ({left[0]}, …) are under {before}, which no function may use "
            "once it is not the stack's KmsKeyArn: --rekey-secrets moves them"
        )


def settle(session: boto3.Session, prefix: str, before: str, after: str, rekey: bool) -> None:
    """Once roles may use the new key, and while they may use the one before."""
    if after:
        others = [name for name, key in keys(session, prefix).items() if not is_same(key, after)]
    else:
        others = left_behind(session, prefix, before, after)
    if not others:
        return
    if rekey:
        tell("Secrets, to another key")
        move(session, others, after or OWN_OF_AWS)
    else:
        print(f"\nOf the secrets below {prefix}/ {len(others)} ({others[0]}, …) are not under the stack's key.")
        print("--rekey-secrets moves them, for every stack that uses them.")


def left_behind(session: boto3.Session, prefix: str, before: str, after: str) -> list[str]:
    if not before or is_same(before, after):
        return []
    return [name for name, key in keys(session, prefix).items() if is_same(key, before)]


def keys(session: boto3.Session, prefix: str) -> dict[str, str]:
    """The secrets below a prefix, each with its key; empty for AWS's own."""
    pages = session.client("secretsmanager").get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [f"{prefix}/"]}]
    )
    found = (each for page in pages for each in page["SecretList"])
    return {each["Name"]: each.get("KmsKeyId") or "" for each in found if each["Name"].startswith(f"{prefix}/")}


def is_same(one: str, other: str) -> bool:
    """Secrets Manager says a key as it was told it: by its ARN or its id alone."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def move(session: boto3.Session, names: list[str], key: str) -> None:
    client = session.client("secretsmanager")
    for name in names:
        client.update_secret(SecretId=name, KmsKeyId=key)
        print(f"moved  {name}")
