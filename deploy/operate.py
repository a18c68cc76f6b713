#!/usr/bin/env python3
"""An operator's commands on a deployment: `show` one authorization, `redrive` what is UNDELIVERABLE.

Finds the stack's table, and runs the local host's command on it with the credentials of the usual chain.
"""

import argparse
import os
import subprocess
import sys

import boto3

import stack
from prerequisites import need, signed_in, without_credentials
from problem import Problem


def parse() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The rest is handed on: --serial-no S --business-id B, --reference R; redrive: also --all, --all-of B.",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("command", choices=["show", "redrive"])
    parser.add_argument("--stack", default="authlink", help="Whose table (authlink)")
    parser.add_argument("--region", help="The AWS region, instead of AWS_REGION or the profile's")
    parser.add_argument("--profile", help="The AWS profile, instead of AWS_PROFILE")
    return parser.parse_known_args()


def build() -> None:
    """Apart from the run, which has the credentials that build scripts must not see."""
    print("building the command; the first time takes some minutes", file=sys.stderr, flush=True)
    command = ["cargo", "build", "-q", "--bin", "authlink"]
    done = subprocess.run(command, cwd=stack.ROOT, env=without_credentials(), check=False)
    if done.returncode != 0:
        raise Problem("the command cannot be built; the lines above say why")


def with_credentials(session: boto3.Session) -> dict[str, str]:
    """The environment of a child that reads credentials from variables alone."""
    credentials = session.get_credentials().get_frozen_credentials()
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        # Empty is absent.
        "AWS_SESSION_TOKEN": credentials.token or "",
    }


def main() -> int:
    options, what = parse()
    need("cargo")
    build()
    session = signed_in(options.region, options.profile)
    table = stack.outputs(session, options.stack)["TableName"]
    command = ["cargo", "run", "-q", "--", options.command, "--table", table, *what]
    return subprocess.run(command, cwd=stack.ROOT, env=with_credentials(session), check=False).returncode


if __name__ == "__main__":
    with Problem.ends_the_program():
        raise SystemExit(main())
