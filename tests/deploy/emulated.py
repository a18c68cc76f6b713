"""A stack on the emulator, as its operators see it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK, APP_ID = "shop", "2021000000000001"


def run(aws: dict[str, str], program: str, *arguments: str, succeeds: bool = True) -> str:
    done = subprocess.run(
        [sys.executable, f"deploy/{program}.py", *arguments],
        cwd=ROOT,
        env=aws,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode == 0) == succeeds, done.stdout
    return done.stdout


def parameters(client, stack: str = STACK) -> dict[str, str]:
    found = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}


def outputs(client, stack: str = STACK) -> dict[str, str]:
    found = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def settings(client, function: str) -> dict[str, str]:
    """What a caller of the alias meets."""
    name = outputs(client)[f"{function}Name"]
    found = client("lambda").get_function_configuration(FunctionName=name, Qualifier="live")
    return found["Environment"]["Variables"]


def secrets(client) -> set[str]:
    return {each["Name"] for each in client("secretsmanager").list_secrets()["SecretList"]}
