#!/usr/bin/env python3
"""Leads all calls back to the functions as they were before the last deployment, within seconds.

Code and settings go back together, of every function; the API, the roles, the table and the queues stay as they are.
"""

import python_version  # isort: skip  (first, because the rest needs what it insists on)

import sys
from dataclasses import dataclass

import boto3

from command import parser
from prerequisites import signed_in
from problem import Problem, tell
from question import agreed
from stack_state import described, running
from versions import ALIAS, CONFINED, Version, functions, published, served

NOT_WEIGHED = {"AdditionalVersionWeights": {}}


@dataclass(frozen=True)
class Move:
    """Where one function's calls go from, and where to."""

    function: str
    now: Version
    then: Version


def main() -> None:
    options = parsed()
    session = signed_in(options.region, options.profile)
    if cancelled(session, options.stack, options.yes):
        return
    present = running(session, options.stack)
    release = options.to or present.parameters.get("PreviousRelease")
    if not release:
        raise Problem(f"the stack {options.stack} knows of no release before this one")
    client = session.client("lambda")
    found = functions(session, options.stack)
    moves = [move(function, served(client, function), published(client, function), release) for function in found]
    moves = [each for each in moves if each.now.number != each.then.number]
    if not moves:
        print(f"Every function is at release {release} already.")
        return
    tell(f"Back to release {release}")
    for each in moves:
        print(f"  {each.function}: version {each.now.number} to {each.then.number}")
    agreed("Lead all calls there", options.yes, not sys.stdin.isatty(), "--yes")
    for each in moves:
        # Without weights, also of a rollout that is under way.
        number = str(each.then.number)
        client.update_alias(FunctionName=each.function, Name=ALIAS, FunctionVersion=number, RoutingConfig=NOT_WEIGHED)
    print(f"done. The other way: make rollback STACK={options.stack} TO={moves[0].now.release}")
    print("The next `make deploy` leads calls to what it deploys, be it what they were led back from.")


def cancelled(session: boto3.Session, stack: str, said: bool) -> bool:
    """Whether a deployment was under way, whose rollout CloudFormation itself then takes back."""
    found = described(session, stack)
    if found is None or found["StackStatus"] != "UPDATE_IN_PROGRESS":
        return False
    agreed(f"The stack {stack} is being deployed. Cancel that", said, not sys.stdin.isatty(), "--yes")
    session.client("cloudformation").cancel_update_stack(StackName=stack)
    print("cancelled: CloudFormation leads all calls back, and the rest of the stack with them.")
    return True


def parsed() -> object:
    made = parser(__doc__)
    made.add_argument("--to", metavar="RELEASE", help="another release than the one before")
    return made.parse_args()


def move(function: str, now: Version | None, known: list[Version], release: str) -> Move:
    """To the newest version of that release, unless its role was for something else."""
    fitting = [version for version in known if version.release == release]
    if now is None or not fitting:
        raise Problem(f"{function} has no version of release {release}")
    then = max(fitting, key=lambda version: version.number)
    for variable, name in CONFINED.items():
        if then.confined[variable] != now.confined[variable]:
            raise Problem(
                f"{function} of release {release} has the {name} {then.confined[variable] or 'of no name'}, and its "
                f"role is for {now.confined[variable]} now: it would be denied, or records would be in two places. "
                "Deploy that release's code instead"
            )
    if then.key not in ("", now.key):
        raise Problem(
            f"the settings of {function} of release {release} are under the key {then.key}, which its role may not use "
            "any more: it would not start. Deploy that release's code instead"
        )
    return Move(function, now, then)


if __name__ == "__main__":
    with Problem.ends_the_program():
        main()
