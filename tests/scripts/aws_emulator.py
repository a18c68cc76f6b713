#!/usr/bin/env python3
"""Runs the AWS emulator in this process, at the port of 127.0.0.1 that is its argument, by the Python that has it."""

import http.server
import json
import os
import socketserver
import sys


def settings(port: str) -> dict[str, str]:
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": "us-east-1",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # Its functions inherit it.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }


def accept_what_nothing_here_depends_on() -> None:
    """CloudFormation's resources that the emulator does not know are made in name alone, and so are alarms by metric
    math: nobody is told by an emulator."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS
    in_name_alone = {
        "create": lambda logical_id, _properties, stack: (f"{stack}-{logical_id}", {"Arn": f"arn:{logical_id}"}),
        "update": lambda physical_id, _old, _new, _stack: (physical_id, {"Arn": f"arn:{physical_id}"}),
        "delete": lambda _physical_id, _properties: None,
    }
    for kind in (
        "AWS::Budgets::Budget",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Logs::QueryDefinition",
    ):
        handlers.setdefault(kind, in_name_alone)
    record = provisioners._cw_metric_alarm_record

    def of_one_metric(name: str, properties: dict) -> dict:
        if not (metrics := properties.get("Metrics")):
            return record(name, properties)
        first = next(metric["MetricStat"] for metric in metrics if "MetricStat" in metric)
        single = {**first["Metric"], "Period": first["Period"], "Statistic": first["Stat"]}
        return record(name, {**properties, **single, "Metrics": None})

    provisioners._cw_metric_alarm_record = of_one_metric


def tell_the_transform_the_parameters() -> None:
    """As AWS does. SAM names a function's version by one of them, and the emulator gives it none."""
    from ministack.services.cloudformation import changesets, engine, handlers
    from samtranslator.translator import transform as sam

    apply, translate = engine._apply_transforms, sam.transform

    def applied(template: dict, provided: list | None = None, previous: dict | None = None) -> dict:
        values = engine._transform_parameters(template, provided, previous)
        sam.transform = lambda fragment, _none, loader: translate(fragment, values, loader)
        return apply(template, provided, previous)

    for module in (changesets, handlers):
        module._apply_transforms = applied


def say_the_keys_of_secrets_in_lists() -> None:
    """As AWS does. The emulator says a secret's key only where it is described."""
    from ministack.services import secretsmanager

    listed = secretsmanager._list_secrets

    def with_keys(data: dict) -> tuple:
        status, headers, body = listed(data)
        said = json.loads(body)
        for each in said["SecretList"]:
            if key := secretsmanager._secrets[each["Name"]].get("KmsKeyId"):
                each["KmsKeyId"] = key
        return status, headers, json.dumps(said).encode()

    secretsmanager._list_secrets = with_keys


def main() -> None:
    [_, port] = sys.argv
    os.environ.update(settings(port))
    # It reads its settings when it is imported.
    from ministack import app

    accept_what_nothing_here_depends_on()
    tell_the_transform_the_parameters()
    say_the_keys_of_secrets_in_lists()
    # What it tells the functions goes out in several small writes; without this each of them would wait for the one
    # before to be acknowledged, which costs every invocation about 90 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    http.server.BaseHTTPRequestHandler.wbufsize = 65536
    # It has options of its own.
    del sys.argv[1:]
    app.main()


if __name__ == "__main__":
    main()
