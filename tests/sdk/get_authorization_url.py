"""Asks for an authorization link by one of Alibaba Cloud's official SDKs for Python, unmodified, and prints the link,
or what the SDK raises.

.venv-sdk/bin/python tests/sdk/get_authorization_url.py --phone 13900001234 --scheme 234
"""

import argparse
import pathlib
import sys

from alibaba_sdks import Call, Core, Tea, reach_directly


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--endpoint", default="http://127.0.0.1:8787")
    parser.add_argument("--access-key-id", default="demoAccessKeyId")
    parser.add_argument("--secret-file", default=".authlink/parties/access-key-secret.txt", type=pathlib.Path)
    parser.add_argument("--phone", default="13900001234")
    parser.add_argument("--scheme", default=234, type=int)
    parser.add_argument("--end-date", help="yyyy-MM-dd")
    parser.add_argument("--core", action="store_true", help="by the older SDK, aliyun-python-sdk-core")
    options = parser.parse_args()
    secret = options.secret_file.read_text().strip()
    try:
        call = Call(options.endpoint, options.access_key_id, secret, options.phone, options.scheme, options.end_date)
    except ValueError as error:
        parser.error(f"--endpoint: {error}")
    if call.host.startswith("127.0.0.1:"):
        reach_directly()
    sdk = Core() if options.core else Tea()
    try:
        granted = sdk.ask(call)
    except Exception as error:  # the SDKs' exceptions have no base in common
        sys.exit(f"{type(error).__name__}: {error}")
    print(f"RequestId {granted.request_id} by {sdk.package} {sdk.version}", file=sys.stderr)
    print(granted.link)


if __name__ == "__main__":
    main()
