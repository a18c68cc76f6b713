"""RSA keys, by OpenSSL, and the folder that keeps what leaves Secrets Manager: public halves, and the private keys that
are not ours to keep there."""

import os
import subprocess
from pathlib import Path

from problem import Problem


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise Problem(f"openssl {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def new_private_key() -> str:
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").decode()


def public_half(private_key: str) -> str:
    return openssl("pkey", "-pubout", stdin=as_pem(private_key)).decode()


def as_pem(private_key: str) -> bytes:
    """A key may also be bare Base64, as Alipay's key tool saves it; OpenSSL wants the lines around it."""
    if private_key.startswith("-----"):
        return private_key.encode() + b"\n"
    der = openssl("base64", "-d", "-A", stdin="".join(private_key.split()).encode())
    return openssl("pkey", "-inform", "DER", stdin=der)


def objection_to_public_key(text: str) -> str | None:
    """Why this is no public key, in words that go on after "it"."""
    private = "holds a private key, which is nobody's but its owner's: give the public half of it"
    if "PRIVATE KEY-----" in text:
        return private
    try:
        if text.startswith("-----"):
            openssl("rsa", "-pubin", "-noout", stdin=text.encode() + b"\n")
            return None
        der = openssl("base64", "-d", "-A", stdin="".join(text.split()).encode())
    except Problem:
        return "holds no RSA public key, neither as PEM nor as bare Base64"
    for objection, half in ((None, ["-pubin"]), (private, [])):
        try:
            openssl("rsa", *half, "-inform", "DER", "-noout", stdin=der)
        except Problem:
            continue
        return objection
    return "holds no RSA public key, neither as PEM nor as bare Base64"


def same_public_key(one: str, other: str) -> bool:
    """Whether two public keys, each in any usual form, are one."""
    return as_public_pem(one) == as_public_pem(other)


def as_public_pem(public_key: str) -> bytes:
    if public_key.startswith("-----"):
        return openssl("rsa", "-pubin", "-pubout", stdin=public_key.encode() + b"\n")
    der = openssl("base64", "-d", "-A", stdin="".join(public_key.split()).encode())
    return openssl("rsa", "-pubin", "-inform", "DER", "-pubout", stdin=der)


class Folder:
    """Files that only their owner may read. A private key in it is never overwritten."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self.callback_public_key = path / "callback-key.pub.pem"

    def app_key(self, app_id: str) -> Path:
        return self.path / f"alipay-app-{app_id}.pem"

    def app_public_key(self, app_id: str) -> Path:
        return self.path / f"alipay-app-{app_id}.pub.pem"

    def business_key(self, business_id: str) -> Path:
        return self.path / f"business-{business_id}.pem"

    def access_key_secret(self, access_key_id: str) -> Path:
        return self.path / f"access-key-{access_key_id}.secret"

    def kept_or_new(self, file: Path) -> str:
        """The private key in `file`, which is made if it is not there."""
        if not file.exists():
            self.write(file, new_private_key())
        return file.read_text(encoding="utf-8")

    def publish(self, file: Path, private_key: str) -> None:
        self.write(file, public_half(private_key))

    @staticmethod
    def write(file: Path, text: str) -> None:
        """Whole or not at all: a key that was cut short by an interruption would be kept for ever."""
        new = file.with_name(f"{file.name}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        new.replace(file)
