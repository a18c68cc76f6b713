"""The whole program on an emulator of AWS, with functions that do nothing: stack, secrets, restore, rollback."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from emulated import APP_ID, STACK, outputs, parameters, run, secrets, settings


@pytest.fixture(scope="module")
def first(deploy) -> str:
    """The first deployment's words."""
    return deploy("--app-id", APP_ID, "--parameter", "LogLevel=debug")


def test_a_new_stack_has_secrets_of_its_own_name_and_is_protected(first: str, client) -> None:
    assert parameters(client)["SecretsPrefix"] == STACK
    assert {f"{STACK}/callback-key", f"{STACK}/link-token", f"{STACK}/phone-key"} <= secrets(client)
    cloudformation = client("cloudformation")
    assert cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["EnableTerminationProtection"] is True
    policy = json.loads(cloudformation.get_stack_policy(StackName=STACK)["StackPolicyBody"])
    denied = {}
    for each in policy["Statement"]:
        if each["Effect"] == "Deny":
            named = [each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"]
            denied.update({name.removeprefix("LogicalResourceId/"): each["Action"] for name in named})
    kept = ["Update:Replace", "Update:Delete"]
    assert denied == {"Queue": kept, "DeadLetterQueue": kept, "Api": kept, "Table": "Update:Replace"}


def test_it_is_said_that_nobody_is_told_and_shown_what_is_made(first: str) -> None:
    assert "Nobody is told of alarms: give --alarm-email" in first
    # SAM's table of the change set, before anything is done.
    shown, _, _ = first.partition("CloudFormation is at work")
    for made in ("Table", "Queue", "Api", "AlipayAuthUrl", "Page"):
        assert re.search(rf"^\+ Add +{made} ", shown, re.MULTILINE), made


def test_an_app_key_that_waits_survives_the_runner(first: str, client, deploy, tmp_path: Path) -> None:
    waiting = f"{STACK}/alipay-app-waiting/{APP_ID}"
    assert waiting in secrets(client) and "PRIVATE KEY" not in first
    key = json.loads(client("secretsmanager").get_secret_value(SecretId=waiting)["SecretString"])["privateKey"]
    theirs = tmp_path / "alipay.pub.pem"
    private = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True, check=True).stdout
    theirs.write_bytes(public)
    # Another runner: nothing of the first one's folder is left.
    said = deploy("--folder", str(tmp_path / "fresh"), "--alipay-public-key", str(theirs))
    assert f"made   {STACK}/alipay-app/{APP_ID}\n" in said
    document = client("secretsmanager").get_secret_value(SecretId=f"{STACK}/alipay-app/{APP_ID}")["SecretString"]
    assert json.loads(document)["privateKey"] == key
    assert waiting not in secrets(client)


def test_running_it_again_changes_nothing_that_was_not_asked_for(first: str, deploy, client) -> None:
    before = parameters(client)
    said = deploy()
    assert "Nothing changes." in said
    assert parameters(client) == before and before["AlipayAppId"] == APP_ID
    said = deploy("--app-id", "2021000000000009", succeeds=False)
    assert f"the app is {APP_ID}, and --app-id 2021000000000009 is another: give --parameter AlipayAppId=" in said


def test_a_setting_alone_reaches_those_who_call_the_alias(first: str, deploy, client) -> None:
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_CALLBACK_PORTS"] == "443"
    before = parameters(client)["Release"]
    deploy("--parameter", "CallbackPorts=8443")
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_CALLBACK_PORTS"] == "8443"
    after = parameters(client)
    assert after["Release"] != before and after["PreviousRelease"] == before


def test_a_parameter_that_no_function_has_publishes_no_version(first: str, deploy, client) -> None:
    before = parameters(client)["Release"]
    deploy("--parameter", "LinkRateLimit=900")
    after = parameters(client)
    assert (after["LinkRateLimit"], after["Release"]) == ("900", before)


