"""What the deployment needs to know: asked on a terminal, or taken from options."""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import template_file
from problem import Problem, tell
from question import Question, answered, must_be, must_be_public_key_or_empty, option_of, read
from secret_documents import Account, Business
from stack_state import Present


@dataclass(frozen=True)
class Wishes:
    """The answers, each of them checked."""

    stack: str
    app_id: str
    parameters: dict[str, str]
    folder: Path
    business: Business | None
    account: Account | None
    alipay_public_key: str | None
    app_private_key: str | None
    callback_private_key: str | None
    business_private_key: Path | None


STACK = Question(
    "stack",
    "Name of the stack",
    # 11 more are the name of its queue, which SQS lets have 80.
    must_be("a letter, then letters, digits and hyphens, 69 in all at most", r"[A-Za-z][A-Za-z0-9-]{0,68}"),
    "authlink",
)
APP_ID = Question("app_id", "appId of your app at Alipay", must_be("1 to 32 digits", r"[0-9]{1,32}"))
ALIPAY_PUBLIC_KEY = Question(
    "alipay_public_key",
    "File with Alipay's public key for that app (empty: add it later)",
    must_be_public_key_or_empty,
    "",
)
BUSINESS_ID = Question(
    "business_id",
    "businessId of the first business",
    must_be("1 to 64 of A-Z a-z 0-9 _ -", r"[A-Za-z0-9_-]{1,64}"),
    "demo",
)
MERCHANT_ID = Question(
    "merchant_id",
    "merchantId that it may ask for",
    must_be("1 to 128 characters without space", r"[!-~]{1,128}"),
    "demo-shop",
)
CALLBACK_URL = Question(
    "callback_url",
    "Its default callback address (empty: each request names one)",
    must_be("an https address, or empty", r"(https://[^\s@]+)?"),
    "",
)
BUSINESS_PUBLIC_KEY = Question(
    "business_public_key",
    "File with its public key (empty: a new pair is made)",
    must_be_public_key_or_empty,
    "",
)
ACCOUNT_ID = Question(
    "account_id",
    "accountId of the first caller of GetAuthorizationUrl (empty: none)",
    must_be("1 to 64 of A-Z a-z 0-9 _ -, or empty", r"[A-Za-z0-9_-]{0,64}"),
    "",
)
ACCESS_KEY_ID = Question(
    "access_key_id",
    "Its AccessKeyId (empty: an access key is made)",
    must_be("1 to 64 of A-Z a-z 0-9 _ -, or empty", r"[A-Za-z0-9_-]{0,64}"),
    "",
)
SCHEME_ID = Question(
    "scheme_id",
    "SchemeId of its first scheme",
    # Below 2^63, without a look at the numbers of 19 digits.
    must_be("a number of 1 to 18 digits without zeros before it", r"0|[1-9][0-9]{0,17}"),
    "1",
)
MERCHANT_NAME = Question(
    "merchant_name",
    "Who asks under it, as users shall read it",
    must_be("1 to 64 characters", r"(?=\S).{1,64}(?<=\S)"),
)
SCHEME_CALLBACK_URL = Question(
    "scheme_callback_url",
    "Where its openIds are delivered (empty: nowhere)",
    must_be("an https address, or empty", r"(https://[^\s@]+)?"),
    "",
)
SCHEME_CONTRACT = Question(
    "scheme_contract",
    "Whether it is of the contract type, which needs an EndDate (yes or no)",
    must_be("yes or no", r"yes|no"),
    "no",
)
ALARM_EMAIL = Question(
    "alarm_email",
    "E-mail address that alarms are sent to (empty: nobody is told)",
    must_be("an e-mail address, or empty", r"([A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)?"),
    "",
)
# The parameters that say who is told of alarms.
TELLS = ("AlarmEmail", "AlarmTopicArn", "PageTopicArn")
QUESTIONS = (
    STACK,
    APP_ID,
    ALARM_EMAIL,
    ALIPAY_PUBLIC_KEY,
    BUSINESS_ID,
    MERCHANT_ID,
    CALLBACK_URL,
    BUSINESS_PUBLIC_KEY,
    ACCOUNT_ID,
    ACCESS_KEY_ID,
    SCHEME_ID,
    MERCHANT_NAME,
    SCHEME_CALLBACK_URL,
    SCHEME_CONTRACT,
)
OF_BUSINESS = ("merchant_id", "callback_url", "business_public_key", "business_private_key", "business_md5_key")
OF_ACCOUNT = (
    "access_key_id",
    "access_key_secret",
    "scheme_id",
    "merchant_name",
    "scheme_callback_url",
    "scheme_contract",
)


