"""Which disk writes the copies of which owner: the server's own, or one that asks the agent.

Does not know how a user's mailbox is found, nor which users may have one: the agent is told at its start.
"""

import errno
import pwd
import socket
from collections.abc import Callable, Sequence
from random import Random

from twistedmx.delivery.agent_disk import Agent, start_agent, take_up_agent
from twistedmx.ports import Disk


def nobody_else(owner: str) -> Disk:
    """The disk of a system user, where there are none. Raises OSError."""
    raise _cannot(owner, "this server writes files of its own alone")


def _cannot(owner: str, reason: str) -> OSError:
    return OSError(errno.EPERM, f"a file of the system user {owner!r} cannot be made: {reason}")


def name_of(uid: int) -> str:
    """The name of a system user; "" for a uid without one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


class OwnerDisks:
    """Chooses by `Copy.owner`. `own`: the disk of the server's files. `euid`: `os.geteuid`, asked after root is shed."""

    def __init__(self, *, own: Disk, euid: Callable[[], int]) -> None:
        self._own = own
        self._euid = euid
        self._me: tuple[int, str] | None = None
        self._agent: Agent | None = None

    def start(self, *, least_uid: int, maildirs: Sequence[str]) -> bool:
        """Start the agent, if we are root: call it before root is shed. False: we are not. Raises OSError, ValueError."""
        if self._euid() == 0 and self._agent is None:
            self._agent = start_agent(least_uid=least_uid, maildirs=maildirs)
        return self._agent is not None

    def take_up(self, peer: socket.socket, chance: Random) -> None:
        """Ask the agent that another has started, in the place of one who asked before: see `take_up_agent`."""
        self._agent = take_up_agent(peer, chance)

    def stop(self) -> None:
        """After the writer has stopped."""
        if self._agent is not None:
            self._agent.stop()

    def disk_of(self, owner: str) -> Disk:
        """For the writer thread. `owner`: "" is the server. Raises OSError where nobody can write that user's files."""
        if not owner:
            return self._own
        uid = self._euid()
        if self._me is None or self._me[0] != uid:
            self._me = (uid, name_of(uid))
        if uid != 0 and owner == self._me[1]:
            return self._own
        if self._agent is None:
            raise _cannot(
                owner,
                "the server writes as its own user alone; for others it must be started as root, "
                "with mailboxes of system users in its settings",
            )
        return self._agent.disk(owner)
