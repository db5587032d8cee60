"""What the control socket answers: each command is a function of the running server and of its arguments."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from twistedmx.net.control import Command, Refused
from twistedmx.service.adjusting import adjust
from twistedmx.service.block_commands import allow, ban, list_, unban
from twistedmx.service.faults import Faults
from twistedmx.service.look_up import BadAddress, look_up
from twistedmx.service.opinion import campaigns, opinion
from twistedmx.service.samples import samples
from twistedmx.service.state import state
from twistedmx.service.why import why

if TYPE_CHECKING:
    from twistedmx.service.server import Server

_DAY: Final = 24  # hours


def commands(server: "Server") -> dict[str, Command]:
    """By name."""
    return {
        "attacks": partial(_attacks, server),
        "history": partial(_history, server),
        "ban": partial(ban, server.lasting.blocking),
        "unban": partial(unban, server.lasting.blocking),
        "allow": partial(allow, server.lasting.blocking),
        "list": partial(list_, server.lasting.blocking),
        "why": partial(why, server),
        "campaigns": partial(_campaigns, server),
        "reputation": partial(_reputation, server),
        "rcpt": partial(_rcpt, server),
        "reload": partial(_reload, server),
        "samples": partial(samples, server),
        "set": partial(adjust, server),
        "status": partial(_status, server),
        "upgrade": server.upgrade,
    }


async def cannot_upgrade(arguments: Mapping[str, Any]) -> Any:
    """Of a server that does not know how it was started."""
    raise Refused("this server cannot start another in its place: restart it")


async def _rcpt(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`look_up` of {"address": ...}."""
    qmail = server.lasting.qmail
    try:
        if qmail is not None:
            return await qmail.look_up(arguments.get("address"))
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


def _attacks(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`Watching.told`, {"campaigns": what hosts have in common, "shadow": what policies in shadow would have refused}."""
    rows = server.lasting.policies.shadow.told()
    shadow = [{**attrs.asdict(row), "action": row.action.value, "reason": row.reason.value} for row in rows]
    return {**server.lasting.watching.told(), "campaigns": _campaigns(server, arguments), "shadow": shadow}


def _history(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`Recording.told` of {"hours": more than none}; without, of the day."""
    hours = arguments.get("hours", _DAY)
    if type(hours) not in (int, float) or not hours > 0:
        raise Refused(f"hours: {hours!r} is no number above 0")
    return server.lasting.recording.told(min(hours, _DAY) * 3600)


def _reputation(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`opinion` of {"address": ...}."""
    blocking = server.lasting.blocking
    try:
        return opinion(blocking.reputation, blocking.blocklist, str(arguments.get("address") or ""))
    except ValueError as error:
        raise Refused(str(error)) from None


def _campaigns(server: "Server", arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    return campaigns(server.lasting.blocking.reputation)
