"""The parties around authlink: the emulator of Alipay, the demo merchant, and the user between them."""

import html
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from processes import Process, eventually

APP_ID = "2021000000000001"
BUSINESS_ID = "demo"
MERCHANT_ID = "demo-shop"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        return None


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)


def fetch(request: urllib.request.Request | str, timeout: float = 40) -> tuple[int, dict[str, str], str]:
    """Status, headers by their names in lower case, and text of the answer, whatever the status."""
    try:
        answer = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode()


def post_json(url: str, document: dict) -> dict:
    body = json.dumps(document).encode()
    status, _, text = fetch(urllib.request.Request(url, body, {"Content-Type": "application/json"}))
    assert status == 200, f"{url}: {status} {text}"
    return json.loads(text)


class Parties:
    """The demo merchant and the emulator of Alipay, hosted by `cargo run`."""

    def __init__(self, process: Process, folder: Path) -> None:
        process.await_line("authlink is ready", 60)
        self.process = process
        self.folder = folder
        self.merchant = self.address("demo page")
        self.alipay = self.address("emulator of Alipay")
        # The bodies of all callbacks that were seen: the merchant's journal forgets what is old.
        self.told: list[dict] = []

    def address(self, party: str) -> str:
        line = self.process.await_line(f"  {party} ", 10)
        return line.split()[-1].rstrip("/")

    def key(self, name: str) -> Path:
        return self.folder / "parties" / name

    def merchant_answers(self, fault: str, slow_millis: int = 3000) -> None:
        """How every callback is answered from now on: `none` is rightly."""
        post_json(f"{self.merchant}/api/faults", {"merchant": fault, "slowMillis": slow_millis})

    def callbacks(self, serial_no: str) -> list[dict]:
        """The callbacks of this serialNo that came, oldest first."""
        _, _, text = fetch(f"{self.merchant}/api/journal")
        all_that_came = [entry for entry in json.loads(text)["entries"] if entry["title"] == "callback-received"]
        self.told.extend(json.loads(body_of(entry)) for entry in all_that_came)
        mine = [entry for entry in all_that_came if entry["serialNo"] == serial_no]
        assert all(entry["signatureOk"] for entry in mine)
        return mine[::-1]

    def await_callbacks(self, serial_no: str, count: int, within: float = 20) -> list[dict]:
        def look() -> list[dict] | None:
            came = self.callbacks(serial_no)
            return came if len(came) >= count else None

        return eventually(look, within, f"callback {count} of {serial_no}")

    def consent(self, link: str) -> None:
        """Opens the link, allows, and comes back, as the user's browser does."""
        status, _, page = fetch(link)
        assert status == 200, page
        wish = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
        form = urllib.parse.urlencode({**wish, "user": "0", "decision": "allow"}).encode()
        status, headers, _ = fetch(urllib.request.Request(link.partition("?")[0], form))
        assert status == 303
        came_back = urllib.request.Request(headers["location"], headers={"Accept-Language": "en"})
        status, _, page = fetch(came_back)
        outcome = re.search(r'data-outcome="([a-z-]+)"', html.unescape(page))
        assert outcome and outcome[1] == "authorized", f"{status} {page}"


def body_of(callback: dict) -> str:
    return callback["request"].partition("\n\n")[2]


def header_of(callback: dict, name: str) -> str | None:
    found = re.search(rf"^{name}: (.*)$", callback["request"].partition("\n\n")[0], re.MULTILINE)
    return found[1] if found else None
