"""What one `twistedmx-smtpd` says on the Unix socket, and what it hears; and that no descriptor stays that came with it."""

import array
import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING, Final

import attrs
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.linux import MSG_CMSG_CLOEXEC, SO_PEERCRED
from twistedmx.net.hand_over_packet import MOST_OCTETS, BadPacket, Request, parse_packet
from twistedmx.net.wheel import Deadline

if TYPE_CHECKING:
    from twistedmx.net.handed_over import HandOverPort

TAKEN: Final = b"taken"
_REFUSED: Final = b"refused "
_SILENCE: Final = 5.0  # seconds: what it has to say, it says at once
_SPACE: Final = socket.CMSG_SPACE(2 * array.array("i").itemsize)  # the kernel gives no more than find room here
_CREDENTIALS: Final = struct.Struct("iII")  # pid, uid, gid: SO_PEERCRED, unix(7)


@attrs.frozen(kw_only=True)
class Heard:
    """A packet, the flags of recvmsg(2), and the descriptors that came, to be closed by who has got it."""

    packet: bytes
    flags: int
    descriptors: list[int]

    def request(self) -> Request:
        """What is asked for; then there are one or two descriptors. Raises BadPacket."""
        if self.flags & socket.MSG_TRUNC:
            raise BadPacket(f"the environment is longer than {MOST_OCTETS} octets")
        if self.flags & socket.MSG_CTRUNC:
            raise BadPacket("the descriptors did not all come: the server has none left, or they were more than two")
        if not self.descriptors:
            raise BadPacket("no descriptor came")
        return parse_packet(self.packet)


@implementer(IReadDescriptor)
class Channel:
    """`accepted`: does not block, and is ours. `user`: uid of who has connected."""

    def __init__(self, port: "HandOverPort", accepted: socket.socket) -> None:
        self._port = port
        self._socket = accepted
        self._deadline = Deadline(self.close)
        credentials = accepted.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size)
        self.user: int = _CREDENTIALS.unpack(credentials)[1]

    def say(self, words: bytes) -> bool:
        """Whether it can still hear them."""
        try:
            self._socket.send(words)
        except OSError:
            return False
        return True

    def refuse(self, words: str) -> None:
        """The connection stays its own. It can say nothing more, and what it has said and nobody has read goes, its descriptors
        with it: else it would hear of that, and not the words (unix(7))."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
            self._socket.recv(1)
        self.say(_REFUSED + words.encode())
        self.close()

    def end(self, status: int) -> None:
        """The session has ended: so may it, if it waits. Harmless twice, and where it does not wait."""
        if self._socket.fileno() != -1:
            self.say(b"%d" % status)
            self.close()

    def close(self) -> None:
        """It is left alone. Harmless twice."""
        self._listen(False)
        self._socket.close()

    def _listen(self, on: bool) -> None:
        port = self._port
        if on == (self in port.silent):
            return
        if on:
            port.is_silent(self)
            port.reactor.addReader(self)
            port.wheel.set(self._deadline, _SILENCE)
        else:
            port.silent.pop(self, None)
            port.reactor.removeReader(self)
            port.wheel.clear(self._deadline)
            port.look()

    # -- what the reactor calls --------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "hands over"

    def doRead(self) -> None:
        """It has spoken, or ended without. Nothing that came with it stays open but what the port has kept."""
        try:
            packet, ancillary, flags, _ = self._socket.recvmsg(MOST_OCTETS, _SPACE, MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            self._listen(True)
            return
        except OSError:
            self.close()
            return
        heard = Heard(packet=packet, flags=flags, descriptors=_descriptors(ancillary))
        try:
            self._listen(False)
            if packet or heard.descriptors:
                self._port.hear(self, heard)
            else:
                self.close()
        finally:
            for descriptor in heard.descriptors:
                with contextlib.suppress(OSError):
                    os.close(descriptor)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
        self.close()


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, octets in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(octets[: len(octets) - len(octets) % found.itemsize])
    return list(found)
