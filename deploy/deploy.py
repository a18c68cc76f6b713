#!/usr/bin/env python3
"""Builds and deploys authlink, makes its keys and the first callers, and tries it with one signed request of each.

Asks for what it needs; every question has an option, and `--yes` takes the answers from options and defaults alone:
without --business-id it then makes and tries no business, and without --account-id no account of GetAuthorizationUrl.
It may be run again at any time: what exists is kept, and only what is missing or has changed is made.
"""

import argparse
import shlex
from urllib.parse import urlsplit

import boto3

import prerequisites
import questions
import stack
from account_trial import try_account
from keys import Folder
from problem import Problem, tell
from secret_documents import Secrets
from trial import Outcome, try_it

# The default of the parameter DeliveryConcurrency, and the least that Lambda takes.
DEFAULT_CONCURRENCY, LEAST_CONCURRENCY = 20, 2


NOT_OURS = "somebody else makes its links, and would be asked for a real one"


def main() -> None:
    options = questions.parse(__doc__)
    session = prerequisites.check(options.region, options.profile)
    wishes = questions.ask(options)
    present = stack.parameters_of(session, wishes.stack)
    parameters = {
        **concurrency(session, {**present, **wishes.parameters}),
        **wishes.parameters,
        "AlipayAppId": wishes.app_id,
        "Architecture": stack.architecture(wishes.parameters, present),
    }
    if not options.skip_build:
        stack.build(parameters, options.build_dir)
    stack.deploy(wishes.stack, parameters, options.build_dir)
    deployed = stack.outputs(session, wishes.stack)

    folder = Folder(wishes.folder)
    secrets = Secrets(session, deployed["SecretsPrefix"], folder)
    tell("Keys and the first callers")
    secrets.make_callback_key(wishes.callback_private_key)
    secrets.make_link_token()
    secrets.make_phone_key()
    app_ready = secrets.make_alipay_app(wishes.app_id, wishes.app_private_key, wishes.alipay_public_key)
    outcomes = [
        first_business(secrets, folder, wishes, deployed["ApiUrl"]),
        first_account(secrets, wishes, deployed["ApiUrl"]),
    ]
    advise(deployed, folder, wishes, app_ready)
    print("\n".join(commands(options, wishes)))
    if failed := [outcome.text for outcome in outcomes if outcome.works is False]:
        raise Problem("\n".join(["the deployment stands, but a first request brought no link.", *failed]))


def concurrency(session: boto3.Session, known: dict[str, str]) -> dict[str, str]:
    """Deliveries must leave the functions that people wait for their share of a small account's limit."""
    limit = prerequisites.concurrency_limit(session)
    if limit is None or "DeliveryConcurrency" in known or limit // 3 >= DEFAULT_CONCURRENCY:
        return {}
    chosen = max(LEAST_CONCURRENCY, limit // 3)
    print(f"\nDeliveryConcurrency={chosen}: this account may run {limit} functions at a time; deliveries take a third.")
    print("When AWS has given you more (Service Quotas, Lambda), give --parameter DeliveryConcurrency=…")
    return {"DeliveryConcurrency": str(chosen)}


def first_business(secrets: Secrets, folder: Folder, wishes: questions.Wishes, api: str) -> Outcome:
    if wishes.business is None:
        outcome = Outcome(None, "left out, and no business was made: --yes was given without --business-id")
    else:
        secrets.make_business(wishes.business)
        tell("One signed request")
        key = wishes.business_private_key or folder.business_key(wishes.business.id)
        if secrets.document(f"business/{wishes.business.id}").get("upstream"):
            outcome = Outcome(None, f"left out: {NOT_OURS}")
        else:
            outcome = try_it(api, wishes.business, key)
    print(outcome.text)
    return outcome


def first_account(secrets: Secrets, wishes: questions.Wishes, api: str) -> Outcome:
    if wishes.account is None:
        outcome = Outcome(None, "no account of GetAuthorizationUrl was made")
    else:
        tell("The first account of GetAuthorizationUrl")
        key = secrets.make_account(wishes.account)
        tell("One signed call of it")
        if secrets.document(f"scheme/{wishes.account.scheme_id}").get("source") == "aliyun":
            outcome = Outcome(None, f"left out: {NOT_OURS}")
        else:
            outcome = try_account(api, wishes.account, key)
    print(outcome.text)
    return outcome


def advise(deployed: dict[str, str], folder: Folder, wishes: questions.Wishes, app_ready: bool) -> None:
    tell("What to do now")
    if "DomainTarget" in deployed:
        print("In the DNS of your domain:")
        print(f"  - {deployed['DomainName']} CNAME {deployed['DomainTarget']}")
        print(f"    (in Route 53 an alias record A to it, in the hosted zone {deployed['DomainTargetZoneId']})")
    print(f"At Alipay's console, for the app {wishes.app_id}:")
    print(f"  - its public key is in {folder.app_public_key(wishes.app_id)}")
    print(f"  - its authorization callback address is {deployed['CallbackAddress']}")
    if not app_ready:
        print("  - it shows Alipay's public key: save it, and run this again with --alipay-public-key FILE.")
        print("    Until then links are given, but no consent can be taken.")
    print("To every business:")
    print(f"  - the API is at {deployed['PublicUrl']}/v1/openapi/auth/alipay/url, and queries beside it at /query")
    print(f"  - callbacks are signed by us; the public key to verify them with is in {folder.callback_public_key}")
    if wishes.account is not None:
        print("To every account of GetAuthorizationUrl:")
        print(f"  - the SDK's endpoint is {urlsplit(deployed['PublicUrl']).netloc}")
        print("  - callbacks are signed by us, with the same key")


def commands(options: argparse.Namespace, wishes: questions.Wishes) -> list[str]:
    """An operator's, with what was said by option about where this deployment is."""
    where = [f"--{name} {shlex.quote(value)}" for name in ("region", "profile") if (value := getattr(options, name))]
    joined = f" ARGS={shlex.quote(' '.join(where))}" if where else ""
    business_id = wishes.business.id if wishes.business else "…"
    return [
        "Of one authorization, later:",
        f"  make show STACK={wishes.stack} SERIAL_NO=… BUSINESS_ID={business_id}{joined}",
        f"  make redrive STACK={wishes.stack} ALL=1{joined}",
    ]


if __name__ == "__main__":
    with Problem.ends_the_program():
        main()