def test_an_edge_secret_is_on_no_command_line_and_counts_once(
    first: str, deploy, client, tmp_path: Path
) -> None:
    file = tmp_path / "edge"
    file.write_text("a-secret-of-the-edge\n")
    before = parameters(client)["Release"]
    said = deploy("--edge-secrets", str(file))
    assert "a-secret-of-the-edge" not in said
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_EDGE_SECRETS"] == "a-secret-of-the-edge"
    after = parameters(client)["Release"]
    assert after != before
    assert "Nothing changes." in deploy("--edge-secrets", str(file))
    assert "Nothing changes." in deploy()
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_EDGE_SECRETS"] == "a-secret-of-the-edge"
    said = deploy("--parameter", "EdgeSecrets=another-of-the-edge", succeeds=False)
    assert "others can read a command line" in said and "another-of-the-edge" not in said


def test_a_rollback_leads_every_call_back_and_can_be_undone(first: str, aws: dict[str, str], deploy, client) -> None:
    deploy("--parameter", "CallbackPorts=9443")
    now, then = (parameters(client)[name] for name in ("Release", "PreviousRelease"))
    run(aws, "rollback", "--stack", STACK, "--yes")
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_CALLBACK_PORTS"] != "9443"
    assert f"is at release {then} already" in run(aws, "rollback", "--stack", STACK, "--yes")
    run(aws, "rollback", "--stack", STACK, "--yes", "--to", now)
    assert settings(client, "OpenidDelivery")["AUTHLINK_CALLBACK_PORTS"] == "9443"


def test_the_same_deployment_leads_out_of_a_rollback_and_another_one_back_to_what_served(
    first: str, aws: dict[str, str], deploy, client
) -> None:
    deploy("--parameter", "CallbackPorts=10443")
    run(aws, "rollback", "--stack", STACK, "--yes")
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_CALLBACK_PORTS"] != "10443"
    served = parameters(client)["PreviousRelease"]
    said = deploy()
    assert "Nothing changes." not in said
    assert settings(client, "AlipayAuthUrl")["AUTHLINK_CALLBACK_PORTS"] == "10443"
    assert parameters(client)["PreviousRelease"] == served, "and not the release that was led back from"
    run(aws, "rollback", "--stack", STACK, "--yes")
    deploy("--parameter", "CallbackPorts=11443")
    assert parameters(client)["PreviousRelease"] == served
    run(aws, "rollback", "--stack", STACK, "--yes")
    assert settings(client, "OpenidDelivery")["AUTHLINK_CALLBACK_PORTS"] not in ("10443", "11443")
    deploy("--parameter", "CallbackPorts=443")


def test_functions_for_another_processor_are_not_deployed(first: str, deploy, client) -> None:
    [other] = {"x86_64", "arm64"} - {parameters(client)["Architecture"]}
    said = deploy("--parameter", f"Architecture={other}", succeeds=False)
    assert f"and the functions run on {other}: they would not start" in said and "== Deploy" not in said


def test_a_misspelt_parameter_is_refused_before_anything_is_built(first: str, deploy) -> None:
    said = deploy("--parameter", "AlarmEmial=a@b.example", succeeds=False)
    assert "the template has no such parameter: did you mean AlarmEmail?" in said and "== Deploy" not in said


def test_a_domain_on_a_running_stack_takes_two_steps(first: str, deploy, client) -> None:
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/a"
    wish = ["--parameter", "DomainName=pay.example.invalid", "--parameter", f"CertificateArn={certificate}"]
    said = deploy(*wish, succeeds=False)
    assert f"Take two steps:\n  1. the domain, while links stay: add --parameter PublicUrl={outputs(client)['ApiUrl']}" in said
    assert parameters(client)["DomainName"] == ""

    api, route53 = outputs(client)["ApiUrl"], client("route53")
    zone = route53.create_hosted_zone(Name="example.invalid", CallerReference="1")["HostedZone"]["Id"].rpartition("/")[2]
    said = deploy(*wish, "--parameter", f"PublicUrl={api}", "--parameter", f"HostedZoneId={zone}")
    assert f"Links still lead to {api}. When pay.example.invalid answers, move them there" in said
    assert "In the DNS of your domain" not in said, "the record is made"
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert "pay.example.invalid." in {record["Name"] for record in records if record["Type"] == "A"}
    assert outputs(client)["PublicUrl"] == settings(client, "OpenidCallback")["AUTHLINK_PUBLIC_URL"] == api
    said = deploy("--parameter", "PublicUrl=", succeeds=False)
    assert "pay.example.invalid has no DNS record yet" in said


