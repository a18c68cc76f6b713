"""An operator's console over the stack: its pages, read-only, until it is told to stop."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from conftest import World
from parties import BUSINESS_ID, body_of, fetch
from processes import Process


@contextmanager
def console(world: World) -> Iterator[str]:
    """The address of its first page."""
    command = world.deployment.program("--folder", str(world.folder / "operator"), "console", "--port", "0")
    process = Process(command, world.deployment.child_environment, world.folder / "console.log")
    try:
        yield process.await_line("http://127.0.0.1:", 30).strip()
    finally:
        process.stop()
    assert process.child.returncode == 0, process.output()


def page(address: str) -> str:
    status, _, text = fetch(urllib.request.Request(address, headers={"Accept-Language": "en"}))
    assert status == 200, f"{address}: {status} {text}"
    return text


def test_what_needs_attention_one_life_and_the_last_day_are_pages(world: World) -> None:
    deployment, parties = world.deployment, world.parties
    with deployment.environment("openid-delivery", AUTHLINK_DELIVERY_WAITS_SECS="1"):
        parties.merchant_answers("server-error")
        request = world.authorized()
        reference = deployment.await_status("UNDELIVERABLE", request.serial_no, within=60)["reference"]
    world.undeliverable.add(reference)
    parties.merchant_answers("none")

    with console(world) as address:
        attention = page(address)
        assert 'data-testid="attention"' in attention and f'data-reference="{reference}"' in attention
        life = page(f"{address}authorizations/{reference}")
        assert request.serial_no in life and "UNDELIVERABLE" in life and 'data-testid="life-line"' in life
        assert life.count('data-testid="attempt"') == 2 and 'data-testid="read-only"' in life
        assert 'data-testid="problem"' in page(f"{address}day"), "a table lists one owner at a time"
        day = page(f"{address}day?{urllib.parse.urlencode({'owner': BUSINESS_ID})}")
        assert 'data-testid="bound"' in day and reference in day

        told = [json.loads(body_of(callback)) for callback in parties.callbacks(request.serial_no)]
        secret = {body["openId"] for body in told}
        assert secret and not [value for value in secret if value in attention + life + day]
        status, _, _ = fetch(urllib.request.Request(f"{address}authorizations/{reference}/resend", b"", method="POST"))
        assert status == 403, "it is read-only"
        stranger = urllib.parse.urlsplit(address)._replace(path="/").geturl()
        assert fetch(stranger)[0] == 404, "nobody comes in without the token"

    which = [f"SERIAL_NO={request.serial_no}", f"BUSINESS_ID={BUSINESS_ID}"]
    assert deployment.operate("resend", *which, "ARGS=--yes").startswith("1 due again")
    deployment.sweep()
    deployment.await_status("DELIVERED", request.serial_no)
