"""Writing at once, or at the end of the turn.

transport.write would wait for another turn of the reactor, which costs a third of a command (benchmarks/session.py).
"""

import socket
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.tcp import Server as TcpServer

if TYPE_CHECKING:
    from twistedmx.net.readers import Turn

_MORE: Final = getattr(socket, "MSG_MORE", 0)  # Linux alone has it


class EagerWriter:
    """Writes to a transport, past it while that is a TCP socket in plain text which takes all that it is given."""

    __slots__ = ("_held", "_socket", "_transport", "_turn")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._socket: socket.socket | None = transport.getHandle() if isinstance(transport, TcpServer) else None
        lane = getattr(transport, "lane", None)
        self._turn: Turn | None = lane.readers.turn if lane is not None else None
        self._held = b""  # to be written before anything else

    def write(self, octets: bytes) -> None:
        """Send now or soon, in order."""
        self._held += octets
        self.flush()

    def write_soon(self, octets: bytes) -> None:
        """The same, together with what the others are answered who were read in this turn (`Readers`)."""
        turn = self._turn
        if turn is None or turn.holding is None:
            self.write(octets)
            return
        if not self._held:
            turn.holding.append(self)
        self._held += octets

    def write_last(self, octets: bytes) -> None:
        """As `write`, and we close at once: our end goes in the packet of `octets`."""
        self._held += octets
        self.flush(_MORE if self._turn is not None else 0)

    def flush(self, flags: int = 0) -> None:
        """Write what is held. Whoever goes past us to the transport says this first. `flags`: of send(2)."""
        octets = self._held
        if not octets:
            return
        self._held = b""
        if self._socket is not None:
            try:
                sent = self._socket.send(octets, flags)
            except OSError:
                sent = 0
            if sent == len(octets):
                return
            # Something stays behind: for ever through the transport from now on, or the order would be lost.
            self._socket = None
            octets = octets[sent:]
        self._transport.write(octets)

    def fall_behind(self) -> None:
        """What comes is read after what others say, where there are lanes (`Readers`)."""
        if self._turn is not None:
            self._transport.fall_behind()

    def catch_up(self) -> None:
        """And now not any more."""
        if self._turn is not None:
            self._transport.catch_up()

    def give_up(self) -> None:
        """A reply was lost: those behind it would be taken for it."""
        self._socket = None
        self._transport.abortConnection()

    @property
    def all_sent(self) -> bool:
        """Whether nothing waits, here or in the transport, for sure."""
        return self._socket is not None and not self._held

    def be_patient(self) -> None:
        """From now on all goes through the transport: TLS begins."""
        self.flush()
        self._socket = None
