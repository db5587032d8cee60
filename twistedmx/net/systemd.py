"""What systemd is told of us: sd_notify(3), for units of Type=notify, with the watchdog.

Sockets that systemd opened for us are Twisted's endpoint "systemd:...". Where nobody listens all of this is nothing.
"""

import contextlib
import socket
from collections.abc import Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class Systemd:
    """`environment`: of the process, where systemd says what it wants to be told. `pid`: ours."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._seconds = _watchdog(environment, pid)
        self._watched: LoopingCall | None = None

    def ready(self, clock: IReactorTime) -> None:
        """The server serves. From now on the watchdog is told that the reactor turns."""
        self.tell("READY=1")
        if self._seconds and self._address:
            self._watched = LoopingCall(self.tell, "WATCHDOG=1")
            self._watched.clock = clock
            self._watched.start(self._seconds / 2)

    def stopping(self) -> None:
        """The server takes nobody any more."""
        self.tell("STOPPING=1")

    def hand_over(self, pid: int) -> None:
        """Another process is the server from now on. Ours says nothing any more."""
        self.tell(f"MAINPID={pid}")
        self.gone()
        self._address = ""

    def gone(self) -> None:
        """Nothing is under way any more."""
        if self._watched is not None:
            self._watched.stop()
            self._watched = None

    def tell(self, words: str) -> None:
        """Never raises, never waits: mail does not hang on it."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(words.encode(), self._address)


def _watchdog(environment: Mapping[str, str], pid: int) -> float:
    """Seconds within which the watchdog wants to hear of us; 0 when it does not."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return 0.0
    with contextlib.suppress(ValueError):
        return max(int(environment.get("WATCHDOG_USEC", "0")), 0) / 1_000_000
    return 0.0
