"""Who is disabled, which is an item of the table (docs/operations.md, "Stop a stolen key")."""

# As the program has them (shared/src/store/dynamodb).
KEY, ENTRIES = {"pk": {"S": "deny-list"}}, "denied"


def entries(client: object, table: str) -> list[str]:
    """None where the table is gone."""
    try:
        found = client.get_item(TableName=table, Key=KEY, ConsistentRead=True).get("Item", {})
    except client.exceptions.ResourceNotFoundException:
        return []
    return sorted(found.get(ENTRIES, {}).get("SS", []))


def carry(client: object, source: str, target: str) -> None:
    """Adds what one table denies to what another does. Nothing is taken off: to deny too much is the safe side."""
    missing = sorted(set(entries(client, source)) - set(entries(client, target)))
    if missing:
        values = {":entries": {"SS": missing}}
        add = {"UpdateExpression": f"ADD {ENTRIES} :entries", "ExpressionAttributeValues": values}
        client.update_item(TableName=target, Key=KEY, **add)
    print(f"\nDisabled in {target}: {', '.join(entries(client, target)) or 'nobody'}")
