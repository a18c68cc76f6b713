"""Whoever deploys for the first time: at a terminal, with no key of any kind yet."""

import json
import re
import stat
from pathlib import Path

import boto3
import pytest

from conftest import World
from deployment import Deployment, deploy, mend_trigger, stack_outputs

STACK = "authlink-new"
APP_ID = "2021000000000002"


def openness(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_newcomer_is_led_to_a_first_link_and_adds_alipays_key_later(world: World) -> None:
    folder = world.folder / "newcomer"
    # fmt: off
    options = [
        "--folder", str(folder), "--skip-build", "--build-dir", str(world.build_folder),
        "--parameter", "SecretsPrefix=newcomer", "--parameter", "AlarmTopicArn=",
    ]
    # fmt: on
    of_business = ["", "", "http://merchant.example", "https://merchant.example/hook", ""]
    of_account = ["no id", "acme", "", "01", "", "", "Acme 小店", "ftp://acme.example", "", "perhaps", "yes"]
    answers = [STACK, "no number", APP_ID, "", *of_business, *of_account]
    said = deploy(options, world.deployment.child_environment, typed="".join(f"{answer}\n" for answer in answers))
    outputs = stack_outputs(STACK)
    mend_trigger(Deployment(STACK, outputs, world.deployment.child_environment))

    assert "It must be 1 to 32 digits." in said and "It must be an https address, or empty." in said
    assert "waits  newcomer/alipay-app/" in said and "--alipay-public-key FILE" in said
    assert said.count("works: open this in a browser") == 2
    assert "It must be a number of 1 to 18 digits" in said and "It has no default." in said
    assert "It must be yes or no." in said
    assert outputs["PublicUrl"] == outputs["ApiUrl"]
    assert f"callback address is {outputs['ApiUrl']}/v1/openapi/auth/alipay/callback\n" in said
    assert f"the API is at {outputs['ApiUrl']}/v1/openapi/auth/alipay/url, and queries beside it at /query\n" in said
    private_key = document(f"alipay-app-waiting/{APP_ID}")["privateKey"]
    assert "PRIVATE KEY" not in said

    [access_key_id] = re.findall(r"AccessKeyId +(AL[0-9A-F]{20})\n", said)
    business_key, secret_file = folder / "business-demo.pem", folder / f"access-key-{access_key_id}.secret"
    assert (openness(folder), openness(business_key), openness(secret_file)) == (0o700, 0o600, 0o600)
    access_key_secret = secret_file.read_text().strip()
    assert re.fullmatch("[0-9a-f]{40}", access_key_secret) and access_key_secret not in said, "no terminal reads it"
    access_key = {
        "secrets": [access_key_secret],
        "accountId": "acme",
        "permissions": ["dypns:GetAuthorizationUrl"],
    }
    assert document(f"access-key/{access_key_id}") == access_key
    assert document("account/acme") == {}
    assert document("scheme/1") == {"accountId": "acme", "merchantName": "Acme 小店", "contract": True}
    assert f"the SDK's endpoint is {outputs['ApiUrl'].partition('://')[2]}\n" in said
    [link_token_key], phone_key = document("link-token")["keys"], document("phone-key")["key"]
    assert len(link_token_key) == len(phone_key) == 64 and link_token_key != phone_key
    assert link_token_key not in said and phone_key not in said

    again = ["--yes", "--stack", STACK, "--app-id", APP_ID, "--alipay-public-key"]
    said = deploy([*options, *again, str(world.parties.key("alipay.pub.pem"))], world.deployment.child_environment)
    assert "kept   newcomer/callback-key\n" in said
    assert "no business was made" in said and "newcomer/business/" not in said
    assert "no account of GetAuthorizationUrl was made" in said and "newcomer/account/" not in said
    assert f"made   newcomer/alipay-app/{APP_ID}\n" in said
    waiting = boto3.client("secretsmanager").list_secrets(Filters=[{"Key": "name", "Values": ["newcomer/alipay-app-w"]}])
    assert waiting["SecretList"] == [], "it has its place now"
    assert document(f"alipay-app/{APP_ID}")["privateKey"] == private_key

    keys = boto3.client("secretsmanager").list_secrets(Filters=[{"Key": "name", "Values": ["newcomer/access-key/"]}])
    of_account = ["--account-id", "acme", "--merchant-name", "Acme"]
    said = deploy([*options, *again[:-1], *of_account], world.deployment.child_environment)
    assert "kept   newcomer/account/acme\n" in said and "kept   newcomer/scheme/1\n" in said
    assert "\nmade " not in said and "AccessKeySecret" not in said and "another is made by --access-key-id" in said
    assert "the access key's secret is not here to sign with" in said
    assert [secret["Name"] for secret in keys["SecretList"]] == [f"newcomer/access-key/{access_key_id}"]
    assert document("link-token")["keys"] == [link_token_key] and document("phone-key")["key"] == phone_key


def document(name: str) -> dict:
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=f"newcomer/{name}")
    return json.loads(secret["SecretString"])


def test_a_private_key_is_no_public_key_and_nothing_is_deployed_with_it(world: World) -> None:
    key = world.parties.key("merchant.pem")
    options = ["--stack", "authlink-never", "--app-id", APP_ID, "--build-dir", str(world.build_folder), "--skip-build"]
    business = ["--business-id", "demo", "--business-public-key", str(key)]
    said = deploy([*options, *business], world.deployment.child_environment, succeeds=False)
    assert "--business-public-key holds a private key" in said
    stacks = boto3.client("cloudformation").list_stacks()["StackSummaries"]
    assert "authlink-never" not in {stack["StackName"] for stack in stacks}


def test_a_stack_that_is_not_there_is_named_with_its_region(world: World) -> None:
    with pytest.raises(AssertionError, match="there is no stack nowhere in us-east-1: give another name by --stack, or --region"):
        world.deployment.operate("show", "STACK=nowhere", "REFERENCE=" + "0" * 32)
