"""What the deployment depends on in template.yaml, and what it does with the names of parameters."""

import json

import moves
import pytest
import release
import template_file
from problem import Problem
from stack_state import Present

TEMPLATE = template_file.read()
# Raised by a fault of ours alone. What merchants, users and strangers can bring about must not hold a deployment up.
OF_OURS = {"Panicked", "Unavailable", "KeyTrouble", "GatewayTrouble", "UnreadableRecord"}


def test_only_a_fault_of_ours_ends_a_rollout() -> None:
    for name, properties in release.functions(TEMPLATE).items():
        condition, alarms, _ = properties["DeploymentPreference"]["Alarms"]["Fn::If"]
        named = {alarm["Ref"] for alarm in alarms}
        assert condition == "WatchesRollout" and f"{name}Errors" in named
        assert named - {f"{name}Errors"} <= OF_OURS, name


def test_roles_reach_the_table_that_calls_move_away_from_and_all_calls_move_at_once() -> None:
    seen = 0
    for resource in TEMPLATE["Resources"].values():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for statement in resource["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
            if "dynamodb:" not in json.dumps(statement["Action"]):
                continue
            in_service, before = statement["Resource"]
            condition, reached, otherwise = before["Fn::If"]
            assert (condition, otherwise) == ("HasPreviousTable", {"Ref": "AWS::NoValue"})
            named = in_service["Fn::If"][2]["Fn::Sub"]
            assert reached["Fn::Sub"] == named.replace("${TableName}", "${PreviousTableName}")
            seen += 1
    assert seen > 5
    for properties in release.functions(TEMPLATE).values():
        kind = properties["DeploymentPreference"]["Type"]["Fn::If"]
        assert kind == ["HasPreviousTable", "AllAtOnce", {"Ref": "Rollout"}]


PRESENT = Present({"TableName": "", "PreviousTableName": "", "KmsKeyArn": "one"}, {"TableName": "old"})
UNFINISHED = Present({"TableName": "new", "PreviousTableName": "old"}, {"TableName": "new"})
END = {"PreviousTableName": "", "PreviousKmsKeyArn": ""}


@pytest.mark.parametrize(
    ("present", "said", "expected"),
    [
        (None, {"LogLevel": "debug"}, [{"LogLevel": "debug"}]),
        (PRESENT, {"LogLevel": "debug"}, [{"LogLevel": "debug", **END}]),
        (PRESENT, {"TableName": "old", "KmsKeyArn": "one"}, [{"TableName": "old", "KmsKeyArn": "one", **END}]),
        (PRESENT, {"TableName": "new"}, [{"TableName": "new", **END, "PreviousTableName": "old"}, END]),
        (PRESENT, {"KmsKeyArn": "two"}, [{"KmsKeyArn": "two", **END, "PreviousKmsKeyArn": "one"}, END]),
        (PRESENT, {"KmsKeyArn": ""}, [{"KmsKeyArn": "", **END, "PreviousKmsKeyArn": "one"}, END]),
        (Present({}, {"TableName": "old"}), {"KmsKeyArn": "two"}, [{"KmsKeyArn": "two", **END}]),
        (UNFINISHED, {"LogLevel": "debug"}, [{"LogLevel": "debug", **END, "PreviousTableName": "old"}, END]),
    ],
)
def test_another_table_and_another_key_take_two_steps(
    present: Present | None, said: dict, expected: list[dict]
) -> None:
    assert moves.steps(present, said) == expected


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("AlarmEmial", "a@b.example", "did you mean AlarmEmail"),
        ("loglevel", "debug", "did you mean LogLevel"),
        ("Colour", "blue", "lists them"),
        ("Release", "1", "the deployment itself says it"),
        ("EdgeSecrets", "0123456789abcdef", "--edge-secrets FILE"),
        ("LogLevel", "debug", None),
        ("EdgeSecrets", "", None),
    ],
)
def test_a_parameter_is_one_of_the_template_and_no_secret(name: str, value: str, hint: str | None) -> None:
    if hint is None:
        template_file.check_said(TEMPLATE, {name: value})
    else:
        with pytest.raises(Problem, match=hint) as said:
            template_file.check_said(TEMPLATE, {name: value})
        assert not value or value not in str(said.value)


def test_the_reference_of_a_page_finds_its_lines() -> None:
    query = TEMPLATE["Resources"]["OneAuthorizationQuery"]["Properties"]["QueryString"]
    assert "filter reference like /(?i)^REFERENCE/" in query, "a page shows its first digits, in upper case"


def resources(kind: str) -> dict[str, dict]:
    every = TEMPLATE["Resources"].items()
    return {name: each["Properties"] for name, each in every if each["Type"] == kind}


def test_every_log_group_and_every_function_is_under_the_key_of_ones_own() -> None:
    key = {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
    groups = resources("AWS::Logs::LogGroup")
    assert len(groups) == len(release.functions(TEMPLATE)) + 1, "and that of the API"
    assert {name: group.get("KmsKeyId") for name, group in groups.items()} == dict.fromkeys(groups, key)
    assert TEMPLATE["Globals"]["Function"]["KmsKeyArn"] == key
    assert not any("KmsKeyArn" in function for function in resources("AWS::Serverless::Function").values())


def test_the_apis_own_address_is_closed_where_that_is_wished() -> None:
    [api] = resources("AWS::ApiGatewayV2::Api").values()
    assert api["DisableExecuteApiEndpoint"] == {"Fn::If": ["HasNoDefaultEndpoint", True, False]}
    assert TEMPLATE["Conditions"]["HasNoDefaultEndpoint"] == {"Fn::Equals": [{"Ref": "DefaultEndpoint"}, "off"]}


def test_the_budget_tells_at_four_fifths_and_of_a_forecast_above_it() -> None:
    [budget] = resources("AWS::Budgets::Budget").values()
    told = [
        (
            each["Notification"]["NotificationType"],
            each["Notification"]["ComparisonOperator"],
            (each["Notification"]["Threshold"], each["Notification"]["ThresholdType"]),
            each["Subscribers"],
        )
        for each in budget["NotificationsWithSubscribers"]
    ]
    somebody = [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]
    assert told == [
        ("ACTUAL", "GREATER_THAN", (80, "PERCENTAGE"), somebody),
        ("FORECASTED", "GREATER_THAN", (100, "PERCENTAGE"), somebody),
    ]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudgetUsd"}, "Unit": "USD"}
