"""GetAuthorizationUrl at the deployed API: from a signed call to a delivered openId."""

import base64
import html
import json
import os
import re
import subprocess
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import STACK, World
from parties import body_of, fetch, header_of
from processes import ROOT, descendants, eventually, variable
from rpc_call import ACCOUNT_ID, RpcAnswer, RpcCall, encoded, new_phone_number, send_raw

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Mobile/15E148 Safari/604.1"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0"
IN_ALIPAY = "Mozilla/5.0 (Linux; Android 14) Mobile AliApp(AP/10.6) AlipayClient/10.6"


def call(world: World, **changes: object) -> RpcCall:
    wanted = RpcCall(**{"secret": world.parties.key("access-key-secret.txt").read_text(), **changes})
    world.phone_numbers.add(wanted.phone_no)
    return wanted


def send(world: World, **changes: object) -> RpcAnswer:
    return call(world, **changes).send(world.address)


def reference_of(link: str) -> str:
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["bizId"]


def opened(link: str, agent: str) -> tuple[int, dict[str, str], str]:
    return fetch(urllib.request.Request(link, headers={"User-Agent": agent, "Accept-Language": "zh-CN"}))


def outcome_of(page: str) -> str:
    return re.search(r'data-outcome="([a-z-]+)"', page)[1]


@pytest.mark.parametrize(("v1", "method"), [(False, "POST"), (False, "GET"), (True, "POST"), (True, "GET")])
def test_a_signed_call_a_page_and_a_consent_bring_the_open_id_to_the_schemes_address(
    world: World, v1: bool, method: str
) -> None:
    wanted = call(world, v1=v1, method=method, parameters={"EndDate": "2099-12-31"})
    answer = wanted.send(world.address)
    assert (answer.status, answer.code, answer.fields["Message"]) == (200, "OK", "请求成功"), answer.text
    request_id, reference = answer.fields["RequestId"], reference_of(answer.link)
    assert answer.link.startswith(f"{world.api}/p/s/web-call-minapp/auth-bao?page=commauth/index&token=eyJ")

    status, headers, page = opened(answer.link, DESKTOP)
    assert (status, outcome_of(page)) == (200, "scan") and world.merchant_name in page
    status, headers, page = opened(answer.link, PHONE)
    assert (status, outcome_of(page)) == (200, "open") and "alipays://" in html.unescape(page)
    status, headers, _ = opened(answer.link, IN_ALIPAY)
    assert status == 302 and headers["location"].startswith(f"{world.parties.alipay}/oauth2/")
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"

    world.parties.consent(headers["location"])
    [callback] = world.parties.await_callbacks(request_id, 1)
    body = json.loads(body_of(callback))
    assert list(body) == ["requestId", "bizId", "schemeId", "phoneTail", "endDate", "openId", "authTime"]
    assert (body["bizId"], body["schemeId"], body["endDate"]) == (reference, 234, "2099-12-31")
    assert body["phoneTail"] == wanted.phone_no[-4:]
    assert header_of(callback, "businessid") == ACCOUNT_ID

    def delivered() -> bool:
        record = json.loads(world.deployment.operate("show", f"REFERENCE={reference}", "ARGS=--json"))
        return (record["state"], record.get("requestId")) == ("DELIVERED", request_id)

    eventually(delivered, 20, f"{reference} DELIVERED")
    status, _, page = opened(answer.link, PHONE)
    assert outcome_of(page) == "used"
    assert body["openId"] not in page


