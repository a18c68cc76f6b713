"""What is decided before and while something is deployed, as tables."""

import argparse
from datetime import datetime, timezone
from pathlib import Path

import account_trial
import adoption
import domain
import pytest
import questions
import stack_state
import trial
from stubs import Session
from problem import Problem
from question import agreed
from secret_documents import AccessKey, Account
from stack_state import Present, Verdict, verdict


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, Verdict.NEW),
        ("REVIEW_IN_PROGRESS", Verdict.NEW),
        ("DELETE_COMPLETE", Verdict.NEW),
        ("CREATE_COMPLETE", Verdict.USABLE),
        ("UPDATE_COMPLETE", Verdict.USABLE),
        ("UPDATE_ROLLBACK_COMPLETE", Verdict.USABLE),
        ("IMPORT_COMPLETE", Verdict.USABLE),
        ("CREATE_IN_PROGRESS", Verdict.BUSY),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Verdict.BUSY),
        ("ROLLBACK_IN_PROGRESS", Verdict.BUSY),
        ("DELETE_IN_PROGRESS", Verdict.BUSY),
        ("CREATE_FAILED", Verdict.DEAD),
        ("ROLLBACK_COMPLETE", Verdict.DEAD),
        ("ROLLBACK_FAILED", Verdict.DEAD),
        ("DELETE_FAILED", Verdict.DEAD),
        ("UPDATE_FAILED", Verdict.STUCK),
        ("UPDATE_ROLLBACK_FAILED", Verdict.STUCK),
        ("IMPORT_ROLLBACK_FAILED", Verdict.STUCK),
        ("OF_NEXT_YEAR", Verdict.STUCK),
    ],
)
def test_what_a_state_allows(status: str | None, expected: Verdict) -> None:
    assert verdict(status) is expected


@pytest.mark.parametrize(
    ("given", "asks_nothing", "typed", "goes_on"),
    [(True, True, None, True), (False, True, None, False), (False, False, "yes", True), (False, False, "no", False)],
)
def test_what_cannot_be_undone_is_agreed_to(
    monkeypatch: pytest.MonkeyPatch, given: bool, asks_nothing: bool, typed: str | None, goes_on: bool
) -> None:
    answers = iter(["perhaps", typed])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    if goes_on:
        agreed("Delete it", given, asks_nothing, "--delete-it")
    else:
        with pytest.raises(Problem, match="Say so by --delete-it|nothing was changed"):
            agreed("Delete it", given, asks_nothing, "--delete-it")


def dead(status: str) -> Session:
    """A stack whose first deployment failed, and whose table stayed."""
    session = Session()
    session.is_described(status)
    kinds = {"Table": ("AWS::DynamoDB::Table", "shop-Table-1"), "Api": ("AWS::ApiGatewayV2::Api", "api")}
    now = datetime(2026, 11, 29, tzinfo=timezone.utc)
    made = [
        {
            "LogicalResourceId": name,
            "ResourceType": kind,
            "PhysicalResourceId": physical,
            "ResourceStatus": "DELETE_SKIPPED",
            "LastUpdatedTimestamp": now,
        }
        for name, (kind, physical) in kinds.items()
    ]
    session.stubs["cloudformation"].add_response("list_stack_resources", {"StackResourceSummaries": made})
    session.stubs["dynamodb"].add_response("describe_table", {"Table": {}}, {"TableName": "shop-Table-1"})
    return session


@pytest.mark.parametrize("status", stack_state.DEAD)
def test_a_dead_stack_is_deleted_only_by_a_word_and_its_table_is_named(
    status: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(Problem, match="Say so by --delete-failed-stack"):
        stack_state.look(dead(status), "shop", delete=False, asks_nothing=True)
    said = capsys.readouterr().out
    assert f"The stack shop is {status}" in said and "--parameter TableName=shop-Table-1" in said

    session = dead(status)
    cloudformation = session.stubs["cloudformation"]
    cloudformation.add_response("delete_stack", {}, {"StackName": "shop"})
    cloudformation.add_client_error("describe_stacks", "ValidationError", "Stack with id shop does not exist", 400)
    assert stack_state.look(session, "shop", delete=True, asks_nothing=True) is None
    cloudformation.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_IN_PROGRESS", "wait until that is over"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name shop"),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name shop"),
    ],
)
def test_what_to_do_is_said(status: str, advice: str) -> None:
    session = Session()
    session.is_described(status)
    with pytest.raises(Problem, match=advice):
        stack_state.look(session, "shop", delete=True, asks_nothing=True)


API = "https://a.execute-api.us-east-1.amazonaws.com"
NAME = {"DomainName": "pay.example.com", "CertificateArn": "arn"}


