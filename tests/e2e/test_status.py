"""What the stack's status says while something is wrong with each part of it."""

import boto3

from conftest import World
from deployment import Deployment


def put_number(deployment: Deployment, metric: str, value: float, **dimensions: str) -> None:
    """As a metric filter does: the emulator makes no numbers of log lines."""
    pairs = [{"Name": name, "Value": of} for name, of in dimensions.items()]
    datum = {"MetricName": metric, "Value": value, "Dimensions": pairs}
    boto3.client("cloudwatch").put_metric_data(Namespace=f"authlink/{deployment.stack}", MetricData=[datum])


def test_status_looks_at_every_part_of_the_stack(world: World) -> None:
    deployment, vault = world.deployment, boto3.client("secretsmanager")
    request = world.authorized(callback_url="")
    before = deployment.findings()
    assert not before["healthy"]
    of_a_stack = {"alarms", "sweep", "pendingDeletion"}
    assert set(before) == {"healthy", "records", "documents", "breakers", "publicAddress"} | of_a_stack
    records = before["records"]["found"]
    assert records["forInformation"]["no_address"] >= 1 and "no_address" not in records["attention"]
    assert before["documents"] == {"healthy": True, "found": []}
    assert before["alarms"] == {"healthy": True, "found": []}
    assert not before["sweep"]["healthy"], "no number came yet"
    assert before["breakers"] == {"healthy": True, "found": {"openedInLastHour": 0, "lastOpened": None}}
    assert before["pendingDeletion"] == {"healthy": True, "found": []}
    address = before["publicAddress"]
    assert not address["healthy"] and address["found"]["certificateDaysLeft"] is None, "the emulator has none"

    put_number(deployment, "oldest_due_secs", 7)
    swept = deployment.findings()["sweep"]
    assert swept["healthy"] and swept["found"]["oldestDueSecs"] == 7 and swept["found"]["ageSecs"] < 120

    put_number(deployment, "oldest_due_secs", 400)
    for state in ("open", "half_open", "open"):
        put_number(deployment, "breakers", 1, state=state)
    for name, text in [("left", "{}"), ("flawed", "[]")]:
        vault.create_secret(Name=f"{deployment.stack}/account/{name}", SecretString=text)
    vault.delete_secret(SecretId=f"{deployment.stack}/account/left", RecoveryWindowInDays=7)
    after = deployment.findings()
    vault.delete_secret(SecretId=f"{deployment.stack}/account/flawed", RecoveryWindowInDays=7)
    assert not after["documents"]["healthy"]
    assert [flaw.partition(":")[0] for flaw in after["documents"]["found"]] == ["account/flawed"]
    assert after["alarms"] == {"healthy": False, "found": ["OldestDue"]}
    assert not after["sweep"]["healthy"] and after["sweep"]["found"]["oldestDueSecs"] == 400
    assert not after["breakers"]["healthy"] and after["breakers"]["found"]["openedInLastHour"] == 2
    [left] = after["pendingDeletion"]["found"]
    assert left["name"] == "account/left" and left["dated"] > 0
    assert left["needed"] is False and after["pendingDeletion"]["healthy"], "nothing needs it"

    code, said = deployment.status()
    assert code == 1 and said.startswith("not healthy\n") and "  !!  alarms           OldestDue\n" in said
    deployment.operate("forget", f"SERIAL_NO={request.serial_no}", f"BUSINESS_ID={request.business_id}", "ARGS=--yes")
