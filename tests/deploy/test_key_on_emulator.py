"""A stack under a customer-managed key, and its secrets."""

import json

import pytest
from emulated import APP_ID, outputs, parameters

STACK = "keyed"
MADE = ("callback-key", "link-token", "phone-key", f"alipay-app-waiting/{APP_ID}")


@pytest.fixture(scope="module")
def keys(client) -> list[str]:
    return [client("kms").create_key()["KeyMetadata"]["Arn"] for _ in range(2)]


def keys_of_secrets(client) -> dict[str, str]:
    listed = client("secretsmanager").list_secrets()["SecretList"]
    ours = (each for each in listed if each["Name"].startswith(f"{STACK}/"))
    return {each["Name"].removeprefix(f"{STACK}/"): each.get("KmsKeyId", "") for each in ours}


def test_secrets_are_made_under_the_stacks_key_and_moved_with_it_by_a_word(deploy, client, keys: list[str]) -> None:
    one, other = keys

    def deployed(*arguments: str, succeeds: bool = True) -> str:
        return deploy(*arguments, stack=STACK, succeeds=succeeds)

    deployed("--app-id", APP_ID, "--parameter", f"KmsKeyArn={one}")
    assert keys_of_secrets(client) == dict.fromkeys(MADE, one)
    manager = client("secretsmanager")
    before = manager.get_secret_value(SecretId=f"{STACK}/callback-key")["SecretString"]

    manager.create_secret(Name=f"{STACK}/business/B1", SecretString=json.dumps({}))
    assert "Of the secrets below keyed/ 1 (keyed/business/B1, …) are not under the stack's key" in deployed()
    said = deployed("--parameter", f"KmsKeyArn={other}", succeeds=False)
    assert "no function may use once it is not the stack's KmsKeyArn" in said and "== Deploy" not in said
    assert parameters(client, STACK)["KmsKeyArn"] == one

    deployed("--parameter", f"KmsKeyArn={other}", "--rekey-secrets")
    assert keys_of_secrets(client) == dict.fromkeys((*MADE, "business/B1"), other)
    deployed("--parameter", "KmsKeyArn=", "--rekey-secrets")
    assert keys_of_secrets(client) == dict.fromkeys((*MADE, "business/B1"), "alias/aws/secretsmanager")
    assert manager.get_secret_value(SecretId=f"{STACK}/callback-key")["SecretString"] == before
    assert outputs(client, STACK)["SecretsPrefix"] == STACK
    assert parameters(client, STACK)["PreviousKmsKeyArn"] == ""
