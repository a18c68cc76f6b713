"""The runbook's commands of AWS's CLI, and those that deploy, run on a stack of the emulator's.

Those that need functions that work are none of these.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ARCHITECTURE
from emulated import APP_ID, ROOT, outputs, parameters

sys.path.append(str(ROOT / "tests/scripts"))
from runbook import every_command  # noqa: E402

STACK = "on-call"
# Each has its reason.
NOT_RUN = {
    "aws health describe-events --filter services=DYNAMODB": "the emulator has no AWS Health",
    "aws service-quotas list-service-quotas --service-code apigateway": "the emulator has no Service Quotas",
}
DEPLOYS = ("make deploy ", "make restore ", "make rollback ")


def ours() -> list[str]:
    return [command for command in every_command() if command.startswith(("aws ", *DEPLOYS))]


@pytest.fixture(scope="module")
def on_call(deploy, aws: dict[str, str], client) -> Callable[..., str]:
    """Runs a command as whoever is called types it, after those of the runbook's beginning."""
    deploy("--app-id", APP_ID, stack=STACK)
    deploy("--parameter", "CallbackPorts=8443", stack=STACK)
    manager = client("secretsmanager")
    manager.create_secret(Name=f"{STACK}/business/B1", SecretString="{}")
    manager.put_secret_value(SecretId=f"{STACK}/business/B1", SecretString="[]")
    known = {**aws, "PATH": f"{aws['PATH']}:{ROOT}/.venv-emulator/bin"}

    def run(command: str) -> str:
        # Without the option its SQS has an address of its own.
        here = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
        typed = command.replace("STACK=authlink", f"STACK={STACK}").replace("AWS_REGION=…", "AWS_REGION=us-east-1")
        assert "…" not in typed, f"not filled in: {command}"
        done = subprocess.run(
            ["bash", "-euc", f"{here}\n{typed}"],
            cwd=ROOT,
            env=known,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    beginning = [command for command in every_command() if command.startswith("export ")]
    exported = run("\n".join([*beginning, "env -0"])).split("\0")
    known |= dict(each.split("=", 1) for each in exported if each)
    assert known["STACK"] == STACK and known["TableName"] == outputs(client, STACK)["TableName"]
    return run


def versions(client) -> tuple[str, str]:
    """Of the document: the one that is current, and the one before."""
    listed = client("secretsmanager").list_secret_version_ids(SecretId=f"{STACK}/business/B1")["Versions"]
    by_stage = {stage: each["VersionId"] for each in listed for stage in each.get("VersionStages", [])}
    return by_stage["AWSCURRENT"], by_stage["AWSPREVIOUS"]


def filled(command: str, client) -> str:
    """With what an operator reads elsewhere."""
    secret = f"{STACK}/business/B1"
    command = command.replace("authlink/business/…", secret).replace("--secret-id …", f"--secret-id {secret}")
    if "--move-to-version-id" in command:
        current, before = versions(client)
        command = command.replace("--move-to-version-id …", f"--move-to-version-id {before}")
        return command.replace("--remove-from-version-id …", f"--remove-from-version-id {current}")
    if "enable-rule" in command:
        rules = client("events").list_rules(NamePrefix=f"{STACK}-")["Rules"]
        return command.replace("--name …", f"--name {rules[0]['Name']}")
    if "--uuid …" in command:
        name = outputs(client, STACK)["OpenidDeliveryName"]
        [mapping] = client("lambda").list_event_source_mappings(FunctionName=f"{name}:live")["EventSourceMappings"]
        return command.replace("…", mapping["UUID"])
    if "--api-id …" in command:
        return command.replace("…", re.match(r"https?://([^.]+)\.", outputs(client, STACK)["ApiUrl"])[1])
    return command.replace("--queue-url …", '--queue-url "$DeadLetterQueueUrl"')


# What an answer has in it, where it is more than that there is one.
SHOWN = {
    "aws events list-rules": "Rules",
    "aws lambda list-event-source-mappings": "EventSourceMappings",
    "aws sqs get-queue-attributes": "ApproximateNumberOfMessages",
    "aws secretsmanager describe-secret": f"{STACK}/business/B1",
    "aws secretsmanager list-secret-version-ids": "AWSCURRENT",
    "aws dynamodb describe-table": "TableStatus",
    "aws apigatewayv2 get-stages": "RouteSettings",
    "aws lambda get-account-settings": "UnreservedConcurrentExecutions",
    "aws cloudformation describe-stack-events": "CREATE_COMPLETE",
}


@pytest.mark.parametrize("command", [command for command in ours() if command.startswith("aws ")])
def test_a_command_of_awss_cli_is_answered(command: str, on_call: Callable[..., str], client) -> None:
    if command in NOT_RUN:
        pytest.skip(NOT_RUN[command])
    if "restore-secret" in command:
        client("secretsmanager").delete_secret(SecretId=f"{STACK}/business/B1", RecoveryWindowInDays=7)
    said = on_call(filled(command, client))
    wanted = next((shown for beginning, shown in SHOWN.items() if command.startswith(beginning)), "")
    assert re.search(wanted, said), said
    if said.strip():
        json.loads(said)
    if "update-secret-version-stage" in command:
        assert client("secretsmanager").get_secret_value(SecretId=f"{STACK}/business/B1")["SecretString"] == "{}"


def test_what_is_not_run_is_a_command_of_the_runbook() -> None:
    assert set(NOT_RUN) <= set(ours()), "a reason for nothing"


def test_the_commands_that_deploy_do(on_call: Callable[..., str], built: Path, tmp_path: Path, client) -> None:
    assert {command for command in ours() if command.startswith("make ")} == {
        'make deploy ARGS="--parameter DeliveryConcurrency=…"',
        "make restore STACK=authlink",
        "make rollback STACK=authlink",
    }
    on_call("make rollback STACK=authlink ARGS=--yes")
    name = outputs(client, STACK)["AlipayAuthUrlName"]
    served = client("lambda").get_function_configuration(FunctionName=name, Qualifier="live")
    assert served["Environment"]["Variables"]["AUTHLINK_CALLBACK_PORTS"] == "443"

    here = f"--yes --stack {STACK} --skip-build --build-dir {built} --folder {tmp_path}"
    here = f"{here} --parameter Architecture={ARCHITECTURE}"
    said = on_call(f'make deploy ARGS="{here} --parameter DeliveryConcurrency=25"')
    now = parameters(client, STACK)
    assert now["DeliveryConcurrency"] == "25"
    assert (now["DeliveryReserved"] == "35") == ("DeliveryReserved=35, because" in said)

    table = outputs(client, STACK)["TableName"]
    on = {"PointInTimeRecoveryEnabled": True}
    client("dynamodb").update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=on)
    assert "recovery point: 20" in on_call("make restore STACK=authlink ARGS=--yes")
    assert outputs(client, STACK)["TableName"].startswith(f"{STACK}-restored-")
