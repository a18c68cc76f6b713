#!/usr/bin/env python3
"""Brings the records back to a point in time: in a new table, made as safe as the old one, which the stack then uses.

The old table stays as it is, protected. What was recorded after the point in time is in it alone, except who is
disabled: a restore does not bring a stolen key back to life. Of a table that is gone, DynamoDB's own last backup is
used.
"""

import python_version  # isort: skip  (first, because the rest needs what it insists on)

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import boto3
from botocore.exceptions import ClientError, WaiterError

import change_set
import deny_list
import moves
import release
import sam_options
import table
from command import parser
from prerequisites import check
from problem import Problem, tell
from question import agreed
from stack_state import Present, exists, running

# As the template has it.
TIME_TO_LIVE = "ttl"
# A large table takes hours.
PATIENCE = {"Delay": 10, "MaxAttempts": 8640}
# A table that has just been restored may not have backups of its own for a moment.
BACKUP_ATTEMPTS, BACKUP_WAIT_SECS = 60, 10


@dataclass(frozen=True)
class Point:
    """What is brought back: a moment, of a table that is there or of a backup."""

    at: datetime
    backup: str | None = None


def main() -> None:
    options = parsed()
    session = check(options.region, options.profile, ("sam",))
    present = running(session, options.stack)
    if "TableName" not in present.parameters:
        raise Problem(f"the stack {options.stack} cannot be given a table yet: run `make deploy` of this version first")
    client = session.client("dynamodb")
    source = options.source or present.outputs["TableName"]
    target = options.to or f"{options.stack}-restored-{datetime.now(timezone.utc):%Y%m%d%H%M%S}"
    point = None if exists(session, target) else chosen(client, source, moment(options.at))
    if point is None and options.at:
        raise Problem(f"{target} is there already, and --at cannot bring it to another time: leave out --at, or --to")
    announce(options.stack, source, target, point)
    agreed("Go on", options.yes, not sys.stdin.isatty(), "--yes")
    try:
        bring_back(session, options, present, source, target, point)
    except KeyboardInterrupt:
        again = f'make restore STACK={options.stack} ARGS="--to {target}"'
        raise Problem(f"by hand. This goes on from here: {again}") from None


def bring_back(
    session: boto3.Session, options: argparse.Namespace, present: Present, source: str, target: str, point: Point | None
) -> None:
    client, began = session.client("dynamodb"), time.monotonic()
    if point is not None:
        restore(client, source, target, point)
    secure(client, target)
    compare(client, source, target)
    restored_by = time.monotonic()
    in_service = present.outputs["TableName"]
    deny_list.carry(client, in_service, target)
    take_into_service(session, options, present, target)
    # Who was disabled while calls moved.
    deny_list.carry(client, in_service, target)
    tell("Done")
    print(f"recovery point: {f'{point.at:%Y-%m-%d %H:%M:%S} UTC' if point else f'that of {target}'}")
    of_table, of_stack = restored_by - began, time.monotonic() - restored_by
    print(f"recovery time: {of_table:.0f} s for the table, {of_stack:.0f} s for the stack")
    if exists(session, source):
        print(f"The old table {source} stays. Look at it by `authlink authorizations show --table {source} …`.")


def parsed() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--at", metavar="TIME", help="as 2026-11-29T06:30:00Z; the latest that can be had, if not said")
    made.add_argument("--to", metavar="TABLE", help="the new table's name; one that is there is used as it is")
    made.add_argument("--source", metavar="TABLE", help="another table than the stack's")
    sam_options.add_to(made)
    return made.parse_args()


def moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # Python 3.10 does not know the Z.
        said = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise Problem(f"--at must be a time as 2026-11-29T06:30:00Z, not {text!r}") from error
    if said.tzinfo is None:
        raise Problem("--at must say its offset, as the Z in 2026-11-29T06:30:00Z")
    return said.astimezone(timezone.utc)


def chosen(client: object, source: str, wished: datetime | None) -> Point:
    """The point in time, which must be one that the table can go back to."""
    try:
        said = client.describe_continuous_backups(TableName=source)["ContinuousBackupsDescription"]
    except client.exceptions.TableNotFoundException:
        return last_backup(client, source, wished)
    said = said.get("PointInTimeRecoveryDescription", {})
    if said.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise Problem(f"the table {source} has no point-in-time recovery")
    earliest, latest = (
        said[f"{name}RestorableDateTime"].astimezone(timezone.utc) for name in ("Earliest", "Latest")
    )
    if wished is None:
        return Point(latest)
    if not earliest <= wished <= latest:
        first, last = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in (earliest, latest))
        raise Problem(f"{source} can go back to {first} at the earliest and {last} at the latest")
    return Point(wished)