@pytest.mark.parametrize(
    ("before", "wished", "resolves", "stops"),
    [
        ({}, {}, False, None),
        ({}, NAME, True, "Take two steps"),
        ({}, {**NAME, "PublicUrl": API}, False, None),
        ({}, {**NAME, "PublicUrl": "https://other.example.com"}, True, "Take two steps"),
        ({**NAME, "PublicUrl": API}, {"PublicUrl": ""}, False, "has no DNS record yet"),
        ({**NAME, "PublicUrl": API}, {"PublicUrl": ""}, True, None),
        (NAME, {"LogLevel": "debug"}, False, None),
        (NAME, {"DomainName": "new.example.com"}, True, "Take two steps"),
        (NAME, {"DomainName": "new.example.com", "PublicUrl": "https://pay.example.com"}, True, "would take away"),
        (NAME, {"DomainName": "", "PublicUrl": "https://pay.example.com"}, True, "would take away"),
        ({}, {"PublicUrl": "https://front.example.com"}, False, "has no DNS record yet"),
        ({}, {"PublicUrl": "https://front.example.com"}, True, None),
        (NAME, {"DefaultEndpoint": "off"}, True, None),
        ({**NAME, "PublicUrl": API}, {"DefaultEndpoint": "off"}, True, "DefaultEndpoint=off would close"),
        ({**NAME, "PublicUrl": API}, {"DefaultEndpoint": "off", "PublicUrl": ""}, True, None),
        ({**NAME, "DefaultEndpoint": "off"}, {"PublicUrl": API}, True, "DefaultEndpoint=off would close"),
    ],
)
def test_links_move_only_to_an_address_that_answers(
    before: dict[str, str], wished: dict[str, str], resolves: bool, stops: str | None
) -> None:
    present = Present(before, {"ApiUrl": API})
    if stops is None:
        domain.check(present, wished, lambda _: resolves)
    else:
        with pytest.raises(Problem, match=stops):
            domain.check(present, wished, lambda _: resolves)


def test_a_new_stack_may_begin_with_its_domain() -> None:
    domain.check(None, NAME, lambda _: False)


def test_the_public_address_is_tried_as_soon_as_it_has_a_record() -> None:
    outputs = {"ApiUrl": API, "PublicUrl": "https://pay.example.com"}
    for closed in (True, False):
        assert domain.to_try(outputs, closed, lambda _: True) == ("https://pay.example.com", None)
    address, note = domain.to_try(outputs, False, lambda _: False)
    assert address == API and "pay.example.com has no DNS record yet" in note
    address, note = domain.to_try(outputs, True, lambda _: False)
    assert address is None and "own address is closed (DefaultEndpoint=off), and pay.example.com has no DNS" in note


def test_secrets_of_others_are_shared_by_a_word() -> None:
    session = Session()
    adoption.check_owner(session, "shop", share=True)
    found = {"SecretList": [{"Name": "shop/callback-key"}, {"Name": "shop-of-others/callback-key"}]}
    session.stubs["secretsmanager"].add_response("list_secrets", found)
    with pytest.raises(Problem, match=r"below shop/ already \(shop/callback-key\)"):
        adoption.check_owner(session, "shop", share=False)
    session.stubs["secretsmanager"].add_response("list_secrets", {"SecretList": []})
    adoption.check_owner(session, "shop", share=False)


@pytest.mark.parametrize(
    ("status", "region", "hinted"), [(403, "cn-north-1", True), (403, "us-east-1", False), (404, "cn-north-1", False)]
)
def test_china_has_a_hint(status: int, region: str, hinted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (status, '{"message":null}')
    assert ("ICP" in trial.explained(*answer, region).text) == hinted
    monkeypatch.setattr(account_trial, "send", lambda *_: answer)
    account = Account("acme", None, None, 1, "Acme", None, contract=False)
    outcome = account_trial.try_account(API, account, AccessKey("AL1", "secret"), region, patience_secs=-1)
    assert outcome.works is False and ("ICP" in outcome.text) == hinted


def app(given: str | None, parameters: dict[str, str], present: str | None) -> str:
    options = argparse.Namespace(app_id=given)
    stack = Present({"AlipayAppId": present}, {}) if present else None
    return questions.asked_app(options, lambda _: given or "asked", parameters, stack)


@pytest.mark.parametrize(
    ("given", "parameters", "present", "expected"),
    [
        (None, {}, None, "asked"),
        ("1", {}, None, "1"),
        (None, {}, "1", "1"),
        ("1", {}, "1", "1"),
        ("2", {}, "1", None),
        (None, {"AlipayAppId": "2"}, "1", "2"),
        ("2", {"AlipayAppId": "2"}, "1", "2"),
        ("3", {"AlipayAppId": "2"}, "1", None),
    ],
)
def test_the_app_is_the_stacks_unless_a_parameter_says_another(
    given: str | None, parameters: dict[str, str], present: str | None, expected: str | None
) -> None:
    if expected is None:
        with pytest.raises(Problem, match="give --parameter AlipayAppId="):
            app(given, parameters, present)
    else:
        assert app(given, parameters, present) == expected
