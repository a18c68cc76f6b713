"""From a signed request to a delivered openId, over HTTP."""

import json
import urllib.parse
import urllib.request

import pytest

from conftest import World
from parties import APP_ID, body_of, fetch, header_of


@pytest.mark.parametrize(("md5", "key"), [(False, "merchant.pem"), (True, "merchant-md5-key.txt")])
def test_a_signed_request_and_a_consent_bring_the_open_id_to_the_merchant(world: World, md5: bool, key: str) -> None:
    request = world.authorized(md5=md5, key=world.parties.key(key))
    [callback] = world.parties.await_callbacks(request.serial_no, 1)
    body = json.loads(body_of(callback))
    assert list(body) == ["serialNo", "userId", "merchantId", "businessId", "openId", "authTime"]
    assert (body["serialNo"], body["userId"]) == (request.serial_no, request.user_id)
    assert header_of(callback, "nonce").startswith("authlink-")
    record = world.deployment.await_status("DELIVERED", request.serial_no)
    assert [(attempt["number"], attempt["outcome"]) for attempt in record["delivery"]["attempts"]] == [(1, "success")]
    world.deployment.await_empty_queue()


def test_a_merchant_that_fails_twice_and_then_answers_is_told_three_times_the_same(world: World) -> None:
    with world.deployment.environment("openid-delivery", AUTHLINK_DELIVERY_WAITS_SECS="2,2,2"):
        world.parties.merchant_answers("server-error")
        request = world.authorized()
        world.parties.await_callbacks(request.serial_no, 2)
        world.parties.merchant_answers("none")
        callbacks = world.parties.await_callbacks(request.serial_no, 3)
        record = world.deployment.await_status("DELIVERED", request.serial_no)
    outcomes = [(attempt["number"], attempt["outcome"]) for attempt in record["delivery"]["attempts"]]
    assert outcomes == [(1, "status"), (2, "status"), (3, "success")]
    assert len({body_of(callback) for callback in callbacks}) == 1
    assert len({header_of(callback, "nonce") for callback in callbacks}) == 3
    # A merchant's failure is recorded, not a reason to bring the message back.
    world.deployment.await_empty_queue()
    assert world.deployment.messages(world.deployment.dead_letters) == 0


def test_a_nonce_is_taken_once(world: World) -> None:
    first = world.request()
    assert first.send(world.api)["status"] == 0
    assert first.send(world.api)["status"] == 6
    again = world.request(nonce=first.nonce)
    assert again.send(world.api)["status"] == 6


def test_a_serial_no_is_taken_once_and_its_link_comes_again_for_the_same_parameters(world: World) -> None:
    first = world.request()
    link = first.send(world.api)["data"]["alipayAuthUrl"]
    same = world.request(serial_no=first.serial_no).send(world.api)
    assert (same["status"], same["data"]["alipayAuthUrl"]) == (8, link)
    other = world.request(serial_no=first.serial_no, callback_url="https://example.com/").send(world.api)
    assert other["status"] == 8 and not other["data"]


def test_an_unknown_interface_is_named_so(world: World) -> None:
    for method, path in [("POST", "/v1/openapi/orders"), ("GET", "/v1/openapi/auth/alipay/url")]:
        request = urllib.request.Request(world.api + path, b"{}" if method == "POST" else None, method=method)
        status, _, text = fetch(request)
        assert (status, json.loads(text)["status"]) == (200, 4)


def test_a_deployment_without_public_url_names_the_address_that_the_request_arrived_at(world: World) -> None:
    [link] = [line for line in world.first_deploy.splitlines() if line.startswith(world.parties.alipay)]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
    domain = urllib.parse.urlsplit(world.deployment.outputs["ApiUrl"]).hostname
    assert query["app_id"] == APP_ID
    assert query["redirect_uri"] == f"https://{domain}/v1/openapi/auth/alipay/callback"
