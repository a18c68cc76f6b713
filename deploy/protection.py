"""What a new stack is protected by: against being deleted, and against losing what callers and records depend on."""

import json

import boto3

# The table may leave the stack, which keeps it, when another takes its place.
POLICY = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": ["Update:Replace", "Update:Delete"],
            "Principal": "*",
            "Resource": [f"LogicalResourceId/{name}" for name in ("Queue", "DeadLetterQueue", "Api")],
        },
        {"Effect": "Deny", "Action": "Update:Replace", "Principal": "*", "Resource": "LogicalResourceId/Table"},
    ]
}


def protect(session: boto3.Session, name: str) -> None:
    client = session.client("cloudformation")
    client.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    client.set_stack_policy(StackName=name, StackPolicyBody=json.dumps(POLICY))
    print(f"\nThe stack {name} is protected: it is not deleted, and its table, queues and API are not replaced.")


def is_protected(session: boto3.Session, name: str) -> bool:
    client = session.client("cloudformation")
    kept = client.describe_stacks(StackName=name)["Stacks"][0].get("EnableTerminationProtection", False)
    return kept and bool(client.get_stack_policy(StackName=name).get("StackPolicyBody"))
