"""Every sample against the host: a link, the callback of a user who consents, a query; and callbacks that are not ours.

The user's name has what JSON libraries write differently: Chinese, an emoji, a slash, quotes, and HTML's special
characters. What a sample signs has to be what it sends all the same.
"""

import json
import os
import urllib.parse
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from callback import Callback
from conftest import World
from processes import Process, eventually
from sample import SAMPLES as FOLDER
from sample import LANGUAGES, Sample

USER = "用户 😀 é/\"\\<&>'="
MOST_LINES = 120


def test_a_user_consents_and_is_known(
    world: World, sample: Sample, environment: dict[str, str], receiver: Process
) -> None:
    serial_no = f"S-{os.urandom(8).hex()}"
    link = sample.run(environment, "link", serial_no, USER, sample.callback_url)
    assert urllib.parse.urlsplit(link).path == "/oauth2/publicAppAuthorize.htm"
    world.parties.consent(link)

    def delivered() -> dict | None:
        answer = json.loads(sample.run(environment, "query", serial_no))
        assert answer["status"] == 0, answer
        return answer["data"] if answer["data"]["state"] == "DELIVERED" else None

    eventually(lambda: serial_no in receiver.output(), 12, f"a callback of {serial_no}")
    found = eventually(delivered, 12, f"{serial_no} delivered")
    assert found["userId"] == USER
    assert [attempt["outcome"] for attempt in found["delivery"]["attempts"]] == ["success"]
    assert f"{serial_no} {USER} {found['openId']}" in [line.strip() for line in receiver.output().split("\n")]


def test_a_repeated_request_gets_the_link_again(world: World, sample: Sample, environment: dict[str, str]) -> None:
    serial_no = f"S-{os.urandom(8).hex()}"
    ask = ("link", serial_no, USER, sample.callback_url)
    assert sample.run(environment, *ask) == sample.run(environment, *ask)


class Signers:
    """What signs a sample's callbacks rightly, and what somebody without the key can do."""

    def __init__(self, world: World, sample: Sample) -> None:
        self.md5 = sample.sign_type == "MD5"
        self.key, self.md5_key = world.callback_key, world.md5_key
        self.public_text = world.keys.authlink_public.read_text()

    def right(self, callback: Callback) -> str:
        return callback.by_md5(self.md5_key) if self.md5 else callback.by_rsa(self.key)

    def wrong(self, callback: Callback) -> list[str | None]:
        right = self.right(callback)
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        wrong = [None, "", "not a signature", right[:-8], right[::-1]]
        if self.md5:
            return [*wrong, right.lower(), callback.by_md5(""), callback.by_md5("0" * 32), callback.by_rsa(stranger)]
        return [*wrong, callback.by_rsa(stranger), callback.by_md5(""), callback.by_md5(self.public_text)]


def body(sample: Sample, serial_no: str) -> bytes:
    user = {"serialNo": serial_no, "userId": USER, "merchantId": "shop", "businessId": sample.business_id}
    return json.dumps({**user, "openId": "open-1", "authTime": 1}, ensure_ascii=False, separators=(",", ":")).encode()


def test_only_what_authlink_signed_is_confirmed(world: World, sample: Sample, receiver: Process) -> None:
    signers = Signers(world, sample)
    sign_type = "MD5" if signers.md5 else None
    genuine = Callback(sample.business_id, body(sample, "genuine"), sign_type)
    assert genuine.send(sample.callback_url, signers.right(genuine)) == "SUCCESS"

    forged = Callback(sample.business_id, body(sample, "forged"), sign_type)
    right = signers.right(forged)
    for sign in signers.wrong(forged):
        assert forged.send(sample.callback_url, sign) != "SUCCESS", sign
    for changed in (forged.body.replace(b"open-1", b"open-2"), forged.body + b" ", b"", b"{}"):
        assert forged.send(sample.callback_url, right, changed) != "SUCCESS", changed
    elsewhere = Callback("another", forged.body, sign_type)
    assert elsewhere.send(sample.callback_url, signers.right(elsewhere)) != "SUCCESS"
    for other in ("MD5", "SHA256-RSA", "NONE"):
        confused = Callback(sample.business_id, forged.body, other)
        for sign in (right, confused.by_md5(""), confused.by_md5(signers.public_text)):
            assert confused.send(sample.callback_url, sign) != "SUCCESS", (other, sign)
    later = Callback(sample.business_id, forged.body, sign_type, forged.nonce, f"{forged.timestamp}0")
    assert later.send(sample.callback_url, right) != "SUCCESS"

    # It still takes what is genuine, a repeat among it, and has taken nothing else.
    again = Callback(sample.business_id, genuine.body, sign_type)
    assert again.send(sample.callback_url, signers.right(again)) == "SUCCESS"
    assert "forged" not in receiver.output()


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_a_sample_is_short_and_knows_no_test(language: object) -> None:
    [file] = [path for path in Path(FOLDER / language.name).iterdir() if path.name != "go.mod"]
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    assert not any(word in text for word in ("demo", "emulator", "8787", ".authlink", "pytest"))
