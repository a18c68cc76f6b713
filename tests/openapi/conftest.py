"""Options, and an end by signal that lets fixtures end what they started."""

import signal

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--program", help="the program authlink, if it is built already")


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", 143))
