"""What the commands on a running stack have in common: where it is, and a yes said beforehand."""

import argparse


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--stack", default="authlink", help="which stack (authlink)")
    made.add_argument("--region", help="the AWS region, instead of AWS_REGION or the profile's")
    made.add_argument("--profile", help="the AWS profile, instead of AWS_PROFILE")
    made.add_argument("--yes", action="store_true", help="ask nothing")
    return made
