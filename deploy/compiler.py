#!/usr/bin/env python3
"""What a compiler sees of the environment: an allow-list, because it runs build scripts of every dependency.

As a program it runs its arguments so: `compiler.py cargo build`.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Beside what is built: a home for compilers, without the credentials that a user's has.
HOME = Path(__file__).resolve().parents[1] / ".aws-sam/home"

ALLOWED = frozenset(
    (
        "PATH", "LANG", "TERM", "TMPDIR", "TZ", "USER", "LOGNAME", "SAM_CLI_TELEMETRY", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AR", "CC", "CXX", "LD", "CFLAGS", "CXXFLAGS", "LDFLAGS", "PKG_CONFIG", "PKG_CONFIG_PATH", "RUSTC", "RUSTFLAGS",
        "RUSTC_WRAPPER", "RUST_BACKTRACE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
        "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    )
)  # fmt: skip
ALLOWED_BEGINNINGS = ("LC_", "CARGO_", "RUSTUP_", "AR_", "CC_", "CFLAGS_", "CMAKE", "HOST_", "TARGET_", "AWS_LC_")
SECRET_ENDINGS = ("_TOKEN", "_PASSWORD", "_SECRET", "_KEY", "_CREDENTIAL_PROVIDER")


def environment(outer: Mapping[str, str], home: Path = HOME) -> dict[str, str]:
    """The allow-list, and a home that is not the user's, where `~/.aws` and other keys are."""
    named = {
        name: value
        for name, value in outer.items()
        if (name in ALLOWED or name.startswith(ALLOWED_BEGINNINGS)) and not name.endswith(SECRET_ENDINGS)
    }
    own = Path(outer.get("HOME") or Path.home())
    home.mkdir(parents=True, exist_ok=True)
    return {
        "CARGO_HOME": str(own / ".cargo"),
        "RUSTUP_HOME": str(own / ".rustup"),
        **named,
        "HOME": str(home),
    }


if __name__ == "__main__":
    os.execvpe(sys.argv[1], sys.argv[1:], environment(os.environ))
