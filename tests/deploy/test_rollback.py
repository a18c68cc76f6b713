"""Where a rollback leads calls to, and what it refuses."""

from dataclasses import replace

import pytest
import rollback
import template_file
from problem import Problem
from stubs import Session
from versions import CONFINED, Version, version


def published(number: int, release: str, **other: str) -> Version:
    return Version(number, release, {**dict.fromkeys(CONFINED, "same"), **other})


KNOWN = [published(1, "a"), published(2, "b"), published(3, "c"), published(4, "b")]


@pytest.mark.parametrize(
    ("now", "release", "then"),
    [(3, "b", 4), (3, "a", 1), (2, "c", 3), (3, "c", 3), (3, "nowhere", None), (None, "a", None)],
)
def test_where_a_rollback_leads_to(now: int | None, release: str, then: int | None) -> None:
    served = None if now is None else KNOWN[now - 1]
    if then is None:
        with pytest.raises(Problem, match=f"has no version of release {release}"):
            rollback.move("f", served, KNOWN, release)
    else:
        assert rollback.move("f", served, KNOWN, release).then.number == then


@pytest.mark.parametrize(("variable", "name"), CONFINED.items())
def test_a_release_that_its_role_is_not_for_any_more_is_refused_by_name(variable: str, name: str) -> None:
    known = [published(1, "a", **{variable: "another"}), published(2, "b")]
    with pytest.raises(Problem, match=f"has the {name} another, and its role is for same now"):
        rollback.move("f", known[1], known, "a")


@pytest.mark.parametrize(("key", "refused"), [("", False), ("one", False), ("two", True)])
def test_a_release_whose_settings_its_role_cannot_decrypt_is_refused(key: str, refused: bool) -> None:
    then, now = replace(published(1, "a"), key=key), replace(published(2, "b"), key="one")
    if refused:
        with pytest.raises(Problem, match="under the key two, which its role may not use any more"):
            rollback.move("f", now, [then, now], "a")
    else:
        assert rollback.move("f", now, [then, now], "a").then == then


def test_what_roles_are_confined_to_is_a_setting_of_every_function() -> None:
    settings = template_file.read()["Globals"]["Function"]["Environment"]["Variables"]
    assert set(CONFINED) <= set(settings)


def test_a_rollout_that_is_under_way_is_cancelled() -> None:
    session = Session()
    session.is_described("UPDATE_IN_PROGRESS")
    session.stubs["cloudformation"].add_response("cancel_update_stack", {}, {"StackName": "shop"})
    assert rollback.cancelled(session, "shop", said=True)
    session.is_described("UPDATE_COMPLETE")
    assert not rollback.cancelled(session, "shop", said=True)
    session.stubs["cloudformation"].assert_no_pending_responses()


@pytest.mark.parametrize(
    ("description", "release"), [("Delivers what is due. 0f1e", "0f1e"), ("Delivers what is due.", ""), ("", "")]
)
def test_a_versions_release_is_at_the_end_of_its_description(description: str, release: str) -> None:
    variables = {"Variables": {"AUTHLINK_TABLE": "t", "AUTHLINK_LOG_LEVEL": "info"}}
    configuration = {"Version": "7", "Description": description, "Environment": variables}
    assert version(configuration) == Version(7, release, {**dict.fromkeys(CONFINED, ""), "AUTHLINK_TABLE": "t"})
