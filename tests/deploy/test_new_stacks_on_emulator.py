"""A new stack's own choices, and one that takes over the table and the secrets of another."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from emulated import APP_ID, outputs, parameters, secrets

OLD, NEW = "old", "new"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/a"
ROLE = "arn:aws:iam::000000000000:role/cloudformation"
BUCKET = "code-of-ours"


@pytest.fixture(scope="module")
def first(deploy, client) -> str:
    """The first deployment's words: of a stack with a domain that has no DNS record yet, and nothing but that."""
    client("s3").create_bucket(Bucket=BUCKET)
    # fmt: off
    return deploy(
        "--app-id", APP_ID, "--alarm-email", "a@b.example", "--business-id", "demo",
        "--account-id", "acme", "--merchant-name", "Acme",
        "--parameter", "DefaultEndpoint=off", "--parameter", "DomainName=pay.example.invalid",
        "--parameter", f"CertificateArn={CERTIFICATE}",
        "--role-arn", ROLE, "--tag", "team=pay in", "--tag", "cost=a=b", "--bucket", BUCKET, stack=OLD,
    )
    # fmt: on


def test_where_no_address_answers_yet_nothing_is_tried_and_the_deployment_is_good(first: str, client) -> None:
    assert first.count("left out: no address of this deployment answers yet") == 2
    assert "(DefaultEndpoint=off), and pay.example.invalid has no DNS record yet: run this again" in first
    assert {f"{OLD}/business/demo", f"{OLD}/account/acme"} <= secrets(client)
    assert "pay.example.invalid CNAME" in first, "what to do now is said"
    [api] = [each for each in client("apigatewayv2").get_apis()["Items"] if each["Name"].startswith(OLD)]
    assert api["DisableExecuteApiEndpoint"] is True


def test_the_accounts_executions_are_shared_out(first: str, client) -> None:
    shared = {"DeliveryReserved": "30", "ReturnReserved": "250", "PublicMaximum": "166"}
    assert {name: parameters(client, OLD)[name] for name in shared} == shared
    assert " ".join(f"{name}={value}" for name, value in shared.items()) in first


def test_role_tags_and_bucket_reach_cloudformation(first: str, client) -> None:
    [stack] = client("cloudformation").describe_stacks(StackName=OLD)["Stacks"]
    assert {each["Key"]: each["Value"] for each in stack["Tags"]} == {"team": "pay in", "cost": "a=b"}
    code = client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert code and all(each["Key"].startswith(f"{OLD}/") for each in code)
    assert "Nobody is told of alarms" not in first


class Front(BaseHTTPRequestHandler):
    """Stands where users are led to, and answers as authlink does."""

    asked: list[tuple[str, str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.headers["Host"], self.path.partition("?")[0]))
        link = {"alipayAuthUrl": "https://alipay.example/link"}
        body = json.dumps({"status": 0, "message": "", "data": link}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def front() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_tried_is_the_address_that_users_are_led_to(first: str, deploy, client, front: int) -> None:
    address = f"http://front.localhost:{front}"
    said = deploy("--business-id", "demo", "--parameter", f"PublicUrl={address}", stack=OLD)
    assert outputs(client, OLD)["ApiUrl"] != outputs(client, OLD)["PublicUrl"] == address
    assert Front.asked == [(f"front.localhost:{front}", "/v1/openapi/auth/alipay/url")]
    assert "works: open this in a browser to consent\nhttps://alipay.example/link" in said


@pytest.fixture(scope="module")
def kept(first: str, client) -> str:
    """The table that is left when its stack is taken down, with a record."""
    cloudformation, dynamodb, name = client("cloudformation"), client("dynamodb"), outputs(client, OLD)["TableName"]
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "authorization#1"}})
    cloudformation.update_termination_protection(StackName=OLD, EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName=OLD)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=OLD, WaiterConfig={"Delay": 1})
    return name


def test_the_table_and_the_secrets_of_a_stack_that_is_gone_are_taken_over(deploy, client, kept: str) -> None:
    dynamodb = client("dynamodb")
    wish = ["--app-id", APP_ID, "--share-secrets", "--parameter", f"SecretsPrefix={OLD}"]
    said = deploy(*wish, "--parameter", "TableName=nowhere", stack=NEW, succeeds=False)
    assert "there is no table nowhere in us-east-1" in said and "== Deploy" not in said
    # What the emulator does not read of the template.
    said = deploy(*wish, "--parameter", f"TableName={kept}", stack=NEW, succeeds=False)
    assert f"{kept} cannot be taken into service as it is:\n  - nothing in it ends by `ttl`: aws" in said
    assert "\n  - it cannot go back to a point in time: aws" in said
    assert said.count("\n  - ") == 2 and "== Deploy" not in said, "and it lacks nothing else"
    expiry = {"Enabled": True, "AttributeName": "ttl"}
    dynamodb.update_time_to_live(TableName=kept, TimeToLiveSpecification=expiry)
    on = {"PointInTimeRecoveryEnabled": True}
    dynamodb.update_continuous_backups(TableName=kept, PointInTimeRecoverySpecification=on)

    before = client("secretsmanager").get_secret_value(SecretId=f"{OLD}/callback-key")["SecretString"]
    said = deploy(*wish, "--parameter", f"TableName={kept}", stack=NEW)
    assert f"kept   {OLD}/callback-key\n" in said and not any(name.startswith(f"{NEW}/") for name in secrets(client))
    assert client("secretsmanager").get_secret_value(SecretId=f"{OLD}/callback-key")["SecretString"] == before
    found = outputs(client, NEW)
    assert (found["TableName"], found["SecretsPrefix"]) == (kept, OLD)
    kinds = {
        each["ResourceType"]
        for page in client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=NEW)
        for each in page["StackResourceSummaries"]
    }
    assert "AWS::DynamoDB::Table" not in kinds and "AWS::SQS::Queue" in kinds
    configuration = client("lambda").get_function_configuration(
        FunctionName=found["OpenidDeliveryName"], Qualifier="live"
    )
    variables = configuration["Environment"]["Variables"]
    assert (variables["AUTHLINK_TABLE"], variables["AUTHLINK_SECRETS_PREFIX"]) == (kept, OLD)
    role = configuration["Role"].rpartition("/")[2]
    policy = client("iam").get_role_policy(RoleName=role, PolicyName="openid-delivery")["PolicyDocument"]
    assert f"table/{kept}" in json.dumps(policy) and f"secret:{OLD}/" in json.dumps(policy)
    assert dynamodb.get_item(TableName=kept, Key={"pk": {"S": "authorization#1"}})["Item"]

    deploy(stack=NEW)
    assert outputs(client, NEW)["TableName"] == kept == parameters(client, NEW)["TableName"]
