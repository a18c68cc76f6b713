"""What putting a stack up is told: what was built is looked at first, and CloudFormation gets what options say."""

import sys
from pathlib import Path

import deploy as command
import deploy_options
import pytest
from stubs import Session
from problem import Problem
from questions import Wishes

ROLE = "arn:aws:iam::123456789012:role/cloudformation"


def plan(monkeypatch: pytest.MonkeyPatch, *said: str) -> command.Plan:
    """Of a new stack."""
    monkeypatch.setattr(sys, "argv", ["deploy.py", "--yes", "--skip-build", "--build-dir", "built", *said])
    wishes = Wishes("shop", "1", {}, Path("folder"), None, None, None, None, None, None)
    parameters = {"SecretsPrefix": "shop", "Architecture": "arm64"}
    return command.Plan(Session(), deploy_options.parse(""), wishes, None, parameters)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What was done, in its order."""
    seen = []
    monkeypatch.setattr(command.build, "check", lambda *said: seen.append(("check", *said)))
    monkeypatch.setattr(command.release, "digest", lambda *_: "0a")
    monkeypatch.setattr(command.release, "hidden_digest", lambda *_: "0b")
    monkeypatch.setattr(command.secret_keys, "settle", lambda *_: None)
    monkeypatch.setattr(command.protection, "protect", lambda *_: seen.append(("protect",)))
    monkeypatch.setattr(command.stack, "outputs", lambda *_: {})

    def deploys(_session: object, name: str, _parameters: dict, folder: Path, is_new: bool, handed: list[str]) -> None:
        seen.append(("deploy", name, folder, is_new, handed))

    monkeypatch.setattr(command.change_set, "deploy", deploys)
    return seen


def test_role_tags_and_bucket_are_handed_on(monkeypatch: pytest.MonkeyPatch, done: list[tuple]) -> None:
    options = ["--role-arn", ROLE, "--tag", "team=pay in", "--tag", "cost=a=b", "--bucket", "my-code"]
    command.put_up(plan(monkeypatch, *options))
    handed = ["--s3-bucket", "my-code", "--s3-prefix", "shop", "--role-arn", ROLE]
    handed += ["--tags", '"team"="pay in"', '"cost"="a=b"']
    folder = Path("built")
    assert done == [("check", folder, "arm64"), ("deploy", "shop", folder, True, handed), ("protect",)]


def test_nothing_is_deployed_of_another_processor(monkeypatch: pytest.MonkeyPatch, done: list[tuple]) -> None:
    def refuses(*_: object) -> None:
        raise Problem("built for x86_64")

    monkeypatch.setattr(command.build, "check", refuses)
    with pytest.raises(Problem, match="built for x86_64"):
        command.put_up(plan(monkeypatch))
    assert done == []
