"""A change set is shown, judged, and executed only if it keeps what must not be lost; what went wrong in it is said."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import change_set
import pytest
from problem import Problem
from stubs import Session


def change(action: str, kind: str, replacement: str | None = None, **details: str) -> dict:
    made = {"Action": action, "ResourceType": f"AWS::{kind}", "LogicalResourceId": kind}
    targets = [{"Attribute": "Properties", "Name": name, "RequiresRecreation": how} for name, how in details.items()]
    if targets:
        made["Details"] = [{"Target": target} for target in targets]
    return made if replacement is None else {**made, "Replacement": replacement}


@pytest.mark.parametrize(
    ("changed", "parameters", "refused"),
    [
        (change("Modify", "DynamoDB::Table", "False"), {}, False),
        (change("Modify", "DynamoDB::Table", "True"), {}, True),
        (change("Modify", "SQS::Queue", "Conditional"), {}, True),
        (change("Modify", "ApiGatewayV2::Api", "True"), {}, True),
        (change("Modify", "Lambda::Function", "True"), {}, False),
        (change("Remove", "SQS::Queue"), {"TableName": "other"}, True),
        (change("Remove", "DynamoDB::Table"), {}, True),
        (change("Remove", "DynamoDB::Table"), {"TableName": "other"}, False),
        (change("Add", "DynamoDB::Table"), {}, True),
        (change("Add", "SQS::Queue"), {}, False),
        # An index more, such as RecentIndex: CloudFormation only means that a definition that changes would replace it.
        (change("Modify", "DynamoDB::Table", "Conditional", AttributeDefinitions="Conditionally"), {}, False),
        (change("Modify", "DynamoDB::Table", "Conditional", KeySchema="Conditionally"), {}, True),
        (
            change("Modify", "DynamoDB::Table", "Conditional", AttributeDefinitions="Conditionally", TableName="Always"),
            {},
            True,
        ),
        (change("Modify", "DynamoDB::Table", "Conditional", GlobalSecondaryIndexes="Never"), {}, True),
        (change("Modify", "DynamoDB::Table", "Conditional"), {}, True),
    ],
)
def test_what_must_not_be_lost_is_not_replaced(changed: dict, parameters: dict[str, str], refused: bool) -> None:
    assert bool(change_set.objections([changed], parameters)) == refused


def test_a_change_set_that_would_lose_the_table_is_deleted_and_never_executed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session, ran = Session(), []

    def sam(*arguments: str, environment: dict[str, str]) -> None:
        file = Path(arguments[arguments.index("--config-file") + 1])
        ran.append((arguments, file.read_text(), file.stat().st_mode & 0o777))

    monkeypatch.setattr(change_set, "sam", sam)
    cloudformation, now = session.stubs["cloudformation"], datetime(2026, 11, 29, tzinfo=timezone.utc)
    made = {"ChangeSetId": "arn:aws:cloudformation:::changeSet/new", "Status": "CREATE_COMPLETE", "CreationTime": now}
    cloudformation.add_response("list_change_sets", {"Summaries": []})
    cloudformation.add_response("list_change_sets", {"Summaries": [made]})
    replaced = {"Type": "Resource", "ResourceChange": change("Modify", "DynamoDB::Table", "True")}
    cloudformation.add_response("describe_change_set", {"Changes": [replaced]})
    cloudformation.add_response("delete_change_set", {}, {"ChangeSetName": made["ChangeSetId"]})
    with pytest.raises(Problem, match="DynamoDB::Table would be replaced: the table with every authorization"):
        change_set.deploy(session, "shop", {"EdgeSecrets": "hidden"}, Path("folder"), is_new=False)
    cloudformation.assert_no_pending_responses()
    [(arguments, settings, mode)] = ran
    assert "--no-execute-changeset" in arguments
    assert "hidden" not in " ".join(arguments) and "hidden" in settings and mode == 0o600


def event(number: int, resource: str, status: str, reason: str | None = None) -> dict:
    stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/1"
    made = {
        "StackId": stack,
        "EventId": str(number),
        "StackName": "shop",
        "Timestamp": datetime(2026, 11, 29, tzinfo=timezone.utc) + timedelta(seconds=number),
        "LogicalResourceId": resource,
        "PhysicalResourceId": stack if resource == "shop" else f"{resource}-1",
        "ResourceStatus": status,
    }
    return made if reason is None else {**made, "ResourceStatusReason": reason}


def test_the_failures_of_this_deployment_are_said_the_first_first_over_all_pages() -> None:
    session = Session()
    events = [
        event(1, "shop", "UPDATE_IN_PROGRESS"),
        event(2, "Queue", "UPDATE_FAILED", "of last week"),
        event(3, "shop", "UPDATE_IN_PROGRESS"),
        event(4, "Role", "UPDATE_FAILED", "no such policy"),
        event(5, "Table", "UPDATE_IN_PROGRESS"),
        event(6, "Table", "UPDATE_FAILED", "cancelled"),
        event(7, "shop", "UPDATE_ROLLBACK_IN_PROGRESS"),
    ]
    newest = events[::-1]
    cloudformation = session.stubs["cloudformation"]
    cloudformation.add_response("describe_stack_events", {"StackEvents": newest[:2], "NextToken": "more"})
    cloudformation.add_response("describe_stack_events", {"StackEvents": newest[2:], "NextToken": "of the year before"})
    said = change_set.failures(session.client("cloudformation"), "shop")
    assert said == ["  - Role: no such policy", "  - Table: cancelled"]
    cloudformation.assert_no_pending_responses()
