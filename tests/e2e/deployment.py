"""The deployment under test, from an operator's side: functions, queue, records and logs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from processes import ROOT, eventually

FUNCTIONS = {
    "alipay-auth-url": "AlipayAuthUrl",
    "authorization-query": "AuthorizationQuery",
    "get-authorization-url": "GetAuthorizationUrl",
    "openid-callback": "OpenidCallback",
    "openid-delivery": "OpenidDelivery",
}
CONCURRENCY = 20
# What callers of a function are led to.
ALIAS = "live"


class Deployment:
    """A stack in the AWS emulator."""

    def __init__(self, stack: str, outputs: dict[str, str], environment: dict[str, str]) -> None:
        self.stack = stack
        self.outputs = outputs
        self.child_environment = environment
        session = boto3.Session()
        self.lambda_, self.sqs, self.logs = (session.client(name) for name in ("lambda", "sqs", "logs"))
        self.dynamodb = session.client("dynamodb")
        self.queue, self.dead_letters = outputs["QueueUrl"], outputs["DeadLetterQueueUrl"]
        delivery = f"{self.name('openid-delivery')}:{ALIAS}"
        mappings = self.lambda_.list_event_source_mappings(FunctionName=delivery)
        self.mapping = mappings["EventSourceMappings"][0]["UUID"]

    def name(self, function: str) -> str:
        return self.outputs[f"{FUNCTIONS[function]}Name"]

    # Functions

    def change_environment(self, function: str, changes: dict[str, str]) -> dict[str, str]:
        """The environment as it was. A version has its own for good: the alias is led to a new one."""
        name = self.name(function)
        before = self.lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        self.lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": {**before, **changes}})

        def updated() -> bool:
            return self.lambda_.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful"

        eventually(updated, 10, f"the update of {name}")
        version = self.lambda_.publish_version(FunctionName=name)["Version"]
        self.lambda_.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
        return before

    @contextmanager
    def environment(self, function: str, **changes: str) -> Iterator[None]:
        before = self.change_environment(function, changes)
        try:
            yield
        finally:
            self.change_environment(function, before)

    def sweep(self) -> None:
        """What the schedule does every minute."""
        event = (ROOT / "functions/openid-delivery/events/sweep.json").read_bytes()
        answer = self.lambda_.invoke(FunctionName=self.name("openid-delivery"), Qualifier=ALIAS, Payload=event)
        assert json.load(answer["Payload"]) == {"batchItemFailures": []}

    # The queue and its trigger

    def set_trigger(self, **settings: object) -> None:
        self.lambda_.update_event_source_mapping(
            UUID=self.mapping, ScalingConfig={"MaximumConcurrency": CONCURRENCY}, **settings
        )

    @contextmanager
    def trigger_off(self) -> Iterator[None]:
        self.set_trigger(Enabled=False)
        try:
            yield
        finally:
            self.set_trigger(Enabled=True)

    @contextmanager
    def batches_of(self, size: int) -> Iterator[None]:
        """How many messages the trigger hands over at once: 1 as deployed."""
        self.set_trigger(BatchSize=size)
        try:
            yield
        finally:
            self.set_trigger(BatchSize=1)

    @contextmanager
    def visibility(self, seconds: int) -> Iterator[None]:
        """How long a message that was taken and not deleted stays away: minutes as deployed."""
        attribute = "VisibilityTimeout"
        before = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=[attribute])["Attributes"]
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={attribute: str(seconds)})
        try:
            yield
        finally:
            self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes=before)

    def messages(self, queue: str) -> int:
        """How many a queue has: visible, taken and delayed."""
        kinds = ["", "NotVisible", "Delayed"]
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in names)

    def await_empty_queue(self, within: float = 10) -> None:
        eventually(lambda: self.messages(self.queue) == 0, within, "an empty queue")

    # Records

    def operate(self, command: str, *arguments: str) -> str:
        """An operator's command, by its `make` target."""
        done = subprocess.run(
            ["make", "--no-print-directory", command, f"STACK={self.stack}", *arguments],
            cwd=ROOT,
            env=self.child_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def program(self, *words: str) -> list[str]:
        """The command line of the program, which a `make` target has built, on this stack."""
        return [str(ROOT / "target/debug/authlink"), *words, "--stack", self.stack]

    def status(self, *words: str) -> tuple[int, str]:
        """How the command ended, and what it said."""
        command = self.program("status", *words)
        done = subprocess.run(
            command, cwd=ROOT, env=self.child_environment, capture_output=True, text=True, check=False
        )
        assert done.stdout, done.stderr
        return done.returncode, done.stdout

    def findings(self) -> dict:
        """What it found."""
        return json.loads(self.status("--json")[1])

    def show(self, serial_no: str, business_id: str = "demo") -> dict:
        return json.loads(self.operate("show", f"SERIAL_NO={serial_no}", f"BUSINESS_ID={business_id}", "ARGS=--json"))

    def await_status(self, status: str, serial_no: str, business_id: str = "demo", within: float = 20) -> dict:
        def look() -> dict | None:
            record = self.show(serial_no, business_id)
            return record if record["state"] == status else None

        return eventually(look, within, f"{serial_no} {status}")

    def age(self, reference: str, seconds: int) -> None:
        """Sets what a record waits for back in time, as if that much had passed."""
        self.dynamodb.update_item(
            TableName=self.outputs["TableName"],
            Key={"pk": {"S": f"authorization#{reference}"}},
            UpdateExpression="SET nextAttemptAt = nextAttemptAt - :millis, outboxAt = outboxAt - :millis",
            ExpressionAttributeValues={":millis": {"N": str(seconds * 1000)}},
            ConditionExpression="attribute_exists(outboxAt)",
        )

    # Logs

    def log_lines(self, function: str) -> list[dict]:
        """The function's own lines, in the order in which they came."""
        group = self.outputs[f"{FUNCTIONS[function]}LogGroup"]
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        messages = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(message) for message in messages if message.startswith("{")]

    def all_log_lines(self) -> list[dict]:
        return [line for function in FUNCTIONS for line in self.log_lines(function)]


def mend_trigger(deployment: Deployment) -> None:
    """Needed after each deployment: the emulator keeps the template's number as text, which its own poller cannot
    compare, and so hands nothing over."""
    deployment.set_trigger(Enabled=True)


def deploy(arguments: list[str], environment: dict[str, str], typed: str | None = None, succeeds: bool = True) -> str:
    """What deploy.py said. It takes its answers from `arguments`, or has a terminal at which they are `typed`."""
    command = [sys.executable, "deploy/deploy.py", *([] if typed else ["--yes"]), *arguments]
    hand, terminal = os.openpty()
    os.write(hand, (typed or "").encode())
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=terminal if typed else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    os.close(hand)
    os.close(terminal)
    assert (done.returncode == 0) == succeeds, done.stdout
    return done.stdout


def stack_outputs(stack: str) -> dict[str, str]:
    client = boto3.client("cloudformation")
    described = client.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def clean_environment(endpoint: str) -> dict[str, str]:
    """This process's environment with nothing of AWS but the emulator."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUTHLINK_"))}
    return {
        **inherited,
        "NO_PROXY": f"{os.environ.get('NO_PROXY', '')},127.0.0.1,localhost",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
