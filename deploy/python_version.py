#!/usr/bin/env python3
"""Refuses a Python that is too old for these commands and for AWS SAM, before anything that is newer is read."""

import sys

LEAST = (3, 10)


def objection(version):
    """What is wrong with a version. Written so that every Python 3 can read it."""
    if tuple(version[:2]) >= LEAST:
        return None
    return "Python %d.%d or later is needed, and this is %d.%d: name a later one, as in `make deploy PYTHON=python3.12`" % (
        LEAST + tuple(version[:2])
    )


def insist():
    wrong = objection(sys.version_info)
    if wrong:
        sys.exit("\nstopped: " + wrong)


insist()