def test_secrets_that_are_there_are_shared_only_by_a_word(first: str, deploy) -> None:
    said = deploy("--app-id", APP_ID, "--parameter", f"SecretsPrefix={STACK}", stack="second", succeeds=False)
    assert f"there are secrets below {STACK}/ already" in said and "--share-secrets uses them" in said
    assert "== Deploy" not in said


def test_a_secret_that_waits_for_its_deletion_is_found_before_anything_is_deployed(first: str, deploy, client) -> None:
    manager = client("secretsmanager")
    manager.delete_secret(SecretId=f"{STACK}/phone-key", RecoveryWindowInDays=7)
    said = deploy(succeeds=False)
    assert f"needed: {STACK}/phone-key" in said and "Say so by --restore-secrets" in said and "== Deploy" not in said
    assert f"restored {STACK}/phone-key" in deploy("--restore-secrets")
    assert "DeletedDate" not in manager.describe_secret(SecretId=f"{STACK}/phone-key")


def test_output_that_is_no_terminal_has_no_secret(first: str, deploy, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    said = deploy("--folder", str(folder), "--account-id", "acme", "--merchant-name", "Acme", succeeds=False)
    [key_id] = re.findall(r"AccessKeyId +(AL[0-9A-F]{20})\n", said)
    file = folder / f"access-key-{key_id}.secret"
    assert file.read_text().strip() and file.read_text().strip() not in said and "AccessKeySecret  " not in said
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_restored_table_is_as_safe_as_the_old_one_and_taken_into_service(
    first: str, aws: dict[str, str], deploy, client
) -> None:
    old, dynamodb = outputs(client)["TableName"], client("dynamodb")
    dynamodb.put_item(TableName=old, Item={"pk": {"S": "authorization#1"}})
    dynamodb.put_item(TableName=old, Item={"pk": {"S": "deny-list"}, "denied": {"SS": ["business/stolen"]}})
    # The emulator does not read that of the template.
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=old, PointInTimeRecoverySpecification=on)
    rollout = parameters(client)["Rollout"]
    said = run(aws, "restore", "--stack", STACK, "--yes", "--to", f"{STACK}-again")
    assert re.search(r"recovery point: 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\nrecovery time: \d+ s for the table", said)
    table = dynamodb.describe_table(TableName=f"{STACK}-again")["Table"]
    assert table["DeletionProtectionEnabled"] is True
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["outbox", "attention"]
    expiry = dynamodb.describe_time_to_live(TableName=f"{STACK}-again")["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    backups = dynamodb.describe_continuous_backups(TableName=f"{STACK}-again")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert dynamodb.get_item(TableName=f"{STACK}-again", Key={"pk": {"S": "authorization#1"}})["Item"]
    assert outputs(client)["TableName"] == f"{STACK}-again" and parameters(client)["Rollout"] == rollout
    for function in ("AlipayAuthUrl", "OpenidDelivery"):
        assert settings(client, function)["AUTHLINK_TABLE"] == f"{STACK}-again"
    role = f"{outputs(client)['AlipayAuthUrlName']}"
    arn = client("lambda").get_function_configuration(FunctionName=role)["Role"]
    policy = client("iam").get_role_policy(RoleName=arn.rpartition("/")[2], PolicyName="alipay-auth-url")
    assert f"table/{STACK}-again" in json.dumps(policy["PolicyDocument"]) and old not in json.dumps(policy)
    assert dynamodb.describe_table(TableName=old)["Table"]["DeletionProtectionEnabled"] is True, "it stays"

    assert parameters(client)["PreviousTableName"] == ""
    assert f"Disabled in {STACK}-again: business/stolen" in said

    dynamodb.put_item(TableName=f"{STACK}-again", Item={"pk": {"S": "deny-list"}, "denied": {"SS": ["business/later"]}})
    said = run(aws, "restore", "--stack", STACK, "--yes", "--to", f"{STACK}-again")
    assert f"Disabled in {STACK}-again: business/later" in said, "it is in service already"

    deploy()
    assert outputs(client)["TableName"] == f"{STACK}-again"
    said = deploy("--parameter", "TableName=", succeeds=False)
    assert "would begin an empty table" in said