def begin(options: argparse.Namespace) -> Callable[[Question], str]:
    """How questions are answered: by options and defaults, or at the terminal."""
    if not options.yes:
        if not sys.stdin.isatty():
            raise Problem("there is no terminal to ask on: give --yes, and by options what has no default")
        tell("A few questions (Enter takes what stands in brackets)")
    return lambda question: answered(question, getattr(options, question.option), options.yes)


def ask(
    options: argparse.Namespace, answer: Callable[[Question], str], stack: str, present: Present | None
) -> Wishes:
    parameters = dict(parameter(text) for text in options.parameter)
    template_file.check_said(template_file.read(), parameters)
    parameters.update(edge_secrets(options.edge_secrets))
    app_id = asked_app(options, answer, parameters, present)
    parameters = {**asked_alarms(options, answer, parameters, present), **parameters}
    alipay_public_key = answer(ALIPAY_PUBLIC_KEY)
    business = None if options.yes and options.business_id is None else asked_business(options, answer)
    if business is None and (lone := [name for name in OF_BUSINESS if getattr(options, name) is not None]):
        raise Problem(f"{option_of(lone[0])} is about a business: give --business-id, too")
    account = asked_account(options, answer)
    if account is None and (lone := [name for name in OF_ACCOUNT if getattr(options, name) is not None]):
        raise Problem(f"{option_of(lone[0])} is about an account: give --account-id, too")
    return Wishes(
        stack=stack,
        app_id=app_id,
        parameters=parameters,
        folder=options.folder,
        business=business,
        account=account,
        alipay_public_key=read(Path(alipay_public_key)) if alipay_public_key else None,
        app_private_key=read(options.app_private_key),
        callback_private_key=read(options.callback_private_key),
        business_private_key=options.business_private_key,
    )


def asked_app(
    options: argparse.Namespace,
    answer: Callable[[Question], str],
    parameters: dict[str, str],
    present: Present | None,
) -> str:
    """The stack's, if there is one: another is never taken by the way."""
    named = parameters.get("AlipayAppId")
    if named is not None and options.app_id in (None, named):
        return named
    if present is None and named is None:
        return answer(APP_ID)
    known = named or present.parameters["AlipayAppId"]
    if options.app_id not in (None, known):
        raise Problem(f"the app is {known}, and --app-id {options.app_id} is another: give --parameter AlipayAppId=…")
    return known


def asked_alarms(
    options: argparse.Namespace,
    answer: Callable[[Question], str],
    parameters: dict[str, str],
    present: Present | None,
) -> dict[str, str]:
    """Who is told: asked for a new stack, unless a parameter says it."""
    is_said = present is not None or any(name in parameters for name in TELLS)
    if options.alarm_email is None and is_said:
        return {}
    address = answer(ALARM_EMAIL)
    return {"AlarmEmail": address} if address or present else {}


def asked_business(options: argparse.Namespace, answer: Callable[[Question], str]) -> Business:
    business_id, merchant_id = answer(BUSINESS_ID), answer(MERCHANT_ID)
    callback_url, public_key = answer(CALLBACK_URL), answer(BUSINESS_PUBLIC_KEY)
    return Business(
        id=business_id,
        merchant_id=merchant_id,
        callback_url=callback_url or None,
        public_key=read(Path(public_key)) if public_key else None,
        md5_key=read(options.business_md5_key),
    )


def asked_account(options: argparse.Namespace, answer: Callable[[Question], str]) -> Account | None:
    account_id = answer(ACCOUNT_ID)
    if not account_id:
        return None
    access_key_id, secret = answer(ACCESS_KEY_ID), read(options.access_key_secret)
    if secret is not None and not access_key_id:
        raise Problem("--access-key-secret is of an access key: give --access-key-id, too")
    if secret is not None and not re.fullmatch(r"[!-~]{8,128}", secret):
        raise Problem("--access-key-secret must hold 8 to 128 printable ASCII characters without a space")
    return Account(
        id=account_id,
        access_key_id=access_key_id or None,
        access_key_secret=secret,
        scheme_id=int(answer(SCHEME_ID)),
        merchant_name=answer(MERCHANT_NAME),
        callback_url=answer(SCHEME_CALLBACK_URL) or None,
        contract=answer(SCHEME_CONTRACT) == "yes",
    )


def edge_secrets(file: Path | None) -> dict[str, str]:
    """One in a line, or joined by a comma: no parameter has a space in it."""
    return {} if file is None else {"EdgeSecrets": parameter(f"EdgeSecrets={','.join(read(file).split())}")[1]}


def parameter(text: str) -> tuple[str, str]:
    name, joint, value = text.partition("=")
    if not (joint and name.isalnum()):
        raise Problem(f"--parameter must be NAME=VALUE, not {text!r}")
    if re.search(r'["\\\s]', value):
        raise Problem(f"--parameter {name}: no parameter has quotation marks, backslashes or spaces in its value")
    return name, value
