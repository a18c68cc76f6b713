#!/usr/bin/env python3
"""Runs the AWS emulator in this process, at the port of 127.0.0.1 that is its argument, by the Python that has it."""

import http.server
import os
import socketserver
import sys


def settings(port: str) -> dict[str, str]:
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": "us-east-1",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # Its functions inherit it.
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }


def main() -> None:
    [_, port] = sys.argv
    os.environ.update(settings(port))
    # It reads its settings when it is imported.
    from ministack import app

    # What it tells the functions goes out in several small writes; without this each of them would wait for the one
    # before to be acknowledged, which costs every invocation about 90 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    http.server.BaseHTTPRequestHandler.wbufsize = 65536
    # It has options of its own.
    del sys.argv[1:]
    app.main()


if __name__ == "__main__":
    main()
