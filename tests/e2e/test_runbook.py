"""The runbook's commands that need functions that work, as whoever is called types them.

Those of AWS's CLI, and those that deploy, are run in tests/deploy/test_runbook_on_emulator.py.
"""

import hashlib
import json
import shlex
import subprocess
import sys

import boto3

from conftest import STACK, World
from parties import APP_ID, BUSINESS_ID
from processes import ROOT

sys.path.append(str(ROOT / "tests/scripts"))
from runbook import every_command  # noqa: E402

# Run by test_console.py.
ELSEWHERE = ('authlink console --stack "$STACK"', "authlink console --write")
ON_A_STACK_THAT_DOES_NOTHING = ("aws ", "export ", "make deploy ", "make restore ", "make rollback ")
APP_DOCUMENT = f"{STACK}/alipay-app/{APP_ID}"


class OnCall:
    """Types the runbook's commands, each with what it leaves open."""

    def __init__(self, world: World) -> None:
        self.world = world
        left = [command for command in every_command() if not command.startswith(ON_A_STACK_THAT_DOES_NOTHING)]
        self.left = [command for command in left if command not in ELSEWHERE]

    def type(self, command: str, *open_ends: str, more: str = "", codes: tuple[int, ...] = (0,)) -> str:
        """What it said."""
        self.left.remove(command)
        typed = command.replace("STACK=authlink", f"STACK={STACK}").replace("STACK=…", f"STACK={STACK}")
        for each in open_ends:
            typed = typed.replace("…", each, 1)
        assert "…" not in typed, typed
        return self.run(f"{typed} {more}", codes)

    def run(self, typed: str, codes: tuple[int, ...] = (0,)) -> str:
        environment = self.world.deployment.child_environment
        programs = ROOT / "target/debug"
        # Nothing of this machine's HOME, where the compiler is, too: make takes the program that is there.
        own = {"AUTHLINK": str(programs / "authlink"), "HOME": str(self.world.folder), "STACK": STACK}
        done = subprocess.run(
            ["bash", "-euc", typed],
            cwd=ROOT,
            env={**environment, **own, "PATH": f"{programs}:{environment['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in codes, f"{typed}\n{done.stdout}{done.stderr}"
        return done.stdout


def app_document() -> dict:
    return json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=APP_DOCUMENT)["SecretString"])


def move_the_app(on_call: OnCall, world: World) -> None:
    """From keys to certificates and back, as Alipay's own keys would be moved."""
    files = {
        "root-certificates": "alipay-root.crt",
        "app-certificate": "app.crt",
        "alipay-certificate": "alipay.crt",
    }
    named = [f"--{option} {shlex.quote(str(world.parties.key(file)))}" for option, file in files.items()]
    command = "authlink app move ID begin"
    on_call.left.remove(command)
    here = f"--stack {STACK} --yes"
    on_call.run(f"{command.replace('ID', APP_ID)} {here} {' '.join(named)}")
    assert {"alipayPublicKeys", "alipayCertificates", "appCertificate"} <= set(app_document())
    # New processes, which read the document anew.
    world.live_on_loopback()
    moved = world.authorized()
    world.deployment.await_status("DELIVERED", moved.serial_no)
    on_call.run(f"authlink app move {APP_ID} back {here}")
    assert "alipayCertificates" not in app_document()
    world.live_on_loopback()


def test_every_command_does_what_the_runbook_says(world: World) -> None:
    on_call, deployment, parties = OnCall(world), world.deployment, world.parties
    delivered = world.authorized()
    reference = deployment.await_status("DELIVERED", delivered.serial_no)["reference"]
    of_delivered = [BUSINESS_ID, delivered.serial_no]
    assert reference in on_call.type("make show STACK=authlink REFERENCE=…", reference)
    assert reference in on_call.type("make show REFERENCE=…", reference, more=f"STACK={STACK}")
    said = on_call.type("make show STACK=authlink BUSINESS_ID=… SERIAL_NO=…", *of_delivered)
    assert "DELIVERED" in said and reference in said

    parties.merchant_answers("server-error")
    with deployment.environment("openid-delivery", AUTHLINK_DELIVERY_WAITS_SECS="1"):
        given_up = [world.authorized(), world.authorized()]
        records = [deployment.await_status("UNDELIVERABLE", each.serial_no, within=60) for each in given_up]
    world.undeliverable.update(record["reference"] for record in records)
    parties.merchant_answers("none")
    one = [BUSINESS_ID, given_up[0].serial_no]
    said = on_call.type("make resend STACK=authlink BUSINESS_ID=… SERIAL_NO=…", *one, more="ARGS=--yes")
    assert said.startswith("1 due again")
    said = on_call.type("make resend STACK=authlink BUSINESS_ID=…", BUSINESS_ID, more="ARGS=--yes")
    assert said.startswith("1 due again")
    deployment.sweep()
    for each in given_up:
        deployment.await_status("DELIVERED", each.serial_no)

    said = on_call.type("make forget STACK=authlink BUSINESS_ID=… SERIAL_NO=…", *of_delivered, more="ARGS=--yes")
    assert "forgotten" in said
    assert "person forgotten" in on_call.run(f"make show STACK={STACK} REFERENCE={reference}")

    key = hashlib.sha256(parties.key("merchant-md5-key.txt").read_text().strip().encode()).hexdigest()
    disable, enable = "make disable STACK=… BUSINESS=… KEY=…", "make enable STACK=… BUSINESS=… KEY=…"
    assert key in on_call.type(disable, BUSINESS_ID, key, more="ARGS=--yes")
    assert "Nothing is disabled here." in on_call.type(enable, BUSINESS_ID, key, more="ARGS=--yes")
    move_the_app(on_call, world)
    # The emulator has no number of a sweep, and no certificate.
    assert "sweep" in on_call.type('authlink status --stack "$STACK"', codes=(0, 1))
    assert on_call.left == []