def last_backup(client: object, source: str, wished: datetime | None) -> Point:
    """Of a table that was deleted with its backups on, DynamoDB keeps one of its last moment, for 35 days."""
    pages = client.get_paginator("list_backups").paginate(TableName=source, BackupType="SYSTEM")
    found = [each for page in pages for each in page["BackupSummaries"] if each["BackupStatus"] == "AVAILABLE"]
    if not found:
        raise Problem(f"there is no table {source}, and no backup that DynamoDB made of it: name another by --source")
    if wished is not None:
        raise Problem(f"the table {source} is gone, and can be had as of its end alone: leave out --at")
    last = max(found, key=lambda each: each["BackupCreationDateTime"])
    return Point(last["BackupCreationDateTime"].astimezone(timezone.utc), last["BackupArn"])


def announce(stack: str, source: str, target: str, point: Point | None) -> None:
    if point is None:
        print(f"\nThe table {target} is there already: it is secured, and the stack {stack} uses it from then on.")
    else:
        print(f"\nThe records of {source} as of {point.at:%Y-%m-%d %H:%M:%S} UTC are restored into {target}, which the")
        print(f"stack {stack} then uses. What was recorded since is not in it: links that were given out since do not")
        print("work, consents since are asked for again, and openIds that were delivered since are sent again.")
    print("Until the stack uses it, calls are answered from the table that it has now.")


def restore(client: object, source: str, target: str, point: Point) -> None:
    tell(f"Restore {target} (minutes to hours)")
    if point.backup:
        client.restore_table_from_backup(TargetTableName=target, BackupArn=point.backup)
    else:
        client.restore_table_to_point_in_time(SourceTableName=source, TargetTableName=target, RestoreDateTime=point.at)
    try:
        client.get_waiter("table_exists").wait(TableName=target, WaiterConfig=PATIENCE)
    except WaiterError as error:
        raise Problem(f"{target} is not there yet: run this again with --to {target} when it is ACTIVE") from error


def secure(client: object, name: str, pause: Callable[[float], None] = time.sleep) -> None:
    """What a restored table does not have from the one that it was made of."""
    tell(f"Expiry, backups and protection of {name}")
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if expiry not in ("ENABLED", "ENABLING"):
        wanted = {"Enabled": True, "AttributeName": TIME_TO_LIVE}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)
    client.update_table(TableName=name, DeletionProtectionEnabled=True)
    for attempt in range(BACKUP_ATTEMPTS):
        try:
            client.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
            return
        except ClientError as error:
            passing = ("ContinuousBackupsUnavailableException", "ResourceInUseException")
            if error.response["Error"]["Code"] not in passing or attempt == BACKUP_ATTEMPTS - 1:
                raise
            pause(BACKUP_WAIT_SECS)


def compare(client: object, source: str, target: str) -> None:
    """A table of another form would be found out by a function, too late."""
    try:
        old = client.describe_table(TableName=source)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return
    if table.form(old) != table.form(client.describe_table(TableName=target)["Table"]):
        raise Problem(f"{target} has other keys or indexes than {source}: it is not taken into service")


def take_into_service(session: boto3.Session, options: argparse.Namespace, present: Present, name: str) -> None:
    tell(f"The stack {options.stack} uses {name}")
    # As it was deployed, with the code where it lies. A stack's own copy would be used as SAM had changed it for the
    # parameters that were, and publish no version for new ones.
    found = session.client("cloudformation").get_template(StackName=options.stack, TemplateStage="Original")
    template, named = found["TemplateBody"], {}
    if name != present.outputs["TableName"]:
        _, hidden = release.parts(present.parameters["Release"])
        named = {"TableName": name, "Release": release.new(release.NOTHING, hidden), "PreviousRelease": ""}
    handed = sam_options.of(options, options.stack, present.tags)
    with tempfile.TemporaryDirectory() as folder:
        text = template if isinstance(template, str) else json.dumps(template)
        (Path(folder) / "template.yaml").write_text(text, encoding="utf-8")
        for step in moves.steps(present, named):
            change_set.deploy(session, options.stack, step, Path(folder), is_new=False, handed=handed)


if __name__ == "__main__":
    with Problem.ends_the_program():
        main()
