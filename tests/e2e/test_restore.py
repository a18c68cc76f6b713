"""The table as it was at a point in time, taken into service under the eyes of a merchant."""

from conftest import World
from deployment import mend_trigger, stack_outputs


def test_a_restored_table_goes_on_with_what_the_old_one_had(world: World) -> None:
    deployment = world.deployment
    old, restored = deployment.outputs["TableName"], f"{deployment.stack}-restored"
    # The emulator does not read that of the template.
    on = {"PointInTimeRecoveryEnabled": True}
    deployment.dynamodb.update_continuous_backups(TableName=old, PointInTimeRecoverySpecification=on)

    # What would be delivered out of the old table in between would be due again in the new one.
    with deployment.trigger_off():
        before = world.authorized()
        said = deployment.operate("restore", f"ARGS=--yes --to {restored}")
        assert "recovery point: 20" in said and "recovery time: " in said
        deployment.outputs = stack_outputs(deployment.stack)
        assert deployment.outputs["TableName"] == restored
        world.live_on_loopback()
    mend_trigger(deployment)
    table = deployment.dynamodb.describe_table(TableName=restored)["Table"]
    assert table["DeletionProtectionEnabled"] is True
    assert deployment.dynamodb.describe_table(TableName=old)["Table"]["TableStatus"] == "ACTIVE", "the old one stays"

    deployment.await_status("DELIVERED", before.serial_no)
    again = world.request(serial_no=before.serial_no).send(world.api)
    assert again["status"] == 8, "its serialNo stays used"
    after = world.authorized()
    deployment.await_status("DELIVERED", after.serial_no)
    assert len(world.parties.callbacks(before.serial_no)) == 1
