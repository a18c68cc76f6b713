"""An operator's first hour, as its page has it, on the stack: the same words, with `--stack`."""

import json
import shlex
import subprocess
import sys
import time

from conftest import World
from parties import BUSINESS_ID
from processes import ROOT

sys.path.append(str(ROOT / "tests/scripts"))
from first_hour import Step, commands, has_printed, steps  # noqa: E402

# A resend is swept up within a minute; here it is swept at once.
SHOWN_WITHIN = 60
TRANSCRIPT = ROOT / "target/first-hour-on-a-stack.txt"


class Hour:
    """What was done so far, as an operator would have seen it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.printed = ""
        self.link = ""
        self.typed: list[str] = []
        self.done: set[str] = set()

    @property
    def transcript(self) -> str:
        return "".join(self.typed)

    def do(self, step: Step, again: bool = False) -> None:
        if again:
            del self.typed[-len(commands(step)) :]
        for command in commands(step):
            words = shlex.split(command)
            match words:
                case ["curl", *_]:
                    self.world.parties.merchant_answers(json.loads(words[words.index("-d") + 1])["merchant"])
                case ["authlink", "call", "link", "--serial-no", serial_no]:
                    answer = self.world.request(serial_no=serial_no).send(self.world.api)
                    assert answer["status"] == 0, answer
                    self.link = answer["data"]["alipayAuthUrl"]
                # A receiver is tested with a key of one's own, and the stack's status has a test of its own.
                case ["authlink", "trigger" | "status", *_]:
                    pass
                case ["authlink", *of_the_stack]:
                    self.run(of_the_stack)
                case _:
                    raise AssertionError(command)

    def run(self, words: list[str]) -> None:
        # Of more than one machine a serialNo is found with its business, and a table lists one at a time.
        owner = ["--business-id", BUSINESS_ID] if words[0] == "authorizations" else []
        command = self.world.deployment.program(*words, *owner)
        done = subprocess.run(
            [command[0], "--folder", str(self.world.folder / "hour"), *command[1:]],
            env=self.world.deployment.child_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.printed = done.stdout + done.stderr
        self.typed.append(f"$ authlink {shlex.join(command[1:])}\n{self.printed}\n")
        assert done.returncode == 0, self.transcript
        self.done.add(" ".join(words[:2]))

    def await_shown(self, before: Step, shown: str) -> None:
        deadline = time.monotonic() + SHOWN_WITHIN
        while not has_printed(self.printed, shown):
            assert time.monotonic() < deadline, f"not shown: {shown}\n{self.transcript}"
            self.world.deployment.sweep()
            self.do(before, again=True)


def go_through(hour: Hour, page: list[Step]) -> None:
    for at, step in enumerate(page):
        if step.kind == "consent":
            hour.world.parties.consent(hour.link)
        elif step.kind == "sh":
            hour.do(step)
        elif "authlink status" not in page[at - 1].text:
            hour.await_shown(page[at - 1], step.text)


def test_the_first_hour_goes_on_a_stack_as_on_one_machine(world: World) -> None:
    hour = Hour(world)
    # No attempt of its own comes between the merchant's repair and the resend, and no hint of one waits in the queue:
    # those come within 15 minutes.
    with world.deployment.environment("openid-delivery", AUTHLINK_DELIVERY_WAITS_SECS="3600"):
        try:
            go_through(hour, steps(ROOT / "docs/first-hour.md"))
        finally:
            TRANSCRIPT.write_text(hour.transcript, encoding="utf-8")
    of_business = {f"business {verb}" for verb in ("add", "check", "show", "rotate", "disable", "enable")}
    assert hour.done == of_business | {f"authorizations {verb}" for verb in ("list", "show", "resend", "forget")}
    assert "PRIVATE KEY" not in hour.transcript
