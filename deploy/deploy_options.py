"""What can be said to the deployment beforehand: an option for each question, and more."""

import argparse
from pathlib import Path

import sam_options
from build import FOLDER as BUILD_FOLDER
from question import Question, option
from questions import BUSINESS_ID, QUESTIONS

FOLDER = ".authlink-deploy"
FLAGS = {
    "share-secrets": "let a new stack use the secrets that are below its prefix already",
    "restore-secrets": "restore needed secrets that are marked for deletion",
    "delete-failed-stack": "delete a stack whose first deployment failed, and deploy anew",
    "rekey-secrets": "put secrets that are there under the stack's KmsKeyArn, or under AWS's key if it has none now",
    "protect": "protect a stack that runs as a new one is: against being deleted, and against replacements",
}


def parse(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    for question in QUESTIONS:
        default = f" ({default_in_words(question)})" if question.default else ""
        parser.add_argument(option(question), metavar="…", help=f"{question.text}{default}")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="ask nothing; what no option says has its default,\n"
        "but without --business-id no business is made and tried, and without --account-id no account",
    )
    parser.add_argument("--folder", type=Path, default=Path(FOLDER), help=f"where keys are put ({FOLDER})")
    for whose, what in (
        ("app-private-key", "the app's private key, if it has one already"),
        ("callback-private-key", "the key that signs callbacks, if there is one already"),
        ("business-private-key", "the business's private key (PEM), to sign the first request with"),
        ("business-md5-key", "the business's MD5 key, if it shall have one"),
        ("access-key-secret", "the AccessKeySecret that belongs to --access-key-id"),
        ("edge-secrets", "the parameter EdgeSecrets: one or two secrets, each in a line"),
    ):
        parser.add_argument(f"--{whose}", type=Path, metavar="FILE", help=f"a file with {what}")
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of template.yaml; may be repeated; its value may be empty",
    )
    for flag, what in FLAGS.items():
        parser.add_argument(f"--{flag}", action="store_true", help=what)
    sam_options.add_to(parser)
    parser.add_argument(
        "--patience", type=float, default=60, metavar="SECS", help="how long first requests are tried (60)"
    )
    parser.add_argument("--skip-build", action="store_true", help="deploy what was built before")
    parser.add_argument(
        "--build-dir", type=Path, default=BUILD_FOLDER, metavar="DIR", help=f"where it is built ({BUILD_FOLDER})"
    )
    parser.add_argument("--region", help="the AWS region, instead of AWS_REGION or the profile's")
    parser.add_argument("--profile", help="the AWS profile, instead of AWS_PROFILE")
    return parser.parse_args()


def default_in_words(question: Question) -> str:
    return "with --yes: none" if question is BUSINESS_ID else f"with --yes: {question.default}"
