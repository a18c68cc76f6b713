"""What is handed on to SAM about where and how CloudFormation works."""

import argparse
import re
from collections.abc import Mapping

from problem import Problem

ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+"
BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
TAG = r"[A-Za-z0-9 _.:/=+@-]{1,128}"


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role-arn", metavar="…", help="the role in which CloudFormation works, instead of yours")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a tag of everything; may be repeated; without one a stack keeps those that it has",
    )
    parser.add_argument("--bucket", metavar="…", help="the bucket for the code, instead of one that SAM makes")


def of(options: argparse.Namespace, stack: str, kept: Mapping[str, str]) -> list[str]:
    """The arguments of `sam deploy`, which would take off what tags it is not told."""
    handed = ["--s3-bucket", options.bucket, "--s3-prefix", stack] if options.bucket else ["--resolve-s3"]
    if options.bucket and not re.fullmatch(BUCKET, options.bucket):
        raise Problem(f"--bucket must be the name of a bucket, not {options.bucket!r}")
    if options.role_arn:
        if not re.fullmatch(ROLE, options.role_arn):
            raise Problem(f"--role-arn must be the ARN of a role, not {options.role_arn!r}")
        handed += ["--role-arn", options.role_arn]
    tags = dict(map(tag_of, options.tag)) if options.tag else kept
    # AWS's own come from elsewhere, and cannot be said.
    if said := [f'"{name}"="{value}"' for name, value in tags.items() if not name.startswith("aws:")]:
        handed += ["--tags", *said]
    return handed


def tag_of(text: str) -> tuple[str, str]:
    name, joint, value = text.partition("=")
    if not (joint and re.fullmatch(TAG, name) and re.fullmatch(TAG, value)):
        raise Problem(f"--tag must be NAME=VALUE of A-Z a-z 0-9 space _ . : / = + @ -, not {text!r}")
    return name, value
