"""Exchanges a code at a gateway with Alipay's official SDK for Python, unmodified; the SDK checks the answers itself.

python alipay_sdk.py --gateway http://127.0.0.1:8788/gateway.do --app-id ID --app-private-key app.pem
                     --alipay-public-key alipay.pem --auth-code CODE

With certificates: --app-certificate app.crt --alipay-certificate alipay.crt --root-certificates roots.crt in place of
--alipay-public-key. The SDK has no words for them: it carries what is added to a request, and checks the answer by the
key in Alipay's certificate. OpenSSL reads them, so that their names come from neither side.
"""

import argparse
import base64
import hashlib
import pathlib
import re
import socket
import subprocess
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


def openssl(*arguments, given):
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True, check=True).stdout


def certificates(file):
    return re.findall("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pathlib.Path(file).read_text(), re.S)


def sn(certificate):
    said = openssl("x509", "-noout", "-issuer", "-serial", "-nameopt", "RFC2253", given=certificate)
    issuer, serial = re.fullmatch(r"issuer=(.+)\nserial=([0-9A-F]+)\n", said).groups()
    return hashlib.md5(f"{issuer}{int(serial, 16)}".encode()).hexdigest()


def is_signed_by_rsa(certificate):
    said = openssl("x509", "-noout", "-text", given=certificate)
    return re.search(r"Signature Algorithm: \S+WithRSAEncryption", said) is not None


def names(options):
    """What a request names of the certificates."""
    if options.app_certificate is None:
        return {}
    roots = [sn(root) for root in certificates(options.root_certificates) if is_signed_by_rsa(root)]
    return {"app_cert_sn": sn(certificates(options.app_certificate)[0]), "alipay_root_cert_sn": "_".join(roots)}


def alipay_key_of(options):
    if options.app_certificate is None:
        return RSA.import_key(pathlib.Path(options.alipay_public_key).read_text())
    alipays = certificates(options.alipay_certificate)[0]
    return RSA.import_key(openssl("x509", "-noout", "-pubkey", given=alipays))


def exchange(with_client, options):
    request = AlipaySystemOauthTokenRequest()
    for name, value in names(options).items():
        request.add_other_text_param(name, value)
    request.grant_type = "authorization_code"
    request.code = options.auth_code
    response = AlipaySystemOauthTokenResponse()
    response.parse_response_content(with_client.execute(request))
    return response


def check(options):
    right = client(options, alipay_key_of(options))

    granted = exchange(right, options)
    demand(granted.is_success(), f"not granted: {granted.body}")
    demand(granted.access_token and granted.refresh_token, f"no tokens: {granted.body}")
    demand(granted.open_id or granted.user_id, f"nobody named: {granted.body}")
    demand(int(granted.expires_in) > 0 and int(granted.re_expires_in) > 0, f"no life times: {granted.body}")

    refused = exchange(right, options)
    demand(refused.sub_code == "isv.code-invalid", f"the spent code was not refused: {refused.body}")

    try:
        exchange(client(options, RSA.generate(2048).public_key()), options)
    except ResponseException:
        pass
    else:
        raise Failed("a wrong key was not noticed")
    by = "keys" if options.app_certificate is None else "certificates"
    return f"by {by} {granted.open_id or granted.user_id}, then {refused.sub_code}"


def main():
    parser = argparse.ArgumentParser()
    for name in ("gateway", "app-id", "app-private-key", "auth-code"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("alipay-public-key", "app-certificate", "alipay-certificate", "root-certificates"):
        parser.add_argument(f"--{name}")
    try:
        options = parser.parse_args()
        options.gateway = reachable(options.gateway)
        outcome = check(options)
    except Exception as error:  # whatever the SDK throws is a failure of the check
        sys.exit(f"failed: {type(error).__name__}: {error}")
    print(f"ok: alipay-sdk-python {outcome}")


if __name__ == "__main__":
    main()
