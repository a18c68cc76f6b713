"""How the account's concurrent executions are shared out among the functions."""

from dataclasses import dataclass

from problem import Problem

# The default of the parameter DeliveryConcurrency, and the least that Lambda takes.
DEFAULT_CONCURRENCY, LEAST_CONCURRENCY = 20, 2
# What a sweep may need beside the deliveries.
BESIDE_DELIVERIES = 10
# What Lambda keeps back for functions that have nothing reserved.
KEPT_BACK = 100
# An account with fewer has nothing to reserve.
ENOUGH = 1000
PUBLIC_FUNCTIONS = 3
RESERVATIONS = ("DeliveryReserved", "ReturnReserved", "PublicMaximum")


@dataclass(frozen=True)
class Limits:
    """Of an account: all executions, and those that nobody has reserved."""

    all: int
    unreserved: int


def shares(limits: Limits | None, known: dict[str, str], is_new: bool) -> dict[str, str]:
    """The parameters that a stack gets for this account, beside those that are known."""
    if limits is None:
        return {}
    if limits.all // 3 < DEFAULT_CONCURRENCY and "DeliveryConcurrency" not in known:
        # Deliveries must leave the functions that people wait for their share of a small account.
        return {"DeliveryConcurrency": str(max(LEAST_CONCURRENCY, limits.all // 3))}
    if not is_new or limits.all < ENOUGH or any(name in known for name in RESERVATIONS):
        return {}
    deliveries = int(known.get("DeliveryConcurrency", DEFAULT_CONCURRENCY)) + BESIDE_DELIVERIES
    returns, public = limits.all // 4, limits.all // 6
    if deliveries + returns + PUBLIC_FUNCTIONS * public + KEPT_BACK > limits.unreserved:
        return {}
    return dict(zip(RESERVATIONS, map(str, (deliveries, returns, public)), strict=True))


def raised(limits: Limits | None, known: dict[str, str], said: dict[str, str]) -> dict[str, str]:
    """DeliveryReserved, where more deliveries are wished than would fit into it: Lambda would refuse some."""
    now, wished = int(known.get("DeliveryReserved", 0)), {**known, **said}
    needed = int(wished.get("DeliveryConcurrency", DEFAULT_CONCURRENCY)) + BESIDE_DELIVERIES
    reserved = int(wished.get("DeliveryReserved", 0))
    asked = "DeliveryConcurrency" in said or "DeliveryReserved" in said
    if not asked or reserved == 0 or reserved >= needed:
        return {}
    if "DeliveryReserved" in said:
        concurrency = needed - BESIDE_DELIVERIES
        raise Problem(f"DeliveryReserved={reserved} is too few for DeliveryConcurrency={concurrency}: {needed}, or 0")
    if limits is not None and needed - now > limits.unreserved - KEPT_BACK:
        raise Problem(
            f"DeliveryConcurrency={needed - BESIDE_DELIVERIES} takes DeliveryReserved={needed}, and of this account's "
            f"executions {limits.unreserved} are not reserved, of which Lambda keeps {KEPT_BACK}: "
            "--parameter DeliveryReserved=0 reserves none"
        )
    return {"DeliveryReserved": str(needed)}


def in_words(shared: dict[str, str], limits: Limits | None) -> list[str]:
    """Why these were chosen, and what to do about them."""
    if not shared:
        return []
    chosen = " ".join(f"{name}={value}" for name, value in shared.items())
    if "DeliveryConcurrency" in shared:
        why = f"this account may run {limits.all} functions at a time; deliveries take a third."
        more = "When AWS has given you more (Service Quotas, Lambda), give --parameter DeliveryConcurrency=…"
    else:
        why = f"of this account's {limits.all} executions, so that a flood on one route leaves the others theirs."
        more = "Other numbers, or 0 for none: --parameter NAME=…"
    return ["", f"{chosen}: {why}", more]
