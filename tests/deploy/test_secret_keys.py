"""Which key encrypts the secrets, when the stack's changes."""

import pytest
import secret_keys
from problem import Problem

ONE, OTHER = (f"arn:aws:kms:us-east-1:123456789012:key/{digit * 8}" for digit in "12")


class Manager:
    """Of secrets by name, each with its key."""

    def __init__(self, kept: dict[str, str | None]) -> None:
        self.kept = dict(kept)

    def client(self, _: str) -> "Manager":
        return self

    def get_paginator(self, _: str) -> "Manager":
        return self

    def paginate(self, **_: object) -> list[dict]:
        said = ({"Name": name, "KmsKeyId": key} for name, key in self.kept.items())
        return [{"SecretList": [{name: value for name, value in each.items() if value} for each in said]}]

    def update_secret(self, SecretId: str, KmsKeyId: str) -> None:
        self.kept[SecretId] = KmsKeyId


SECRETS = {"shop/one": None, "shop/two": ONE, "shop/three": ONE.rpartition("/")[2], "shopping/four": ONE}


@pytest.mark.parametrize(("before", "after"), [("", ""), ("", ONE), (ONE, ONE), (OTHER, ONE)])
def test_a_key_that_no_secret_needs_may_go(before: str, after: str) -> None:
    manager = Manager(SECRETS)
    secret_keys.check(manager, "shop", before, after, rekey=False)
    assert manager.kept == SECRETS


@pytest.mark.parametrize("after", ["", OTHER])
def test_a_key_that_functions_could_use_no_more_is_given_up_by_a_word(after: str) -> None:
    manager = Manager(SECRETS)
    with pytest.raises(Problem, match="of the secrets below shop/ 2 .*--rekey-secrets moves them"):
        secret_keys.check(manager, "shop", ONE, after, rekey=False)
    secret_keys.check(manager, "shop", ONE, after, rekey=True)
    assert manager.kept == SECRETS, "not before roles may use the other"
    secret_keys.settle(manager, "shop", ONE, after, rekey=True)
    other = after or secret_keys.OWN_OF_AWS
    moved = {"shop/one": after or None, "shop/two": other, "shop/three": other, "shopping/four": ONE}
    assert manager.kept == moved


def test_secrets_under_another_key_are_named_and_moved_by_a_word(capsys: pytest.CaptureFixture) -> None:
    manager = Manager(SECRETS)
    secret_keys.settle(manager, "shop", ONE, ONE, rekey=False)
    assert "Of the secrets below shop/ 1 (shop/one, …) are not under the stack's key" in capsys.readouterr().out
    assert manager.kept == SECRETS
    secret_keys.settle(manager, "shop", ONE, ONE, rekey=True)
    assert manager.kept == {**SECRETS, "shop/one": ONE}
    secret_keys.settle(manager, "shop", "", "", rekey=True)
    assert manager.kept == {**SECRETS, "shop/one": ONE}
