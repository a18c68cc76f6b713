"""For a Python whose PYTHONPATH has this folder: names below .localhost are this machine (RFC 6761), whatever the system
knows of them."""

import socket

by_the_system = socket.getaddrinfo


def getaddrinfo(host: str | None, *rest: object, **named: object) -> list:
    return by_the_system("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **named)


socket.getaddrinfo = getaddrinfo
