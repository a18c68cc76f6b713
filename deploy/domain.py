"""The address that users meet: it moves only to a name that answers, because links are made with it at once."""

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from problem import Problem
from stack_state import Present


def resolves(name: str) -> bool:
    # Names below .localhost are this machine (RFC 6761), also where the system does not know that.
    if name.endswith(".localhost"):
        return True
    try:
        return bool(socket.getaddrinfo(name, 443))
    except OSError:
        return False


def public_url(parameters: dict[str, str], api: str) -> str:
    """As the template has it in its output PublicUrl."""
    if parameters.get("PublicUrl"):
        return parameters["PublicUrl"]
    return f"https://{parameters['DomainName']}" if parameters.get("DomainName") else api


def check(present: Present | None, wished: dict[str, str], known: Callable[[str], bool] = resolves) -> None:
    """Stops what would give links out that lead nowhere. Nobody knows the address of a new stack yet."""
    if present is None or "ApiUrl" not in present.outputs:
        return
    after = {**present.parameters, **wished}
    old, new = public_url(present.parameters, present.outputs["ApiUrl"]), public_url(after, present.outputs["ApiUrl"])
    domain, domain_before = after.get("DomainName", ""), present.parameters.get("DomainName", "")
    if after.get("DefaultEndpoint") == "off" and new == present.outputs["ApiUrl"]:
        raise Problem(
            f"DefaultEndpoint=off would close {new}, where links lead: move them first, by --parameter PublicUrl=…"
        )
    if domain_before and domain != domain_before and new == f"https://{domain_before}":
        raise Problem(f"links lead to {new}, which this would take away: move them first, by --parameter PublicUrl=…")
    if domain and domain != domain_before and new != old:
        raise Problem(
            f"links would move to {new} in the same update that makes {domain}, which has no DNS record then. "
            f"Take two steps:\n"
            f"  1. the domain, while links stay: add --parameter PublicUrl={old} (with --parameter HostedZoneId=… the "
            "record in Route 53 is made, too; else make the one that is printed)\n"
            f"  2. when {domain} answers, the links: --parameter PublicUrl="
        )
    name = urlsplit(new).hostname or ""
    if new != old and not known(name):
        raise Problem(f"links would move to {new}, but {name} has no DNS record yet: run this again when it has")


def to_try(
    outputs: dict[str, str], own_is_closed: bool, known: Callable[[str], bool] = resolves
) -> tuple[str | None, str | None]:
    """The address to try a deployment at, if one can answer yet, and what to say if that is not the public one."""
    public, own = outputs["PublicUrl"], outputs["ApiUrl"]
    name = urlsplit(public).hostname or ""
    if known(name):
        return public, None
    why = f"{name} has no DNS record yet: run this again when it has"
    if own_is_closed:
        return None, f"nothing answers: the API's own address is closed (DefaultEndpoint=off), and {why}"
    return own, f"tried at {own}, because {why}"
