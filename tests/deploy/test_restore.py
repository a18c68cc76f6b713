"""What a restore brings back: a point in time, a table that is gone, and who is disabled."""

import argparse
from datetime import datetime, timezone

import deny_list
import pytest
import restore
from problem import Problem
from stack_state import Present
from stubs import Session

UTC = timezone.utc
EARLIEST, LATEST = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "point"),
    [
        (None, LATEST),
        ("2026-11-29T05:00:00Z", datetime(2026, 11, 29, 5, tzinfo=UTC)),
        ("2026-11-29T13:00:00+08:00", datetime(2026, 11, 29, 5, tzinfo=UTC)),
        ("2026-11-29T06:00:01Z", None),
        ("2026-10-31T00:00:00Z", None),
        ("2026-11-29T05:00:00", None),
        ("yesterday", None),
    ],
)
def test_a_point_in_time_is_one_that_the_table_can_go_back_to(at: str | None, point: datetime | None) -> None:
    session = Session()
    window = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": EARLIEST,
        "LatestRestorableDateTime": LATEST,
    }
    described = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": window}
    session.stubs["dynamodb"].add_response("describe_continuous_backups", {"ContinuousBackupsDescription": described})
    if point is None:
        with pytest.raises(Problem, match="--at must|can go back to"):
            restore.chosen(session.client("dynamodb"), "t", restore.moment(at))
    else:
        assert restore.chosen(session.client("dynamodb"), "t", restore.moment(at)) == restore.Point(point)


def test_backups_of_a_new_table_are_waited_for() -> None:
    session, waited = Session(), []
    dynamodb = session.stubs["dynamodb"]
    dynamodb.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
    wanted = {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}}
    dynamodb.add_response("update_time_to_live", {}, wanted)
    dynamodb.add_response("update_table", {}, {"TableName": "t", "DeletionProtectionEnabled": True})
    dynamodb.add_client_error("update_continuous_backups", "ContinuousBackupsUnavailableException")
    on = {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    dynamodb.add_response("update_continuous_backups", {}, on)
    restore.secure(session.client("dynamodb"), "t", waited.append)
    assert waited == [restore.BACKUP_WAIT_SECS]
    dynamodb.assert_no_pending_responses()


GONE = "TableNotFoundException"


def backup(day: int, status: str = "AVAILABLE") -> dict:
    at = datetime(2026, 11, day, tzinfo=UTC)
    arn = f"arn:aws:dynamodb:us-east-1:123456789012:table/t/backup/{day:032}"
    made = {"BackupArn": arn, "BackupName": "t$DeletedTableBackup", "BackupCreationDateTime": at}
    return {**made, "BackupStatus": status}


def test_a_table_that_is_gone_comes_back_from_the_backup_of_its_end() -> None:
    session = Session()
    dynamodb, client = session.stubs["dynamodb"], session.client("dynamodb")
    dynamodb.add_client_error("describe_continuous_backups", GONE)
    wanted = {"TableName": "t", "BackupType": "SYSTEM"}
    dynamodb.add_response("list_backups", {"BackupSummaries": [backup(1), backup(20), backup(25, "CREATING")]}, wanted)
    point = restore.chosen(client, "t", None)
    assert point == restore.Point(datetime(2026, 11, 20, tzinfo=UTC), backup(20)["BackupArn"])
    dynamodb.add_response("restore_table_from_backup", {}, {"TargetTableName": "new", "BackupArn": point.backup})
    dynamodb.add_response("describe_table", {"Table": {"TableStatus": "ACTIVE"}})
    restore.restore(client, "t", "new", point)
    dynamodb.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("backups", "at", "said"),
    [([], None, "no backup that DynamoDB made of it"), ([backup(1)], "2026-11-01T00:00:00Z", "as of its end alone")],
)
def test_what_a_table_that_is_gone_cannot_do_is_said(backups: list[dict], at: str | None, said: str) -> None:
    session = Session()
    session.stubs["dynamodb"].add_client_error("describe_continuous_backups", GONE)
    session.stubs["dynamodb"].add_response("list_backups", {"BackupSummaries": backups})
    with pytest.raises(Problem, match=said):
        restore.chosen(session.client("dynamodb"), "t", restore.moment(at))


def listed(*entries: str) -> dict:
    return {"Item": {**deny_list.KEY, "denied": {"SS": list(entries)}}} if entries else {}


def test_who_is_disabled_stays_so(capsys: pytest.CaptureFixture) -> None:
    session = Session()
    dynamodb = session.stubs["dynamodb"]
    asked = {"TableName": "old", "Key": deny_list.KEY, "ConsistentRead": True}
    dynamodb.add_response("get_item", listed("business/B1", "business/B2"), asked)
    dynamodb.add_response("get_item", listed("business/B2", "platform/east"))
    added = {
        "TableName": "new",
        "Key": deny_list.KEY,
        "UpdateExpression": "ADD denied :entries",
        "ExpressionAttributeValues": {":entries": {"SS": ["business/B1"]}},
    }
    dynamodb.add_response("update_item", {}, added)
    dynamodb.add_response("get_item", listed("business/B1", "business/B2", "platform/east"))
    deny_list.carry(session.client("dynamodb"), "old", "new")
    assert "Disabled in new: business/B1, business/B2, platform/east" in capsys.readouterr().out
    dynamodb.assert_no_pending_responses()


def test_a_table_that_is_gone_denies_nobody_more(capsys: pytest.CaptureFixture) -> None:
    session = Session()
    dynamodb = session.stubs["dynamodb"]
    dynamodb.add_client_error("get_item", "ResourceNotFoundException")
    for _ in range(2):
        dynamodb.add_response("get_item", listed())
    deny_list.carry(session.client("dynamodb"), "old", "new")
    assert "Disabled in new: nobody" in capsys.readouterr().out


def run_main(monkeypatch: pytest.MonkeyPatch, session: Session, **said: object) -> None:
    options = {"region": None, "profile": None, "stack": "shop", "at": None, "to": None, "source": None, "yes": True}
    monkeypatch.setattr(restore, "parsed", lambda: argparse.Namespace(**{**options, **said}))
    monkeypatch.setattr(restore, "check", lambda *_: session)
    present = Present({"TableName": ""}, {"TableName": "old"})
    monkeypatch.setattr(restore, "running", lambda *_: present)
    restore.main()


def test_who_interrupts_is_told_the_word_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(restore, "bring_back", interrupted)
    monkeypatch.setattr(restore, "exists", lambda *_: False)
    monkeypatch.setattr(restore, "chosen", lambda *_: restore.Point(LATEST))
    with pytest.raises(Problem, match=r'make restore STACK=shop ARGS="--to shop-restored-\d{14}"'):
        run_main(monkeypatch, Session())


def test_a_table_that_is_there_is_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "exists", lambda *_: True)
    with pytest.raises(Problem, match="t2 is there already, and --at cannot bring it to another time"):
        run_main(monkeypatch, Session(), to="t2", at="2026-11-29T05:00:00Z")
