"""Exchanges a code at a gateway with Alipay's official SDK for Python, unmodified; the SDK checks the answers itself.

python alipay_sdk.py --gateway http://127.0.0.1:8788/gateway.do --app-id ID --app-private-key app.pem
                     --alipay-public-key alipay.pem --auth-code CODE
"""

import argparse
import base64
import pathlib
import socket
import sys
import urllib.parse

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.exception.Exception import ResponseException
from alipay.aop.api.request.AlipaySystemOauthTokenRequest import AlipaySystemOauthTokenRequest
from alipay.aop.api.response.AlipaySystemOauthTokenResponse import AlipaySystemOauthTokenResponse
from Crypto.PublicKey import RSA


class Failed(Exception):
    pass


def demand(holds, message):
    if not holds:
        raise Failed(message)


def bare(der):
    return base64.b64encode(der).decode()


def lead_port_80_to(port):
    """The SDK connects to port 80 whatever the URL says and fails on a URL with a port; so the socket goes there."""
    connect = socket.create_connection

    def connect_elsewhere(address, *rest, **named):
        host, asked = address
        return connect((host, port if asked == 80 else asked), *rest, **named)

    socket.create_connection = connect_elsewhere


def reachable(gateway):
    url = urllib.parse.urlsplit(gateway)
    if url.scheme != "http" or url.port is None:
        return gateway
    lead_port_80_to(url.port)
    return url._replace(netloc=url.hostname).geturl()


def client(options, alipay_key):
    private_key = RSA.import_key(pathlib.Path(options.app_private_key).read_text())
    config = AlipayClientConfig()
    config.server_url = options.gateway
    config.app_id = options.app_id
    config.app_private_key = bare(private_key.export_key("DER", pkcs=1))
    config.alipay_public_key = bare(alipay_key.export_key("DER"))
    return DefaultAlipayClient(config)


def exchange(with_client, code):
    request = AlipaySystemOauthTokenRequest()
    request.grant_type = "authorization_code"
    request.code = code
    response = AlipaySystemOauthTokenResponse()
    response.parse_response_content(with_client.execute(request))
    return response


def check(options):
    alipay_key = RSA.import_key(pathlib.Path(options.alipay_public_key).read_text())
    right = client(options, alipay_key)

    granted = exchange(right, options.auth_code)
    demand(granted.is_success(), f"not granted: {granted.body}")
    demand(granted.access_token and granted.refresh_token, f"no tokens: {granted.body}")
    demand(granted.open_id or granted.user_id, f"nobody named: {granted.body}")
    demand(int(granted.expires_in) > 0 and int(granted.re_expires_in) > 0, f"no life times: {granted.body}")

    refused = exchange(right, options.auth_code)
    demand(refused.sub_code == "isv.code-invalid", f"the spent code was not refused: {refused.body}")

    try:
        exchange(client(options, RSA.generate(2048).public_key()), options.auth_code)
    except ResponseException:
        pass
    else:
        raise Failed("a wrong key was not noticed")
    return f"{granted.open_id or granted.user_id}, then {refused.sub_code}"


def main():
    parser = argparse.ArgumentParser()
    for name in ("gateway", "app-id", "app-private-key", "alipay-public-key", "auth-code"):
        parser.add_argument(f"--{name}", required=True)
    try:
        options = parser.parse_args()
        options.gateway = reachable(options.gateway)
        outcome = check(options)
    except Exception as error:  # whatever the SDK throws is a failure of the check
        sys.exit(f"failed: {type(error).__name__}: {error}")
    print(f"ok: alipay-sdk-python {outcome}")


if __name__ == "__main__":
    main()
