#!/usr/bin/env python3
"""Prints template.yaml as CloudFormation gets to see it: after the SAM transform, intrinsic functions left, as JSON.

Neither network nor credentials are needed. The code of the functions is not looked at.
"""

import json
import sys
from pathlib import Path

from boto3.session import Session
from samtranslator.parser.parser import Parser
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]


def processed(template: dict) -> dict:
    """The template after the transform, which accepts code in a bucket only."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "code", "Key": resource["Properties"]["CodeUri"]}
    # The transform asks the session for a region only to know the partition.
    session = Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, parameter_values={})


def main() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    try:
        json.dump(processed(template), sys.stdout, indent=2)
    except InvalidDocumentException as error:
        sys.exit("\n".join(cause.message for cause in error.causes))
    print()


if __name__ == "__main__":
    main()
