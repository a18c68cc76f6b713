#!/usr/bin/env python3
"""Builds and deploys authlink, makes its keys and the first callers, and tries it with one signed request of each.

Asks for what it needs; every question has an option, and `--yes` takes the answers from options and defaults alone:
without --business-id it then makes and tries no business, and without --account-id no account of GetAuthorizationUrl.
It may be run again at any time: what exists is kept, and only what is missing or has changed is made.
"""

import python_version  # isort: skip  (first, because the rest needs what it insists on)

import argparse
import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

import boto3

import adoption
import build
import change_set
import deploy_options
import domain
import executions
import moves
import prerequisites
import protection
import questions
import release
import sam_options
import secret_keys
import stack
import stack_state
import table
import template_file
import versions
from account_trial import try_account
from keys import Folder
from problem import Problem, tell
from secret_documents import Secrets
from trial import Outcome, try_it

NOT_OURS = "somebody else makes its links, and would be asked for a real one"
NOT_YET = "no address of this deployment answers yet"


@dataclass(frozen=True)
class Plan:
    """A deployment before anything is built: what is asked for, and the stack as it runs, if there is one."""

    session: boto3.Session
    options: argparse.Namespace
    wishes: questions.Wishes
    present: stack_state.Present | None
    parameters: dict[str, str]

    @property
    def known(self) -> dict[str, str]:
        return self.present.parameters if self.present else {}

    @property
    def after(self) -> dict[str, str]:
        """The parameters that the stack will have, as far as they are no defaults of the template."""
        return {**self.known, **self.parameters}


def main() -> None:
    options = deploy_options.parse(__doc__)
    tools = ("openssl", "sam") if options.skip_build else prerequisites.TOOLS
    session = prerequisites.check(options.region, options.profile, tools)
    answer = questions.begin(options)
    name = answer(questions.STACK)
    present = stack_state.look(session, name, options.delete_failed_stack, options.yes)
    wishes = questions.ask(options, answer, name, present)
    plan = Plan(session, options, wishes, present, settled(session, wishes, present))
    domain.check(present, plan.parameters)
    if not any(plan.after.get(name) for name in questions.TELLS):
        print("\nNobody is told of alarms: give --alarm-email …, or --parameter AlarmTopicArn=…")
    look_at_table(plan)
    look_at_secrets(plan)
    deployed = put_up(plan)
    folder = Folder(wishes.folder)
    secrets = Secrets(session, deployed["SecretsPrefix"], folder, plan.after.get("KmsKeyArn", ""))
    app_ready = make_keys(secrets, wishes)
    try_callers(plan, secrets, deployed, app_ready)


def try_callers(plan: Plan, secrets: Secrets, deployed: dict[str, str], app_ready: bool) -> None:
    """What came of the first requests is said last, after what is to be done now."""
    api, note = domain.to_try(deployed, own_is_closed=plan.after.get("DefaultEndpoint") == "off")
    outcomes = [first_business(plan, secrets, api), first_account(plan, secrets, api)]
    if note and (api is None or any(outcome.works is not None for outcome in outcomes)):
        print(note)
    advise(deployed, secrets.folder, plan.wishes, app_ready, bool(plan.after.get("HostedZoneId")))
    print("\n".join(commands(plan.options, plan.wishes)))
    if failed := [outcome.text for outcome in outcomes if outcome.works is False]:
        raise Problem("\n".join(["the deployment stands, but a first request brought no link.", *failed]))


def settled(
    session: boto3.Session, wishes: questions.Wishes, present: stack_state.Present | None
) -> dict[str, str]:
    """The parameters that are said: those that were asked for, and what a new stack must not leave to the template."""
    known = present.parameters if present else {}
    fresh = {} if present else {"SecretsPrefix": wishes.stack}
    parameters = {
        **fresh,
        **executions_shared(session, known, wishes.parameters, present is None),
        **wishes.parameters,
        "AlipayAppId": wishes.app_id,
        "Architecture": stack.architecture(wishes.parameters, known),
    }
    if known.get("TableName") and not parameters.get("TableName", known["TableName"]):
        raise Problem("without TableName this stack would begin an empty table: name the table that it shall have")
    return parameters


def look_at_table(plan: Plan) -> None:
    """Before anything is built: the one that is to be taken into service, if it is another than that of now."""
    name, in_service = plan.after.get("TableName"), plan.present.outputs["TableName"] if plan.present else None
    if name and name != in_service:
        wanted = table.as_made(template_file.read(), plan.after.get("RecentIndex") == "true")
        table.check(plan.session, name, wanted)


def look_at_secrets(plan: Plan) -> None:
    """Before anything is built: whose they are, and whether what is needed can be read and made."""
    session, options, prefix = plan.session, plan.options, plan.after["SecretsPrefix"]
    if prefix != plan.known.get("SecretsPrefix"):
        adoption.check_owner(session, prefix, options.share_secrets)
    names = needed(plan.wishes)
    if not adoption.is_there(session, f"{prefix}/alipay-app/{plan.wishes.app_id}"):
        names.append(f"alipay-app-waiting/{plan.wishes.app_id}")
    adoption.check_deletions(session, prefix, names, options.restore_secrets, options.yes)
    secret_keys.check(session, prefix, *keys(plan), options.rekey_secrets)


def keys(plan: Plan) -> tuple[str, str]:
    """The one that encrypts what the stack has, and the one that then does; empty for AWS's own."""
    before = plan.known.get("PreviousKmsKeyArn") or plan.known.get("KmsKeyArn", "")
    return before, plan.after.get("KmsKeyArn", "")


