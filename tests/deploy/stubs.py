"""Clients of AWS that answer what they are told to."""

from datetime import datetime, timezone

import boto3
from botocore.stub import Stubber

SERVICES = ("cloudformation", "dynamodb", "lambda", "secretsmanager")


class Session:
    """Of clients that answer what they are told to."""

    region_name = "us-east-1"

    def __init__(self) -> None:
        keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.clients = {name: boto3.client(name, **keys) for name in SERVICES}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, name: str) -> object:
        return self.clients[name]

    def is_described(self, status: str) -> None:
        now = datetime(2026, 11, 29, tzinfo=timezone.utc)
        stack = {"StackName": "shop", "StackStatus": status, "CreationTime": now}
        self.stubs["cloudformation"].add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "shop"})
