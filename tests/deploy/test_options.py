"""Who is told of alarms, how executions are shared out, and what SAM is handed."""

import argparse
from pathlib import Path

import pytest
import questions
import sam_options
from executions import Limits, in_words, raised, shares
from problem import Problem
from stack_state import Present

RESERVED = {"DeliveryReserved": "30", "ReturnReserved": "250", "PublicMaximum": "166"}


@pytest.mark.parametrize(
    ("limits", "known", "is_new", "expected"),
    [
        (None, {}, True, {}),
        (Limits(10, 10), {}, True, {"DeliveryConcurrency": "3"}),
        (Limits(3, 3), {}, True, {"DeliveryConcurrency": "2"}),
        (Limits(10, 10), {"DeliveryConcurrency": "5"}, True, {}),
        (Limits(100, 100), {}, True, {}),
        (Limits(1000, 1000), {}, True, RESERVED),
        (Limits(1000, 1000), {"DeliveryConcurrency": "50"}, True, {**RESERVED, "DeliveryReserved": "60"}),
        # A stack that runs is not changed by the way, and a number that was said is enough.
        (Limits(1000, 1000), {}, False, {}),
        (Limits(1000, 1000), {"ReturnReserved": "0"}, True, {}),
        # Somebody else has reserved too many, so that Lambda would refuse.
        (Limits(1000, 877), {}, True, {}),
        (Limits(1000, 878), {}, True, RESERVED),
    ],
)
def test_executions_are_reserved_where_there_are_enough(
    limits: Limits | None, known: dict[str, str], is_new: bool, expected: dict[str, str]
) -> None:
    shared = shares(limits, known, is_new)
    assert shared == expected
    assert bool(in_words(shared, limits)) == bool(expected)


@pytest.mark.parametrize(
    ("known", "said", "limits", "expected"),
    [
        (RESERVED, {"DeliveryConcurrency": "50"}, Limits(1000, 220), {"DeliveryReserved": "60"}),
        (RESERVED, {"DeliveryConcurrency": "50"}, None, {"DeliveryReserved": "60"}),
        (RESERVED, {"DeliveryConcurrency": "20"}, Limits(1000, 220), {}),
        (RESERVED, {"DeliveryConcurrency": "50", "DeliveryReserved": "60"}, Limits(1000, 220), {}),
        (RESERVED, {"DeliveryConcurrency": "50", "DeliveryReserved": "0"}, Limits(1000, 220), {}),
        (RESERVED, {"DeliveryConcurrency": "50", "DeliveryReserved": "55"}, Limits(1000, 220), "is too few"),
        (RESERVED, {"DeliveryReserved": "20"}, Limits(1000, 220), "is too few"),
        (RESERVED, {"DeliveryConcurrency": "500"}, Limits(1000, 220), "takes DeliveryReserved=510"),
        # What was chosen before is not changed by the way.
        ({**RESERVED, "DeliveryConcurrency": "50"}, {"LogLevel": "debug"}, Limits(1000, 220), {}),
        ({"DeliveryReserved": "0"}, {"DeliveryConcurrency": "500"}, Limits(1000, 1000), {}),
    ],
)
def test_more_deliveries_fit_into_what_is_reserved_for_them(
    known: dict[str, str], said: dict[str, str], limits: Limits | None, expected: dict[str, str] | str
) -> None:
    if isinstance(expected, str):
        with pytest.raises(Problem, match=expected):
            raised(limits, known, said)
    else:
        assert raised(limits, known, said) == expected


def options(**said: object) -> argparse.Namespace:
    return argparse.Namespace(**{"role_arn": None, "tag": [], "bucket": None, "alarm_email": None, **said})


def test_sam_is_handed_role_tags_and_bucket() -> None:
    assert sam_options.of(options(), "authlink", {}) == ["--resolve-s3"]
    role = "arn:aws:iam::123456789012:role/deployer"
    handed = sam_options.of(options(role_arn=role, tag=["team=pay in", "cost=a=b"], bucket="my-code"), "authlink", {})
    assert handed[:6] == ["--s3-bucket", "my-code", "--s3-prefix", "authlink", "--role-arn", role]
    assert handed[6:] == ["--tags", '"team"="pay in"', '"cost"="a=b"']


@pytest.mark.parametrize(
    "wrong", [{"role_arn": "deployer"}, {"bucket": "My_Code"}, {"tag": ["team"]}, {"tag": ['a="b']}, {"tag": ["=b"]}]
)
def test_what_sam_would_misread_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Problem):
        sam_options.of(options(**wrong), "authlink", {})


def test_a_stack_keeps_its_tags_unless_others_are_said() -> None:
    kept = {"team": "pay in", "aws:servicecatalog:x": "y"}
    assert sam_options.of(options(), "authlink", kept) == ["--resolve-s3", "--tags", '"team"="pay in"']
    assert sam_options.of(options(tag=["a=b"]), "authlink", kept) == ["--resolve-s3", "--tags", '"a"="b"']


@pytest.mark.parametrize(
    "text", ["0123456789abcdef\n", "0123456789abcdef,fedcba9876543210", "0123456789abcdef\nfedcba9876543210\n"]
)
def test_edge_secrets_come_from_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    assert questions.edge_secrets(file) == {"EdgeSecrets": ",".join(text.split())}
    assert questions.edge_secrets(None) == {}


RUNNING = Present({"AlarmTopicArn": ""}, {})


@pytest.mark.parametrize(
    ("said", "parameters", "present", "asked", "expected"),
    [
        (None, {}, False, True, {"AlarmEmail": "a@b.example"}),
        (None, {"AlarmTopicArn": ""}, False, False, {}),
        (None, {"PageTopicArn": "arn"}, False, False, {}),
        (None, {}, True, False, {}),
        ("a@b.example", {}, True, True, {"AlarmEmail": "a@b.example"}),
    ],
)
def test_who_is_told_is_asked_for_a_new_stack(
    said: str | None, parameters: dict[str, str], present: bool, asked: bool, expected: dict[str, str]
) -> None:
    questions_asked = []

    def answer(question: questions.Question) -> str:
        questions_asked.append(question)
        return "a@b.example"

    running = RUNNING if present else None
    found = questions.asked_alarms(options(alarm_email=said), answer, parameters, running)
    assert (found, questions_asked) == (expected, [questions.ALARM_EMAIL] if asked else [])
