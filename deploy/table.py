"""A table that `TableName` names: whether it is one that the functions can work with, and as safe as the stack's own."""

import json
import shlex
from collections.abc import Iterator

import boto3

from problem import Problem

OURS = "Table"


def check(session: boto3.Session, name: str, wanted: dict) -> None:
    """Before anything is built: what it lacks of the one that is wanted, a function would find out, or nobody."""
    client = session.client("dynamodb")
    try:
        found = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        raise Problem(
            f"there is no table {name} in {session.region_name}: name another by --parameter TableName=…. Of one that "
            f"was deleted DynamoDB keeps a backup for 35 days: aws dynamodb list-backups --table-name {name} "
            "--backup-type SYSTEM, and restore-table-from-backup with its ARN"
        ) from None
    if found["TableStatus"] != "ACTIVE":
        raise Problem(f"the table {name} is {found['TableStatus']}: run this again when it is ACTIVE")
    if wrong := [*of_another_form(found, wanted), *unsafe(client, found, wanted)]:
        raise Problem("\n".join([f"the table {name} cannot be taken into service as it is:", *wrong]))


def as_made(template: dict, has_recent_index: bool) -> dict:
    """The table that the template would make."""
    properties = template["Resources"][OURS]["Properties"]
    indexes = [chosen(index, has_recent_index) for index in properties["GlobalSecondaryIndexes"]]
    attributes = [chosen(attribute, has_recent_index) for attribute in properties["AttributeDefinitions"]]
    return {
        **properties,
        "GlobalSecondaryIndexes": [index for index in indexes if index],
        "AttributeDefinitions": [attribute for attribute in attributes if attribute],
    }


def chosen(value: dict, has_recent_index: bool) -> dict | None:
    if "Fn::If" not in value:
        return value
    _, one, _ = value["Fn::If"]
    return one if has_recent_index else None


def of_another_form(found: dict, wanted: dict) -> Iterator[str]:
    (key, indexes), (key_wanted, indexes_wanted) = form(found), form(wanted)
    if key != key_wanted:
        yield f"  - its key is {in_words(key)} and not {in_words(key_wanted)}: it is no table of authlink's"
        return
    made = {index["IndexName"]: index for index in wanted["GlobalSecondaryIndexes"]}
    for name, index in indexes_wanted.items():
        if name not in indexes:
            yield f"  - it has no index {name}: {making(found['TableName'], made[name], wanted)}"
        elif indexes[name] != index:
            yield f"  - its index {name} has other keys or attributes: delete it, and make it anew"


def unsafe(client: object, found: dict, wanted: dict) -> Iterator[str]:
    name, attribute = found["TableName"], wanted["TimeToLiveSpecification"]["AttributeName"]
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if expiry.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING") or expiry.get("AttributeName") != attribute:
        yield f"  - nothing in it ends by `{attribute}`: aws dynamodb update-time-to-live --table-name {name} \\"
        yield f"      --time-to-live-specification Enabled=true,AttributeName={attribute}"
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        yield "  - it cannot go back to a point in time: aws dynamodb update-continuous-backups \\"
        yield f"      --table-name {name} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    if not found.get("DeletionProtectionEnabled"):
        yield "  - it is not protected against being deleted: aws dynamodb update-table \\"
        yield f"      --table-name {name} --deletion-protection-enabled"


def form(table: dict) -> tuple[list, dict[str, tuple]]:
    """The key of a table, and its indexes."""
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    indexes = {
        index["IndexName"]: (keys(index, types), sorted(index["Projection"].get("NonKeyAttributes", [])))
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    return keys(table, types), indexes


def keys(of: dict, types: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in of["KeySchema"]]


def in_words(key: list[tuple[str, str, str]]) -> str:
    return " and ".join(f"{name} ({kind})" for name, _, kind in key)


def making(table: str, index: dict, wanted: dict) -> str:
    """The command that makes an index: DynamoDB makes one at a time."""
    named = {key["AttributeName"] for key in index["KeySchema"]}
    attributes = [each for each in wanted["AttributeDefinitions"] if each["AttributeName"] in named]
    update = {"AttributeDefinitions": attributes, "GlobalSecondaryIndexUpdates": [{"Create": index}]}
    return f"aws dynamodb update-table --table-name {table} \\\n      --cli-input-json {shlex.quote(json.dumps(update))}"
