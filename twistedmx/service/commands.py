"""What the control socket answers: each command is a function of the running server and of its arguments."""

import math
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from twistedmx.net.control import Command, Refused
from twistedmx.policy.block_table import OPERATOR
from twistedmx.policy.networks import network_of
from twistedmx.service.faults import Faults
from twistedmx.service.look_up import BadAddress, look_up
from twistedmx.service.opinion import campaigns, opinion, told
from twistedmx.service.state import state

if TYPE_CHECKING:
    from twistedmx.service.server import Server


_FOR_EVER = 1e10  # seconds: three hundred years
_AT_ONCE = 20_000  # entries in an answer: what takes some tenths of a second


def commands(server: "Server") -> dict[str, Command]:
    """By name."""
    return {
        "ban": partial(_ban, server),
        "list": partial(_list, server),
        "unban": partial(_unban, server),
        "why": partial(_why, server),
        "campaigns": partial(_campaigns, server),
        "reputation": partial(_reputation, server),
        "rcpt": partial(_rcpt, server),
        "reload": partial(_reload, server),
        "status": partial(_status, server),
    }


async def _rcpt(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`look_up` of {"address": ...}."""
    try:
        return await look_up(arguments.get("address"), server.parts.site.recipients, server.lasting.mailboxes)
    except BadAddress as error:
        raise Refused(str(error)) from None


async def _reload(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """{"changed": [key, ...]}. Refused with every fault, a line each."""
    try:
        return {"changed": await server.reload()}
    except Faults as error:
        raise Refused("\n".join(error.faults)) from None


def _status(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    return state(server)


def _ban(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The entry, of {"network": ..., "seconds": ... or None, "reason": ..., "evidence": ..., "force": ...}."""
    seconds = arguments.get("seconds")
    try:
        block = server.lasting.blocking.blocklist.block(
            network_of(str(arguments.get("network") or "")),
            reason=str(arguments.get("reason") or OPERATOR),
            evidence=str(arguments.get("evidence") or ""),
            origin=OPERATOR,
            seconds=None if seconds is None else math.inf if float(seconds) > _FOR_EVER else float(seconds),
            force=arguments.get("force") is True,
        )
    except (OverflowError, TypeError, ValueError) as error:
        raise Refused(str(error)) from None
    return told(block)


def _unban(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The entry that was, of {"what": a network, or the id of an entry}."""
    what = str(arguments.get("what") or "")
    blocking = server.lasting.blocking
    named = blocking.blocklist.by_id(what)
    try:
        block = blocking.unblock(named.network if named is not None else network_of(what))
    except ValueError as error:
        raise Refused(f"{error}, nor the id of an entry") from None
    if block is None:
        holding = blocking.blocklist.find(what.partition("/")[0])
        hint = f"; it is within {holding.network} (id {holding.id})" if holding is not None else ""
        raise Refused(f"{what} is not blocked{hint}")
    return told(block)


def _list(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """{"blocks": [...], "more": whether there are, "never": [...], "now": ...}, of {"network": ... or None, "most": ...}."""
    blocklist = server.lasting.blocking.blocklist
    network = arguments.get("network")
    try:
        most = min(max(int(arguments.get("most") or _AT_ONCE), 1), _AT_ONCE)
        found = blocklist if not network else blocklist.within(network_of(str(network)))
    except (OverflowError, TypeError, ValueError) as error:
        raise Refused(str(error)) from None
    shown = list(islice(found, most + 1))
    return {
        "blocks": [told(block) for block in shown[:most]],
        "more": len(shown) > most,
        "now": server.lasting.world.now(),
        "never": [str(never.network) for never in blocklist.never],
    }


def _why(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """{"block": ... or None, "undo": a command or ""}, of {"what": an address, or the id that a peer was told}."""
    what = str(arguments.get("what") or "")
    blocklist = server.lasting.blocking.blocklist
    block = blocklist.by_id(what)
    if block is None:
        try:
            network_of(what)
        except ValueError as error:
            raise Refused(f"{error}, nor the id of an entry") from None
        block = blocklist.find(what)
    if block is None:
        return {"block": None, "undo": ""}
    return {"block": told(block), "undo": f"twistedmx unban {block.id}"}


def _reputation(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`opinion` of {"address": ...}."""
    blocking = server.lasting.blocking
    try:
        return opinion(blocking.reputation, blocking.blocklist, str(arguments.get("address") or ""))
    except ValueError as error:
        raise Refused(str(error)) from None


def _campaigns(server: "Server", arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    return campaigns(server.lasting.blocking.reputation)
