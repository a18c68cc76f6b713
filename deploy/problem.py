"""How the commands speak: headings on the way, and one clear line when something keeps them from going on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError


class Problem(Exception):
    """What is wrong and what to do about it, in words for whoever ran the command."""

    @staticmethod
    @contextmanager
    def ends_the_program() -> Iterator[None]:
        try:
            yield
        except (Problem, BotoCoreError, ClientError) as problem:
            sys.exit(f"\nstopped: {problem}")
        except KeyboardInterrupt:
            sys.exit("\nstopped by hand; running it again goes on from here")


def tell(heading: str) -> None:
    print(f"\n== {heading}", flush=True)
