#!/usr/bin/env python3
"""Runs the commands of docs/first-hour.md, one after another, and holds what they print to what the page shows.

A block of `sh` is run as it stands, beside a host whose ports are not the usual ones. A block of `text` after it has
lines that must be in what was printed, in this order; … stands for anything. Where the page has the user consent, the
link that was printed last is consented to."""

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

PAGES = ("docs/first-hour.md", "docs/zh/first-hour.md")
STEP = re.compile(r"<!-- (consent) -->|```(sh|text)\n(.*?)```", re.DOTALL)
# A retry comes after 15 s and a resend within a minute.
SHOWN_WITHIN = 150


@dataclass
class Step:
    kind: str
    text: str


@dataclass
class Host:
    folder: Path
    program: Path
    authlink: str
    emulator: str
    merchant: str
    printed: str = ""
    link: str = ""
    transcript: list[str] = field(default_factory=list)

    def run(self, step: Step, again: bool = False) -> None:
        if again:
            del self.transcript[-len(commands(step)) :]
        for command in commands(step):
            command = command.replace("http://127.0.0.1:8789", self.merchant)
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env={"PATH": f"{self.program.parent}:/usr/bin:/bin", "HOME": str(self.folder)},
                capture_output=True,
                text=True,
            )
            self.printed = done.stdout + done.stderr
            self.transcript.append(f"$ {command}\n{self.printed}\n")
            print(self.transcript[-1])
            if done.returncode != 0:
                raise SystemExit(f"failed: {command}")
            links = re.findall(r"^http\S+[?&]state=\S+$", self.printed, re.MULTILINE)
            self.link = links[-1] if links else self.link

    def consent(self) -> None:
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.link).query)
        minted = urllib.request.urlopen(urllib.request.Request(f"{self.emulator}/_emulator/codes", method="POST"))
        back = {
            "app_id": asked["app_id"][0],
            "scope": "auth_base",
            "state": asked["state"][0],
            "auth_code": json.load(minted)["auth_code"],
        }
        page = urllib.request.urlopen(f"{asked['redirect_uri'][0]}?{urllib.parse.urlencode(back)}").read().decode()
        if 'data-outcome="authorized"' not in page:
            raise SystemExit(f"the user was not told that it is done:\n{page}")


def has_printed(printed: str, shown: str) -> bool:
    lines = [re.escape(line.strip()).replace("…", ".*") for line in shown.splitlines() if line.strip()]
    pattern = r"[\s\S]*?".join(re.sub(r"(\\ )+", r"\\s+", line) for line in lines)
    return re.search(pattern, printed) is not None


def commands(step: Step) -> list[str]:
    return step.text.replace("\\\n", " ").splitlines()


def steps(page: str | Path) -> list[Step]:
    text = Path(page).read_text(encoding="utf-8")
    return [Step(consent or kind, body or "") for consent, kind, body in STEP.findall(text)]


def main() -> None:
    program, folder, authlink, emulator, merchant, transcript = sys.argv[1:]
    english, chinese = (steps(page) for page in PAGES)
    if [step for step in english if step.kind != "text"] != [step for step in chinese if step.kind != "text"]:
        raise SystemExit("the pages of both languages have not the same commands")
    host = Host(Path(folder), Path(program).resolve(), authlink, emulator, merchant)
    try:
        for at, step in enumerate(english):
            if step.kind == "consent":
                host.consent()
                host.transcript.append("(the user consents)\n\n")
            elif step.kind == "sh":
                host.run(step)
            else:
                await_shown(host, english[at - 1], step.text)
    finally:
        Path(transcript).write_text("".join(host.transcript), encoding="utf-8")
    count = sum(len(commands(step)) for step in english if step.kind == "sh")
    if "PRIVATE KEY" in "".join(host.transcript):
        raise SystemExit(f"a key was printed: {transcript}")
    print(f"ok: {count} commands of {PAGES[0]}, as they were printed in {transcript}")


def await_shown(host: Host, before: Step, shown: str) -> None:
    """Runs the commands again until they print what the page shows: an attempt, or a resend, takes its time."""
    until = time.monotonic() + SHOWN_WITHIN
    while not has_printed(host.printed, shown):
        if time.monotonic() > until:
            raise SystemExit(f"the page shows\n{shown}\nand this was printed:\n{host.printed}")
        time.sleep(1)
        host.run(before, again=True)


if __name__ == "__main__":
    main()
