"""Writing at once.

transport.write would wait for another turn of the reactor, which costs a third of a command (benchmarks/session.py).
"""

from typing import Any

from twisted.internet.tcp import Server as TcpServer


class EagerWriter:
    """Writes to a transport, past it while that is a TCP socket in plain text which takes all that it is given."""

    __slots__ = ("_send", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._send = None
        if isinstance(transport, TcpServer):
            self._send = transport.getHandle().send

    def write(self, octets: bytes) -> None:
        """Send now or soon, in order."""
        if not octets:
            return
        if self._send is not None:
            try:
                sent = self._send(octets)
            except OSError:
                sent = 0
            if sent == len(octets):
                return
            # Something stays behind: for ever through the transport from now on, or the order would be lost.
            self._send = None
            octets = octets[sent:]
        self._transport.write(octets)

    @property
    def all_sent(self) -> bool:
        """Whether nothing waits in the transport, for sure."""
        return self._send is not None

    def be_patient(self) -> None:
        """From now on all goes through the transport: TLS begins."""
        self._send = None
