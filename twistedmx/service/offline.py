"""A recipient looked up without a server: its settings are read, and its backends asked, in this process."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from twistedmx.service import look_up as asked
from twistedmx.service.faults import Faults
from twistedmx.service.parts import lasting, parts_of
from twistedmx.service.start import read_file
from twistedmx.service.world import this_world
from twistedmx.settings import BadSettings


def look_up(path: str, addresses: Sequence[str]) -> list[dict[str, Any]]:
    """What `look_up.look_up` finds of each by the settings file `path`; {"address", "error"} of what is no address.

    Raises ValueError with a line for each thing that hinders it. Runs the reactor: once in a process.
    """
    world = this_world()
    reactor = world.reactor
    try:
        settings = read_file(path)
        core = lasting(settings, world)
        parts = parts_of(settings, path, core, serves=False)
    except (BadSettings, Faults) as error:
        raise ValueError("\n".join(error.faults)) from None
    parts.backends.put_into(core.mailboxes)
    ended: list[Any] = []

    async def each() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for address in addresses:
            try:
                if core.qmail is not None:
                    found.append(await core.qmail.look_up(address, parts.site, settings.timeouts))
                else:
                    found.append(await asked.look_up(address, parts.site.recipients, core.mailboxes))
            except asked.BadAddress as error:
                found.append({"address": address, "error": str(error)})
        return found

    def begin() -> None:
        Deferred.fromCoroutine(each()).addBoth(ended.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    (result,) = ended
    if isinstance(result, Failure):
        result.raiseException()
    answers: list[dict[str, Any]] = result
    return answers