@pytest.mark.parametrize("generation", [[], ["--core"]], ids=["V3", "V1"])
def test_alibaba_clouds_own_sdks_get_links_that_open(world: World, generation: list[str]) -> None:
    phone_no = new_phone_number()
    world.phone_numbers.add(phone_no)
    # fmt: off
    command = [
        ".venv-sdk/bin/python", "tests/sdk/get_authorization_url.py", "--endpoint", world.address, "--phone", phone_no,
        "--secret-file", str(world.parties.key("access-key-secret.txt")), "--end-date", "2099-12-31", *generation,
    ]
    # fmt: on
    names = ("http_proxy", "https_proxy", "all_proxy")
    inherited = {name: value for name, value in os.environ.items() if name.lower() not in names}
    environment = {**inherited, "PYTHONPATH": str(ROOT / "tests/e2e/localhost")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status, _, page = opened(done.stdout.strip(), PHONE)
    assert (status, outcome_of(page)) == (200, "open")


@pytest.mark.parametrize(
    ("phone_no", "code", "status"),
    [(None, "OK", 200), ("12345", "MobileNumberIllgeal", 400)],
    ids=["granted", "refused"],
)
def test_each_request_has_one_line_that_says_its_request_id(
    world: World, phone_no: str | None, code: str, status: int
) -> None:
    answer = send(world, parameters={"PhoneNo": phone_no} if phone_no else {})
    request_id = answer.fields["RequestId"]
    assert answer.headers["x-acs-request-id"] == request_id

    def logged() -> list[dict]:
        lines = world.deployment.log_lines("get-authorization-url")
        return [line for line in lines if request_id in json.dumps(line)]

    [line] = eventually(logged, 5, f"a line of {request_id}")
    said = {name: line[name] for name in ("route", "code", "http_status", "access_key")}
    assert said == {
        "route": "get-authorization-url",
        "code": code,
        "http_status": status,
        "access_key": "demoAccessKeyId",
    }


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize("form", ["JSON", "XML"])
def test_refusals_arrive_with_their_status_code_and_message(world: World, v1: bool, form: str) -> None:
    for status, code, changes in [
        (400, "MissingParameter", {"parameters": {"PhoneNo": ""}}),
        (400, "InvalidParameters", {"parameters": {"SchemeId": "-1"}}),
        (400, "DataNotFound", {"parameters": {"SchemeId": "999"}}),
        (400, "IllegalParameter", {"parameters": {"EndDate": "2026-02-30"}}),
        (404, "InvalidAccessKeyId.NotFound", {"access_key_id": "nobody"}),
        (400, "SignatureDoesNotMatch", {"secret": "another-secret"}),
        (400, "InvalidTimeStamp.Expired", {"timestamp": "2026-01-01T00:00:00Z"}),
    ]:
        answer = send(world, v1=v1, format=form, **changes)
        assert (answer.status, answer.code) == (status, code), answer.text
        assert answer.text.startswith("{" if form == "JSON" else "<")
        assert answer.fields["RequestId"] and answer.fields["Message"]
        assert ("json" if form == "JSON" else "xml") in answer.headers["content-type"]


def test_without_a_format_v1_answers_in_xml_as_alibaba_cloud_does(world: World) -> None:
    answer = send(world, v1=True, format=None)
    assert answer.text.startswith("<") and "GetAuthorizationUrlResponse>" in answer.text, answer.text
    assert answer.code == "OK"
    assert opened(answer.link, DESKTOP)[0] == 200


def test_a_nonce_is_used_once_by_either_signature(world: World) -> None:
    first = call(world)
    assert first.send(world.address).code == "OK"
    assert first.send(world.address).code == "SignatureNonceUsed"
    assert send(world, v1=True, nonce=first.nonce).code == "SignatureNonceUsed"


def spaces_as_plus(query: str) -> str:
    return query.replace("%20", "+")


def in_lower_case(query: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), query)


def raw(query: str) -> str:
    """As node leaves these characters."""
    return re.sub("%(21|27|28|29|2A)", lambda found: chr(int(found[1], 16)), query)


def reversed_order(query: str) -> str:
    return "&".join(query.split("&")[::-1])


@pytest.mark.parametrize("spelling", [spaces_as_plus, in_lower_case, raw, reversed_order])
@pytest.mark.parametrize("v1", [False, True])
def test_every_spelling_of_a_query_reaches_the_signature_check_as_it_was_sent(
    world: World, v1: bool, spelling: object
) -> None:
    # A parameter that nobody knows is signed as well.
    odd = "+86 139~*/中文%!'()&=;,"
    wanted = call(world, v1=v1, parameters={"ResourceOwnerAccount": odd, "EndDate": ""})
    host = urllib.parse.urlsplit(world.address).netloc
    pairs, headers = (wanted.pairs(), {"host": host}) if v1 else (wanted.wanted(), wanted.headers(host))
    query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(pairs.items()))
    spelled = spelling(query)
    assert spelled != query and "%2B86" in spelled.replace("%2b", "%2B")
    answer = send_raw(world.address, "POST", spelled, headers)
    assert (answer.status, answer.code) == (200, "OK"), answer.text


