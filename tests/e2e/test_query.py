"""What a business is told of its serialNos by the deployed route."""

import json
import urllib.request

from conftest import SecondBusiness, World
from parties import body_of, fetch

UNKNOWN = {"status": 7, "code": "serial_unknown", "message": "there is no such serialNo", "data": {}}


def events(told: dict) -> list[str]:
    return [happened["event"] for happened in told["timeline"]]


def test_a_serial_no_is_told_of_before_and_after_its_consent(world: World) -> None:
    request = world.request()
    link = request.send(world.api)["data"]["alipayAuthUrl"]
    before = world.query(request.serial_no).send(world.api)["data"]
    assert (before["state"], before["delivery"]) == ("ISSUED", {"state": "NONE", "attempts": []})
    assert events(before) == ["REQUESTED", "LINK_ISSUED"] and "openId" not in before

    world.parties.consent(link)
    [callback] = world.parties.await_callbacks(request.serial_no, 1)
    world.deployment.await_status("DELIVERED", request.serial_no)
    by_md5 = {"md5": True, "key": world.parties.key("merchant-md5-key.txt")}
    after = world.query(request.serial_no, **by_md5).send(world.api)["data"]
    delivered = json.loads(body_of(callback))
    assert {name: after[name] for name in delivered} == delivered
    assert (after["state"], after["delivery"]["state"]) == ("DELIVERED", "DELIVERED")
    [attempt] = after["delivery"]["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["httpStatus"]) == (1, "success", 200)
    assert events(after) == ["REQUESTED", "LINK_ISSUED", "AUTHORIZED", "DELIVERED"]


def test_anothers_serial_no_is_unknown_and_a_nonce_is_taken_once_by_either_route(
    world: World, second: SecondBusiness
) -> None:
    request = world.request()
    assert request.send(world.api)["status"] == 0
    query = world.query("S-that-nobody-used")
    assert query.send(world.api) == UNKNOWN
    assert query.send(world.api)["status"] == 6
    of_second = {"business_id": second.id, "merchant_id": second.merchant_id, "key": second.key}
    assert world.query(request.serial_no, **of_second).send(world.api) == UNKNOWN
    assert world.query(request.serial_no, nonce=request.nonce).send(world.api)["status"] == 6
    assert world.request(nonce=query.nonce).send(world.api)["status"] == 6


def test_a_platforms_callback_has_a_route_and_a_query_is_a_post(world: World) -> None:
    no_such_interface = {"status": 4, "code": "no_such_interface", "message": "no such interface", "data": {}}
    path = "/v1/openapi/auth/alipay/callback/" + "0" * 64
    _, _, text = fetch(urllib.request.Request(world.api + path, b"{}"))
    assert text and "no such interface" not in text
    for unknown in (path, "/v1/openapi/auth/alipay/query"):
        status, _, text = fetch(world.api + unknown)
        assert (status, json.loads(text)) == (200, no_such_interface)
