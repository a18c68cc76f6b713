"""What the documents tell others to copy."""

import re

import yaml
from conftest import ROOT


def test_the_workflow_for_github_asks_nothing_and_stores_no_key() -> None:
    page = (ROOT / "docs/aws.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    steps = workflow["jobs"]["deploy"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ['make deploy ARGS="--yes --stack authlink"']
    assert "secrets." not in text and "AWS_ACCESS_KEY_ID" not in text