def needed(wishes: questions.Wishes) -> list[str]:
    """The names of the secrets that this run reads or makes, below the prefix."""
    names = ["callback-key", "link-token", "phone-key", f"alipay-app/{wishes.app_id}"]
    if wishes.business:
        names.append(f"business/{wishes.business.id}")
    if wishes.account:
        names += [f"account/{wishes.account.id}", f"scheme/{wishes.account.scheme_id}"]
        if wishes.account.access_key_id:
            names.append(f"access-key/{wishes.account.access_key_id}")
    return names


def put_up(plan: Plan) -> dict[str, str]:
    """What the stack says of itself, once it is as wished."""
    session, options, name = plan.session, plan.options, plan.wishes.stack
    architecture = plan.parameters["Architecture"]
    if not options.skip_build:
        build.build(architecture, options.build_dir)
    build.check(options.build_dir, architecture)
    handed = sam_options.of(options, name, plan.present.tags if plan.present else {})
    first, *second = moves.steps(plan.present, {**plan.parameters, **releases(plan)})
    change_set.deploy(session, name, first, options.build_dir, plan.present is None, handed)
    # Now roles may use the key of before and the one that is wished.
    secret_keys.settle(session, plan.after["SecretsPrefix"], *keys(plan), options.rekey_secrets)
    for step in second:
        change_set.deploy(session, name, step, options.build_dir, is_new=False, handed=handed)
    if plan.present is None or options.protect:
        protection.protect(session, name)
    elif not protection.is_protected(session, name):
        print("\nThis stack is not protected against being deleted, or against replacements: give --protect once.")
    return stack.outputs(session, name)


def releases(plan: Plan) -> dict[str, str]:
    digest = release.digest(plan.options.build_dir, plan.after)
    hidden = release.hidden_digest(template_file.read(), plan.parameters, plan.wishes.stack)
    serving = versions.serving(plan.session, plan.wishes.stack) if plan.present else []
    return release.chosen(plan.known.get("Release", ""), digest, hidden, serving)


def make_keys(secrets: Secrets, wishes: questions.Wishes) -> bool:
    """Whether the app can work."""
    tell("Keys and the first callers")
    secrets.make_callback_key(wishes.callback_private_key)
    secrets.make_link_token()
    secrets.make_phone_key()
    return secrets.make_alipay_app(wishes.app_id, wishes.app_private_key, wishes.alipay_public_key)


def executions_shared(
    session: boto3.Session, known: dict[str, str], said: dict[str, str], is_new: bool
) -> dict[str, str]:
    limits = prerequisites.execution_limits(session)
    shared = executions.shares(limits, {**known, **said}, is_new)
    if lines := executions.in_words(shared, limits):
        print("\n".join(lines))
    if raised := executions.raised(limits, known, said):
        print(f"\nDeliveryReserved={raised['DeliveryReserved']}, because deliveries would not fit into fewer.")
    return {**shared, **raised}


def first_business(plan: Plan, secrets: Secrets, api: str | None) -> Outcome:
    wishes = plan.wishes
    if wishes.business is None:
        outcome = Outcome(None, "left out, and no business was made: --yes was given without --business-id")
    else:
        secrets.make_business(wishes.business)
        tell("One signed request")
        key = wishes.business_private_key or secrets.folder.business_key(wishes.business.id)
        if secrets.document(f"business/{wishes.business.id}").get("upstream"):
            outcome = Outcome(None, f"left out: {NOT_OURS}")
        elif api is None:
            outcome = Outcome(None, f"left out: {NOT_YET}")
        else:
            outcome = try_it(api, wishes.business, key, plan.session.region_name, plan.options.patience)
    print(outcome.text)
    return outcome


def first_account(plan: Plan, secrets: Secrets, api: str | None) -> Outcome:
    account = plan.wishes.account
    if account is None:
        outcome = Outcome(None, "no account of GetAuthorizationUrl was made")
    else:
        tell("The first account of GetAuthorizationUrl")
        key = secrets.make_account(account)
        tell("One signed call of it")
        if secrets.document(f"scheme/{account.scheme_id}").get("source") == "aliyun":
            outcome = Outcome(None, f"left out: {NOT_OURS}")
        elif api is None:
            outcome = Outcome(None, f"left out: {NOT_YET}")
        else:
            outcome = try_account(api, account, key, plan.session.region_name, plan.options.patience)
    print(outcome.text)
    return outcome


def advise(
    deployed: dict[str, str], folder: Folder, wishes: questions.Wishes, app_ready: bool, record_is_made: bool
) -> None:
    tell("What to do now")
    if "DomainTarget" in deployed and not record_is_made:
        print("In the DNS of your domain:")
        print(f"  - {deployed['DomainName']} CNAME {deployed['DomainTarget']}")
        print(f"    (in Route 53 an alias record A to it, in the hosted zone {deployed['DomainTargetZoneId']})")
    if "DomainName" in deployed and deployed["PublicUrl"] != f"https://{deployed['DomainName']}":
        print(f"Links still lead to {deployed['PublicUrl']}. When {deployed['DomainName']} answers, move them there:")
        print("  - run this again with --parameter PublicUrl=")
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
        f"  make resend STACK={wishes.stack} ALL=1{joined}",
    ]


if __name__ == "__main__":
    with Problem.ends_the_program():
        main()
