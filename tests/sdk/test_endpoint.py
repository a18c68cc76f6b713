"""The sample of a call refuses an endpoint with which an SDK would call Alibaba Cloud itself."""

import pathlib
import subprocess
import sys

import pytest
from alibaba_sdks import Call

SAMPLE = pathlib.Path(__file__).with_name("get_authorization_url.py")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8787", "localhost:8787", "auth.example", "", "//a", "ftp://a", "http:"])
def test_an_endpoint_without_scheme_or_host_is_refused(endpoint: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="http://"):
        Call(endpoint, "key", "secret", "13900001234", 234)
    secret = tmp_path / "secret"
    secret.write_text("testAccessKeySecret")
    command = [sys.executable, SAMPLE, "--endpoint", endpoint, "--secret-file", secret]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--endpoint: an endpoint is http://" in done.stderr


def test_an_endpoint_with_both_is_taken() -> None:
    call = Call("https://auth.example:8443", "key", "secret", "13900001234", 234)
    assert (call.protocol, call.host) == ("https", "auth.example:8443")
