"""A Unix datagram socket that is sent to and never waited for: the way into journald and syslog."""

import contextlib
import errno
import socket
from collections.abc import Callable

from twistedmx.report.losses import Losses


class Datagrams:
    """Sends to the socket `path`, which is connected at the first datagram and whenever its other end was begun anew.

    A datagram that is not taken at once is lost, and the next one tries anew. `too_long`: sends otherwise what is longer than
    a datagram can be; it may raise OSError.
    """

    def __init__(self, path: str, losses: Losses, too_long: Callable[[socket.socket, bytes], None]) -> None:
        self._path = path
        self._losses = losses
        self._too_long = too_long
        self._socket: socket.socket | None = None

    def send(self, datagram: bytes) -> None:
        """Now or never."""
        again = self._socket is not None
        try:
            self._try(datagram)
        except BlockingIOError as error:
            self._losses.lost(self._path, str(error.strerror))  # the other end is slow; the socket is good
        except OSError as error:
            self.close()
            if again:  # perhaps it was begun anew since the last one
                self.send(datagram)
            else:
                self._losses.lost(self._path, error.strerror or str(error))
        else:
            self._losses.got_through()

    def _try(self, datagram: bytes) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.connect(self._path)
        try:
            self._socket.send(datagram)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._too_long(self._socket, datagram)

    def close(self) -> None:
        """Give the socket back. Harmless twice; another datagram connects again."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None
