"""What the documents tell others to copy."""

import re

import yaml
from conftest import ROOT

# The MaxSessionDuration of a role that says none.
IAMS_DEFAULT_SECS = 3600


def test_the_workflow_for_github_asks_nothing_and_stores_no_key() -> None:
    page = (ROOT / "docs/aws.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    steps = workflow["jobs"]["deploy"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ['make deploy ARGS="--yes --stack authlink"']
    assert "secrets." not in text and "AWS_ACCESS_KEY_ID" not in text
    [asked] = {step["with"]["role-duration-seconds"] for step in steps if "role-duration-seconds" in step.get("with", {})}
    [allowed] = re.findall(r"aws iam update-role --role-name authlink-deployer --max-session-duration (\d+)\n", page)
    assert IAMS_DEFAULT_SECS < asked <= int(allowed), "no credentials would come"


def test_the_page_about_aws_has_a_section_for_everything_that_is_done_there() -> None:
    page = (ROOT / "docs/aws.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", page, re.MULTILINE)
    done = ["Deploy", "Environments", "Policies", "In CI", "Restore", "Rollback", "Take down", "AWS China", "Try first"]
    assert [section for section in sections if section in done] == done
    assert "**Nothing here was run on AWS itself.**" in page


def test_the_deployment_on_the_emulator_ends_within_the_time_that_is_documented() -> None:
    steps = (ROOT / ".ci/run").read_text(encoding="utf-8")
    [minutes] = re.findall(r"^timeout --foreground -k 60 (\d+)m make --no-print-directory e2e$", steps, re.MULTILINE)
    page = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    [row] = [line for line in page.splitlines() if line.startswith("| `make e2e` |")]
    took, ends = re.search(r"CI took (\d+) s for it on two cores, and ends it after (\d+) minutes", row).groups()
    assert minutes == ends and int(took) < int(ends) * 60
