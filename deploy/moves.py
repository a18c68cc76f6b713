"""How a stack comes to use another table or another key: in two updates. The first has roles that reach both, until all
calls have moved; the second ends that, as the next deployment does where this one was interrupted.

To another table all calls move at once, because while they moved step by step records would go to two. With a
PreviousTableName the template sees to that.
"""

from stack_state import Present

BEFORE = {"TableName": "PreviousTableName", "KmsKeyArn": "PreviousKmsKeyArn"}


def steps(present: Present | None, parameters: dict[str, str]) -> list[dict[str, str]]:
    """The parameters of each update."""
    if present is None:
        return [parameters]
    # The table may be one that the stack has made, which no parameter names.
    now = {**present.parameters, "TableName": present.outputs["TableName"]}
    after = dict.fromkeys(BEFORE.values(), "")
    unfinished = {name: now[name] for name in BEFORE.values() if now.get(name)}
    left = {**unfinished, **{BEFORE[name]: now[name] for name in BEFORE if is_left(name, now, parameters)}}
    return [{**parameters, **after, **left}, after] if left else [{**parameters, **after}]


def is_left(name: str, now: dict[str, str], wished: dict[str, str]) -> bool:
    if name not in wished or not now.get(name):
        return False
    # Without a name the stack keeps the table that it has; without a key it goes to AWS's own.
    return wished[name] != now[name] and (name != "TableName" or wished[name] != "")