def test_an_account_over_its_rate_limit_is_throttled_and_told_when_to_come_again(world: World) -> None:
    client = boto3.client("secretsmanager")
    secret = "slow-access-key-secret"
    key = {"secrets": [secret], "accountId": "slow", "permissions": ["dypns:GetAuthorizationUrl"]}
    for name, document in [
        ("account/slow", {"requestsPerSecond": 1}),
        ("access-key/slowAccessKeyId", key),
        ("scheme/236", {"accountId": "slow", "merchantName": "Slow"}),
    ]:
        client.create_secret(Name=f"{STACK}/{name}", SecretString=json.dumps(document))
    changes = {"secret": secret, "access_key_id": "slowAccessKeyId", "parameters": {"SchemeId": "236"}}

    def throttled() -> RpcAnswer | None:
        answer = send(world, **changes)
        assert answer.code in ("OK", "Throttling.System"), answer.text
        return answer if answer.code == "Throttling.System" else None

    answer = eventually(throttled, 20, "a call too many", every=0)
    assert answer.status == 400 and 1 <= int(answer.headers["x-acs-retry-after"]) <= 4000
    assert send(world).code == "OK", "another account"
    eventually(lambda: send(world, **changes).code == "OK", 10, "a call within the rate limit", every=0.2)


def test_a_deployment_without_public_url_leads_to_the_address_that_the_call_arrived_at(world: World) -> None:
    domain = urllib.parse.urlsplit(world.address).hostname
    links = [line for line in world.first_deploy.splitlines() if line.startswith(f"https://{domain}/")]
    assert [link.partition("?")[0] for link in links] == [f"https://{domain}/p/s/web-call-minapp/auth-bao"]


def test_a_page_of_a_forged_token_says_so_and_no_more(world: World) -> None:
    link = send(world).link
    head, _, rest = link.partition("token=")
    header, claims, tag = rest.partition("&")[0].split(".")
    status, _, page = opened(f"{head}token={header}.{claims}.{tag[::-1]}&_env=prod", DESKTOP)
    assert (status, outcome_of(page)) == (403, "forged")
    assert world.merchant_name not in page


def test_its_role_reads_a_record_and_may_neither_search_nor_delete(world: World) -> None:
    """Asked with the credentials that the function's process has. To which items and attributes a read is confined is
    judged on the template: the emulator does not know `dynamodb:LeadingKeys`, and takes the right to the deny list for
    one to every item."""
    link = send(world).link
    name = world.deployment.name("get-authorization-url")
    pid = next(
        pid
        for pid in descendants(world.emulator.child.pid)
        if variable(pid, "AWS_LAMBDA_FUNCTION_NAME") == name and variable(pid, "AWS_ACCESS_KEY_ID")
    )
    own = boto3.Session(
        variable(pid, "AWS_ACCESS_KEY_ID"),
        variable(pid, "AWS_SECRET_ACCESS_KEY"),
        variable(pid, "AWS_SESSION_TOKEN"),
    ).client("dynamodb")
    item = {
        "TableName": world.deployment.outputs["TableName"],
        "Key": {"pk": {"S": f"authorization#{reference_of(link)}"}},
    }
    names = {"#status": "status"}
    shown = own.get_item(**item, ProjectionExpression="link, #status", ExpressionAttributeNames=names)["Item"]
    assert shown["status"] == {"S": "ISSUED"}
    for asked in (
        lambda: own.query(
            TableName=item["TableName"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": item["Key"]["pk"]},
        ),
        lambda: own.delete_item(**item),
        lambda: own.scan(TableName=item["TableName"]),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            asked()
