"""Messages that are no hints."""

import json
import re

from conftest import World
from processes import eventually


def test_a_poisoned_message_ends_in_the_dead_letter_queue_and_its_neighbours_are_delivered(world: World) -> None:
    deployment = world.deployment
    with deployment.visibility(1), deployment.batches_of(10):
        with deployment.trigger_off():
            before = world.authorized()
            deployment.sqs.send_message(QueueUrl=deployment.queue, MessageBody='{"v":2,"of":"another version"}')
            after = world.authorized()
        for request in (before, after):
            deployment.await_status("DELIVERED", request.serial_no)
        eventually(lambda: deployment.messages(deployment.dead_letters) == 1, 30, "a dead letter")
        deployment.await_empty_queue()
    [message] = deployment.sqs.receive_message(QueueUrl=deployment.dead_letters)["Messages"]
    deployment.sqs.delete_message(QueueUrl=deployment.dead_letters, ReceiptHandle=message["ReceiptHandle"])
    assert json.loads(message["Body"]) == {"v": 2, "of": "another version"}
    for request in (before, after):
        assert len(world.parties.callbacks(request.serial_no)) == 1
    lines = deployment.log_lines("openid-delivery")
    refusals = [line for line in lines if line.get("message_id") == message["MessageId"]]
    assert len(refusals) == 5
    assert re.search(r"processed [2-9] SQS messages from .* \(1 partial failures\)", world.emulator.output())
