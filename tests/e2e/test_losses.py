"""Hints that are lost, triggers that are off, processes that die: nothing of it loses a delivery."""

import time

from conftest import World
from parties import body_of
from processes import descendants, eventually, kill, variable

LEASE_SECS = 30


def test_with_the_queues_trigger_off_the_sweep_alone_delivers(world: World) -> None:
    deployment = world.deployment
    with deployment.trigger_off():
        request = world.authorized()
        record = deployment.show(request.serial_no)
        assert (record["state"], record["delivery"]["attempts"]) == ("AUTHORIZED", [])
        deployment.age(record["reference"], 180)
        deployment.sweep()
        [callback] = world.parties.await_callbacks(request.serial_no, 1)
        deployment.await_status("DELIVERED", request.serial_no)
        assert deployment.messages(deployment.queue) > 0, "the hints are waiting"
    # When the trigger is on again, the hints that waited are of the past.
    deployment.await_empty_queue()
    assert world.parties.callbacks(request.serial_no) == [callback]


def test_a_role_may_use_its_own_queue_only_and_the_sweep_delivers_what_had_no_hint(world: World) -> None:
    deployment = world.deployment
    another_queue = deployment.environment("openid-callback", AUTHLINK_QUEUE_URL=deployment.dead_letters)
    with deployment.trigger_off(), another_queue:
        request = world.authorized()
        record = deployment.show(request.serial_no)
        world.denied.add(record["reference"])
        assert (record["state"], record["delivery"]["attempts"]) == ("AUTHORIZED", [])
        assert deployment.messages(deployment.dead_letters) == 0

    def lost() -> list[dict]:
        lines = deployment.log_lines("openid-callback")
        about = (record["reference"], "the sweep will deliver")
        return [line for line in lines if (line.get("reference"), line.get("message")) == about]

    [line] = eventually(lost, 5, "a line about the lost hint")
    assert "AccessDenied" in line["error"]
    deployment.sweep()
    deployment.await_status("DELIVERED", request.serial_no)
    assert len(world.parties.callbacks(request.serial_no)) == 1


def test_a_function_that_is_killed_between_the_claim_and_the_outcome_loses_nothing(world: World) -> None:
    deployment, parties = world.deployment, world.parties
    name = deployment.name("openid-delivery")
    # The message comes back soon, and finds the attempt taken.
    with deployment.visibility(2):
        parties.merchant_answers("slow", slow_millis=8000)
        request = world.authorized()
        parties.await_callbacks(request.serial_no, 1)
        claimed = time.monotonic()
        for pid in descendants(world.emulator.child.pid):
            if variable(pid, "AWS_LAMBDA_FUNCTION_NAME") == name:
                kill(pid)
        parties.merchant_answers("none")
        deployment.await_empty_queue()
        record = deployment.show(request.serial_no)
        begun = record["delivery"]["begun"], [attempt["number"] for attempt in record["delivery"]["attempts"]]
        assert (record["state"], begun) == ("AUTHORIZED", (1, [1]))

        def swept() -> bool:
            deployment.sweep()
            return len(parties.callbacks(request.serial_no)) > 1

        eventually(swept, LEASE_SECS + 15, "the next attempt", every=1)
        assert time.monotonic() - claimed > LEASE_SECS - 5
        record = deployment.await_status("DELIVERED", request.serial_no)
        outcomes = [(attempt["number"], attempt["outcome"]) for attempt in record["delivery"]["attempts"]]
        assert outcomes == [(1, "unfinished"), (2, "success")]
        first, second = parties.callbacks(request.serial_no)
        assert body_of(first) == body_of(second)
        deployment.await_empty_queue()
