"""What must hold of everything that ran before; the last file by its name."""

import json
import os

from conftest import World
from deployment import FUNCTIONS
from processes import descendants, listening_addresses

LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def test_every_function_has_logged(world: World) -> None:
    """Otherwise what follows would hold of nothing."""
    for function in FUNCTIONS:
        assert world.deployment.log_lines(function), function


def test_no_function_was_refused_anything_but_where_a_test_asked_for_it(world: World) -> None:
    lines = world.deployment.all_log_lines()
    refused = [line for line in lines if "AccessDenied" in json.dumps(line)]
    assert {line.get("reference") for line in refused} == world.denied, refused


def test_alarms_were_raised_for_what_was_provoked_alone(world: World) -> None:
    lines = [line for line in world.deployment.all_log_lines() if "alarm" in line]
    # The emulator has its slow moments, which a rate limit does not wait for.
    lines = [line for line in lines if (line["alarm"], line.get("error")) != ("rate-limit", "the store is slow")]
    alarms = {(line["alarm"], line.get("reference")) for line in lines}
    assert alarms == {("undeliverable", reference) for reference in world.undeliverable}


def test_every_sweep_said_how_old_the_oldest_due_record_is(world: World) -> None:
    sweeps = [line for line in world.deployment.log_lines("openid-delivery") if "oldest_due_secs" in line]
    assert sweeps and all(type(line["oldest_due_secs"]) is int for line in sweeps)
    namespaces = {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in sweeps}
    assert namespaces == {f"authlink/{world.deployment.stack}"}


def test_no_function_logs_an_open_id_a_user_or_a_phone_number(world: World) -> None:
    lines, told = world.deployment.all_log_lines(), world.parties.told
    assert lines and told
    text = json.dumps(lines, ensure_ascii=False)
    secret = {body[name] for body in told for name in ("openId", "userId") if name in body}
    secret |= world.phone_numbers
    assert not [value for value in secret if value in text]


def test_nothing_listens_but_on_loopback(world: World) -> None:
    started = [world.emulator.child.pid, world.parties.process.child.pid]
    pids = started + [pid for parent in started for pid in descendants(parent)]
    assert os.getpid() not in pids
    addresses = listening_addresses(pids)
    assert addresses and addresses <= LOOPBACK


def test_no_function_holds_the_embedded_store(world: World) -> None:
    built = sorted(world.build_folder.glob("*/bootstrap"))
    assert len(built) == len(FUNCTIONS)
    for bootstrap in built:
        assert b"SQLite format 3" not in bootstrap.read_bytes(), bootstrap
