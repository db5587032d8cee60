"""What the control socket answers: each command as a function of the running server."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from twistedmx import __version__
from twistedmx.net.control import Command, Refused
from twistedmx.policy.recipient import Decision
from twistedmx.policy.waiting import deferred_of
from twistedmx.service.look_up import answer_of, path_of
from twistedmx.service.parts import Faults, place_of

if TYPE_CHECKING:
    from twistedmx.service.server import Server


def commands(server: "Server") -> dict[str, Command]:
    """By name."""
    table: Mapping[str, Callable[[Server, Mapping[str, Any]], Any]] = {
        "rcpt": rcpt,
        "reload": reload,
        "status": status,
    }
    return {name: lambda arguments, command=command: command(server, arguments) for name, command in table.items()}


async def reload(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """{"changed": [key, ...]}. Refused with every fault, a line each."""
    try:
        changed = await server.reload()
    except Faults as error:
        raise Refused("\n".join(error.faults)) from None
    return {"changed": changed}


async def rcpt(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a peer that says RCPT TO:<address> would hear, from where, and why. {"address": ...}"""
    path = path_of(arguments.get("address"))
    server.parts.site.ports.mailboxes.refresh()
    decision: Decision | Deferred[Decision] = server.parts.site.recipients.decide(path)
    decided = decision if type(decision) is tuple else await deferred_of(decision)
    return answer_of(path, decided, server.lasting.mailboxes)


def status(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """How the server is, in numbers."""
    world, settings = server.lasting.world, server.parts.settings
    return {
        "version": __version__,
        "pid": world.pid(),
        "host": server.parts.site.host,
        "settings": server.parts.source,
        "since": server.since,
        "reloaded": server.reloaded,
        "uptime": world.now() - server.since,
        "listening": [place_of(port) for port in server.ports],
        "sessions": {"open": len(server.factory.connections), "tls": server.factory.secured},
        "rates": server.rates(),
        "limits": {
            "descriptors": server.descriptors(),
            "size": settings.limits.size,
            "recipients": settings.limits.recipients,
            "messages": settings.limits.messages,
        },
        "backends": server.backends(),
        "certificates": server.certificates(),
        "disk": {"free_octets": server.lasting.acceptance.free_octets()},
    }
