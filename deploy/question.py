"""One question: asked on a terminal until its answer is accepted, or answered by its option or default."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keys import objection_to_public_key
from problem import Problem


@dataclass(frozen=True)
class Question:
    option: str
    text: str
    objection: Callable[[str], str | None]
    default: str | None = None


def must_be(what: str, pattern: str) -> Callable[[str], str | None]:
    return lambda answer: None if re.fullmatch(pattern, answer) else f"must be {what}"


def must_be_public_key_or_empty(answer: str) -> str | None:
    if not answer:
        return None
    if not Path(answer).is_file():
        return "must be a file, or empty"
    return objection_to_public_key(read(Path(answer)))


def answered(question: Question, given: str | None, asks_nothing: bool) -> str:
    """By the option, else by its default or whoever sits at the terminal."""
    if given is None and not asks_nothing:
        return asked(question)
    answer = given if given is not None else question.default
    if answer is None:
        raise Problem(f"{option(question)} has no default: it is the {question.text}")
    if objection := question.objection(answer):
        raise Problem(f"{option(question)} {objection}: {answer!r} is not accepted")
    return answer


def asked(question: Question) -> str:
    brackets = f" [{question.default}]" if question.default else ""
    while True:
        answer = input(f"{question.text}{brackets}: ").strip() or question.default
        objection = "has no default" if answer is None else question.objection(answer)
        if objection is None:
            return answer
        print(f"  It {objection}.")


def option(question: Question) -> str:
    return option_of(question.option)


def option_of(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def read(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{file} cannot be read: {error}") from error


def agreed(what: str, given: bool, asks_nothing: bool, flag: str) -> None:
    """Goes on only if whoever runs this wants it: said by a flag beforehand, or at the terminal."""
    if given:
        return
    if asks_nothing:
        raise Problem(f"{what}? Say so by {flag}")
    if asked(Question(flag, f"{what}? (yes or no)", must_be("yes or no", "yes|no"), "no")) == "no":
        raise Problem("nothing was changed")
