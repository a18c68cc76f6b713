"""A release is a name for code and settings together: what makes a new one, and what a rollback then leads to."""

import shutil
from pathlib import Path

import pytest
import release
import template_file
from conftest import ROOT

DIGEST, OTHER = "d" * 16, "e" * 16


@pytest.fixture
def of(tmp_path: Path):
    """The digest of one function's code and the template, as some parameters have it."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one/bootstrap").write_bytes(b"code")
    shutil.copy(ROOT / "template.yaml", tmp_path)

    def digest(**parameters: str) -> str:
        return release.digest(tmp_path, {"AlipayAppId": "1", **parameters})

    digest.folder = tmp_path
    return digest


@pytest.mark.parametrize(
    "setting",
    ["CallbackPorts", "MemorySize", "TableName", "SecretsPrefix", "LogLevel", "KmsKeyArn", "SubnetIds", "PublicUrl"],
)
def test_a_setting_of_the_functions_makes_another_release(of, setting: str) -> None:
    assert of(**{setting: "1"}) != of()


@pytest.mark.parametrize(
    "other",
    ["AlarmEmail", "LinkRateLimit", "MonthlyBudgetUsd", "Rollout", "DeliveryReserved", "DeliveryConcurrency", "Release",
     "PreviousRelease", "PreviousTableName", "PreviousKmsKeyArn", "PermissionsBoundaryArn", "RunbookUrl", "LogRetentionDays"],
)  # fmt: skip
def test_any_other_parameter_rolls_nothing_out(of, other: str) -> None:
    assert of(**{other: "1"}) == of()


def test_code_makes_another_release_and_the_text_of_an_alarm_does_not(of) -> None:
    before, file = of(), of.folder / "template.yaml"
    file.write_text(file.read_text().replace("It waits for a resend.", "It waits."))
    assert of() == before
    file.write_text(file.read_text().replace("Timeout: 28", "Timeout: 27"))
    by_template = of()
    assert by_template != before
    (of.folder / "one/bootstrap").write_bytes(b"other code")
    assert of() not in (before, by_template)


def test_asterisks_in_a_settings_place_are_no_change(of) -> None:
    assert of(EdgeSecrets="****") == of(EdgeSecrets="") == of()


def test_a_hidden_setting_counts_where_it_is_said() -> None:
    template = template_file.read()
    assert template_file.hidden(template) == {"EdgeSecrets"}
    marks = [release.hidden_digest(template, {"EdgeSecrets": value}, "shop") for value in ("one", "two", "one")]
    assert marks[0] == marks[2] != marks[1] and len(marks[0]) == len(release.NOTHING_HIDDEN)
    assert release.hidden_digest(template, {"LogLevel": "debug"}, "shop") is None
    assert marks[0] != release.hidden_digest(template, {"EdgeSecrets": "one"}, "another stack")


def test_the_same_deployment_again_leaves_all_as_it_is() -> None:
    known = release.new(DIGEST, "12345678")
    assert release.chosen(known, DIGEST, None, [known] * 5) == {"Release": known}
    assert release.chosen(known, DIGEST, "12345678", [known] * 5) == {"Release": known}


@pytest.mark.parametrize(
    ("digest", "hidden", "rolled_back"),
    [(DIGEST, None, True), (OTHER, None, False), (OTHER, None, True), (DIGEST, "87654321", False)],
)
def test_a_rollback_leads_to_what_served_before(digest: str, hidden: str | None, rolled_back: bool) -> None:
    known, before = release.new(DIGEST, "12345678"), release.new(OTHER, "12345678")
    serves = before if rolled_back else known
    said = release.chosen(known, digest, hidden, [serves] * 5)
    assert said["PreviousRelease"] == serves and release.parts(said["Release"]) == (digest, hidden or "12345678")
    assert said["Release"][:10] not in (known[:10], before[:10]), "SAM looks at no more"


def test_a_new_stack_has_no_release_before() -> None:
    said = release.chosen("", DIGEST, None, [])
    assert release.parts(said["Release"]) == (DIGEST, release.NOTHING_HIDDEN) and said["PreviousRelease"] == ""


def test_functions_that_serve_different_releases_are_all_led_to_one() -> None:
    known, before = release.new(DIGEST, "12345678"), release.new(OTHER, "12345678")
    said = release.chosen(known, DIGEST, None, [before, known, before])
    assert said["PreviousRelease"] == before and said["Release"] != known
