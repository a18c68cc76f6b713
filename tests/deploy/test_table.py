"""A table that is to be taken into service: it has what the functions need, and is as safe as the stack's own."""

import copy
from collections.abc import Callable

import pytest
import table
import template_file
from problem import Problem
from stubs import Session

NAME = "kept"
TEMPLATE = template_file.read()
ENABLED = {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def described(has_recent_index: bool = False) -> dict:
    """As DynamoDB describes the table that the template makes."""
    made = table.as_made(copy.deepcopy(TEMPLATE), has_recent_index)
    shown = {name: made[name] for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")}
    return {"TableName": NAME, "TableStatus": "ACTIVE", "DeletionProtectionEnabled": True, **shown}


def looked_at(found: dict, expiry: dict, backups: str, has_recent_index: bool = False) -> None:
    session = Session()
    dynamodb = session.stubs["dynamodb"]
    dynamodb.add_response("describe_table", {"Table": found}, {"TableName": NAME})
    dynamodb.add_response("describe_time_to_live", {"TimeToLiveDescription": expiry}, {"TableName": NAME})
    said = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": backups}}
    dynamodb.add_response("describe_continuous_backups", {"ContinuousBackupsDescription": said}, {"TableName": NAME})
    table.check(session, NAME, table.as_made(TEMPLATE, has_recent_index))


@pytest.mark.parametrize(("has", "wished"), [(False, False), (True, True), (True, False)])
def test_a_table_as_the_template_makes_it_is_taken(has: bool, wished: bool) -> None:
    looked_at(described(has), ENABLED, "ENABLED", wished)


def without(name: str) -> Callable[[dict], None]:
    def change(found: dict) -> None:
        found["GlobalSecondaryIndexes"] = [one for one in found["GlobalSecondaryIndexes"] if one["IndexName"] != name]

    return change


def with_another_key(found: dict) -> None:
    found["KeySchema"] = [{"AttributeName": "outbox", "KeyType": "HASH"}]


def with_another_sort_key(found: dict) -> None:
    found["GlobalSecondaryIndexes"][0]["KeySchema"][1]["AttributeName"] = "attentionAt"


def with_fewer_attributes(found: dict) -> None:
    found["GlobalSecondaryIndexes"][1]["Projection"]["NonKeyAttributes"] = ["status"]


def with_numbers_as_text(found: dict) -> None:
    for each in found["AttributeDefinitions"]:
        each["AttributeType"] = "S"


def unprotected(found: dict) -> None:
    found["DeletionProtectionEnabled"] = False


@pytest.mark.parametrize(
    ("change", "expiry", "backups", "recent", "said"),
    [
        (with_another_key, ENABLED, "ENABLED", False, r"its key is outbox \(S\) and not pk \(S\): it is no table of au"),
        (without("attention"), ENABLED, "ENABLED", False, "no index attention: aws dynamodb update-table --table-name kept"),
        (without("outbox"), ENABLED, "ENABLED", False, '{"AttributeName": "outboxAt", "AttributeType": "N"}'),
        (without("recent"), ENABLED, "ENABLED", True, "no index recent"),
        (with_another_sort_key, ENABLED, "ENABLED", False, "its index outbox has other keys"),
        (with_fewer_attributes, ENABLED, "ENABLED", False, "its index attention has other keys or attributes"),
        (with_numbers_as_text, ENABLED, "ENABLED", False, "its index outbox has other keys"),
        (None, {"TimeToLiveStatus": "DISABLED"}, "ENABLED", False, "aws dynamodb update-time-to-live --table-name kept"),
        (None, {**ENABLED, "AttributeName": "expires"}, "ENABLED", False, "nothing in it ends by `ttl`"),
        (None, ENABLED, "DISABLED", False, "aws dynamodb update-continuous-backups"),
        (unprotected, ENABLED, "ENABLED", False, "--table-name kept --deletion-protection-enabled"),
    ],
)
def test_what_a_table_lacks_is_said_with_what_to_do(
    change: Callable[[dict], None] | None, expiry: dict, backups: str, recent: bool, said: str
) -> None:
    found = described(recent)
    if change:
        change(found)
    with pytest.raises(Problem, match="the table kept cannot be taken into service as it is") as problem:
        looked_at(found, expiry, backups, recent)
    assert problem.match(said)


def test_a_table_that_is_not_there_or_not_ready_is_named() -> None:
    session = Session()
    session.stubs["dynamodb"].add_client_error("describe_table", "ResourceNotFoundException")
    with pytest.raises(Problem, match="there is no table kept in us-east-1"):
        table.check(session, NAME, table.as_made(TEMPLATE, has_recent_index=False))
    session = Session()
    session.stubs["dynamodb"].add_response("describe_table", {"Table": {**described(), "TableStatus": "CREATING"}})
    with pytest.raises(Problem, match="the table kept is CREATING"):
        table.check(session, NAME, table.as_made(TEMPLATE, has_recent_index=False))
