"""The samples as their readers start them: a command in a language, and settings in the environment."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import ROOT, Process

SAMPLES = ROOT / "samples"
BUILT = ROOT / "target" / "samples"
GSON = "/usr/share/java/gson.jar"
SIGN_TYPES = ("SHA256-RSA", "MD5")


@dataclass(frozen=True)
class Language:
    """The command of a sample, and how it is made ready."""

    name: str
    command: list[str]
    built_by: list[str] | None = None
    listening: Callable[[int], list[str]] | None = None

    def build(self) -> None:
        if self.built_by:
            subprocess.run(self.built_by, cwd=SAMPLES / self.name, check=True)

    def listen(self, port: int) -> list[str]:
        return self.listening(port) if self.listening else [*self.command, "listen", str(port)]


LANGUAGES = [
    Language(
        "java", ["java", "-cp", f"{GSON}:{BUILT}", "Authlink"], ["javac", "--release", "17", "-cp", GSON, "-d", str(BUILT), "Authlink.java"]
    ),
    Language(
        "php",
        ["php", "samples/php/authlink.php"],
        listening=lambda port: ["php", "-S", f"127.0.0.1:{port}", "samples/php/authlink.php"],
    ),
    Language("node", ["node", "samples/node/authlink.mjs"]),
    Language("python", ["/usr/bin/python3", "samples/python/authlink.py"]),
    Language("go", [str(BUILT / "authlink-go")], ["go", "build", "-o", str(BUILT / "authlink-go"), "."]),
    Language("ruby", ["ruby", "samples/ruby/authlink.rb"]),
    Language("shell", ["samples/shell/authlink.sh"]),
]


@dataclass(frozen=True)
class Keys:
    """The files that a merchant has."""

    private: Path
    authlink_public: Path
    md5: Path


@dataclass(frozen=True)
class Sample:
    """A merchant in a language, with one kind of signature and an address for callbacks."""

    language: Language
    sign_type: str
    port: int

    @property
    def business_id(self) -> str:
        return f"{self.language.name}-{self.sign_type}"

    @property
    def callback_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/authlink"

    def environment(self, endpoint: str, keys: Keys) -> dict[str, str]:
        """What a merchant sets, and what every program gets; nothing else."""
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
        of_kind = (
            {"MD5_KEY_FILE": str(keys.md5)}
            if self.sign_type == "MD5"
            else {"PRIVATE_KEY_FILE": str(keys.private), "AUTHLINK_PUBLIC_KEY_FILE": str(keys.authlink_public)}
        )
        identity = {"ENDPOINT": endpoint, "BUSINESS_ID": self.business_id, "MERCHANT_ID": "shop"}
        return {**kept, "LC_ALL": "C.UTF-8", **identity, "SIGN_TYPE": self.sign_type, **of_kind}

    def run(self, environment: dict[str, str], *arguments: str) -> str:
        ended = subprocess.run(
            [*self.language.command, *arguments],
            cwd=ROOT, env=environment, capture_output=True, timeout=40, encoding="utf-8",
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout.strip()

    def listen(self, environment: dict[str, str], log: Path) -> Process:
        return Process(self.language.listen(self.port), environment, log)


def build_all() -> None:
    shutil.rmtree(BUILT, ignore_errors=True)
    BUILT.mkdir(parents=True)
    for language in LANGUAGES:
        language.build()
