"""A merchant that never answers, and what an operator does about it."""

from conftest import STACK, SecondBusiness, World
from deployment import deploy, mend_trigger
from parties import body_of


def test_deploying_again_keeps_what_is_there_and_adds_another_business(world: World, second: SecondBusiness) -> None:
    for kept in (f"{STACK}/callback-key", f"{STACK}/alipay-app/"):
        assert f"kept   {kept}" in second.said
    assert f"made   {STACK}/business/{second.id}\n" in second.said
    assert "works: open this in a browser" in second.said
    again = deploy(second.deploy_arguments, world.deployment.child_environment)
    mend_trigger(world.deployment)
    assert f"kept   {STACK}/business/{second.id}\n" in again and "made " not in again
    assert "works: open this in a browser" in again


def test_what_a_silent_merchant_never_took_is_resent_with_the_same_body(
    world: World, second: SecondBusiness
) -> None:
    deployment, parties = world.deployment, world.parties
    of_second = {"business_id": second.id, "merchant_id": second.merchant_id, "key": second.key}
    with deployment.environment("openid-delivery", AUTHLINK_DELIVERY_WAITS_SECS="1,1"):
        parties.merchant_answers("silence")
        requests = [world.authorized(), world.authorized(), world.authorized(**of_second)]
        records = [deployment.await_status("UNDELIVERABLE", r.serial_no, r.business_id, 60) for r in requests]
    for record in records:
        outcomes = [(attempt["number"], attempt["outcome"]) for attempt in record["delivery"]["attempts"]]
        assert outcomes == [(1, "timeout"), (2, "timeout"), (3, "timeout")]
        world.undeliverable.add(record["reference"])
    parties.merchant_answers("none")

    resends = [[f"SERIAL_NO={requests[0].serial_no}", "BUSINESS_ID=demo"], ["BUSINESS_ID=demo"], ["ALL=1"]]
    for number, which in enumerate(resends):
        if requests[number].business_id == second.id:
            # The demo merchant is not the second business, and refuses what is meant for it.
            parties.merchant_answers("unchecked")
        assert deployment.operate("resend", *which, "ARGS=--yes").startswith("1 due again")
        deployment.sweep()
        deployment.await_status("DELIVERED", requests[number].serial_no, requests[number].business_id)
        for left in requests[number + 1 :]:
            assert deployment.show(left.serial_no, left.business_id)["state"] == "UNDELIVERABLE"
    for request in requests:
        callbacks = parties.callbacks(request.serial_no)
        assert len(callbacks) == 4
        assert len({body_of(callback) for callback in callbacks}) == 1
