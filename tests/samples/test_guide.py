"""The commands of the guide for merchants, as somebody pastes them."""

import base64
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from processes import ROOT

KEYS = {"docs/merchants.md": "## Keys", "docs/zh/merchants.md": "## 密钥"}


def test_the_commands_for_keys_do_what_they_say(tmp_path: Path) -> None:
    for guide, heading in KEYS.items():
        text = (ROOT / guide).read_text(encoding="utf-8")
        block = text.partition(f"\n{heading}\n")[2].partition("```sh\n")[2].partition("```")[0]
        commands = [line.partition(" #")[0].strip() for line in block.splitlines()]
        assert len(commands) == 6
        folder = tmp_path / Path(guide).parent.name
        folder.mkdir()
        old = "openssl genrsa -traditional -out old.pem 2048"
        subprocess.run(old, shell=True, cwd=folder, check=True, capture_output=True)
        said = [
            subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True, encoding="utf-8").stdout
            for command in commands[:4]
        ]
        private, public = base64.b64decode(said[2], validate=True), base64.b64decode(said[3], validate=True)
        # The object identifier of RSA stands in PKCS#8 and in a public key that is not PKCS#1.
        assert all(bytes.fromhex("06092a864886f70d010101") in der[:40] for der in (private, public))
        own = load_der_private_key(private, None).public_key().public_numbers()
        assert own == load_der_public_key(public).public_numbers()
        assert (folder / "old.pem").read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
        for command in commands[4:]:
            said.append(subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True).stdout)
        assert (folder / "merchant.pem").read_text().startswith("-----BEGIN PRIVATE KEY-----")
        assert len(said[-1].strip()) == 32
