"""The secrets that a deployment finds below its prefix: whose they are, and whether they are about to be deleted."""

import boto3

from problem import Problem
from question import agreed


def check_owner(session: boto3.Session, prefix: str, share: bool) -> None:
    """A new stack takes secrets that are there already only if that is said: they are somebody's."""
    if share:
        return
    pages = session.client("secretsmanager").get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [f"{prefix}/"]}]
    )
    names = sorted(each["Name"] for page in pages for each in page["SecretList"] if each["Name"].startswith(f"{prefix}/"))
    if names:
        raise Problem(
            f"there are secrets below {prefix}/ already ({', '.join(names[:3])}{', …' if names[3:] else ''}), of another "
            "deployment or of one that was taken down. --share-secrets uses them, callers and keys alike; "
            "--parameter SecretsPrefix=… begins with none"
        )


def check_deletions(session: boto3.Session, prefix: str, names: list[str], restore: bool, asks_nothing: bool) -> None:
    """A secret that waits for its deletion can neither be read nor made."""
    client = session.client("secretsmanager")
    dying = [name for name in names if is_dying(client, f"{prefix}/{name}")]
    if not dying:
        return
    print(f"\nMarked for deletion in Secrets Manager, and needed: {', '.join(f'{prefix}/{name}' for name in dying)}")
    agreed("Restore them", restore, asks_nothing, "--restore-secrets")
    for name in dying:
        client.restore_secret(SecretId=f"{prefix}/{name}")
        print(f"restored {prefix}/{name}")


def is_there(session: boto3.Session, name: str) -> bool:
    return described(session.client("secretsmanager"), name) is not None


def is_dying(client: object, name: str) -> bool:
    return "DeletedDate" in (described(client, name) or {})


def described(client: object, name: str) -> dict | None:
    try:
        return client.describe_secret(SecretId=name)
    except client.exceptions.ResourceNotFoundException:
        return None
