"""Agents for tests: in a thread under our own uid, and in a process of root's with users of the test's."""

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import Thread

from twistedmx.delivery import agent as process
from twistedmx.delivery.agent_disk import Agent, start_agent
from twistedmx.delivery.paths import Paths
from twistedmx.delivery.rights import Owner, Refused


def users(*names: str, home: Callable[[str], str], uid: int = -1) -> Callable[[str], Owner]:
    """A look-up of users that are all us, or all `uid`."""

    def find(name: str) -> Owner:
        if name not in names:
            raise Refused("no system user of this name")
        return Owner(name, os.getuid() if uid < 0 else uid, os.getgid(), (), home(name))

    return find


def quiet_agent(find: Callable[[str], Owner], paths: Paths, maildirs: Sequence[str] = ("Maildir",)) -> process.Agent:
    """The agent as it is, but for becoming anybody."""
    return process.Agent(find=find, paths=paths, maildirs=maildirs, acting_as=lambda owner: nullcontext())


class InThread:
    """An agent that serves in a thread. `asks`: our side of it."""

    def __init__(self, serving: process.Agent) -> None:
        ours, self._its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.asks = Agent(ours)
        self._serving = serving
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._its:
            self._serving.serve(self._its)

    def end(self) -> None:
        """Close our side; it ends."""
        self.asks.stop()
        self._thread.join()


def roots_agent(*, name: str, uid: int, home: str, least_uid: int = 1) -> Agent:
    """A process of root's that knows one user."""
    entry = (name, "x", uid, uid, "", home, "/bin/false")
    program = (
        f"import sys; sys.argv.pop(1); sys.path.append({str(Path(process.__file__).parents[2])!r}); import pwd\n"
        "from twistedmx.delivery.agent import main\n"
        f"main(sys.argv[1:], look_up={{{name!r}: pwd.struct_passwd({entry!r})}}.__getitem__)\n"
    )
    return start_agent(least_uid=least_uid, program=program)
