"""Connections that other processes have accepted: `twistedmx-smtpd`, which tcpserver, inetd or xinetd starts for each, hands them
over on a Unix socket, with its environment (`net.hand_over_packet`), and ends.

Once `taken` is said, the connection is ours, whatever happens, and we say what its client hears. Before, it is the other's: who has
waited too long shuts his end, and then `taken` cannot be said any more. So a client never hears both of us.

Who may hand over: whom the permissions of the socket let in, and of these root, our own user and those that are named: an
environment says who may relay. Who may not is closed at once, and nobody has so many silent ones here that others wait for them.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.net.control import AnotherServer, clear_way
from twistedmx.net.hand_over_channel import TAKEN, Channel, Heard
from twistedmx.net.hand_over_packet import BadPacket
from twistedmx.net.line_sink import Lines, LineSinks
from twistedmx.net.wheel import Deadline, Wheel

BACKLOG: Final = 128  # who finds no room in it waits some seconds, and then says 421
_IN_A_TURN: Final = 32
_MOST_SILENT: Final = 64  # who have come and not yet spoken; the others wait in the backlog
_MOST_OF_ONE: Final = (
    16  # of these, of one user; for one more, the one that has been silent for the longest time is closed
)
_PAUSE: Final = 1.0  # seconds, where nobody can be accepted (EMFILE)
_FAILED: Final = b"421 unable to serve you now (#4.3.0)\r\n"


@attrs.frozen(kw_only=True, eq=False)
class HandedOver:
    """A connection, from now on ours. `environment`, `arguments`: of who handed it over, the latter behind the name of its program;
    `user`: as whom that runs. `connection`: does not block; of `address`. `lines`: its log; None where it has none, or only the
    connection itself (inetd). `waits`: whether it waits for the end; `ended`: tells it with which status to end, once, and where it
    does not wait nobody.
    """

    environment: Mapping[bytes, bytes] = attrs.field(repr=False)
    arguments: tuple[bytes, ...]
    connection: socket.socket
    address: IPv4Address | IPv6Address
    lines: Lines | None
    waits: bool
    ended: Callable[[int], None]
    user: int = -1

    def gone(self) -> None:
        """The connection is: who waits ends, with 1 if nothing else was told, and its log is let go."""
        self.ended(1)
        if self.lines is not None:
            self.lines.close()


def bind(path: str, *, group: int | None = None) -> socket.socket:
    """A socket at `path` for `HandOverPort`: for our own user, and for `group`. One that a killed server has left is removed.
    Raises OSError with `path` in it: EADDRINUSE where another server answers there."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listening.setblocking(False)
        clear_way(path)
        before = os.umask(0o177)
        try:
            listening.bind(path)
        finally:
            os.umask(before)
        if group is not None:
            os.chown(path, -1, group)
            os.chmod(path, 0o660)
        listening.listen(BACKLOG)
    except (AnotherServer, OSError) as error:
        listening.close()
        number = getattr(error, "errno", None)
        if isinstance(error, AnotherServer) or number == errno.EPROTOTYPE:  # which has sockets of packets, as we have
            raise OSError(errno.EADDRINUSE, "another server answers there", path) from None
        raise OSError(number or errno.EINVAL, getattr(error, "strerror", None) or str(error), path) from None
    return listening


@implementer(IReadDescriptor)
class HandOverPort:
    """Where connections are handed over: `listening` (`bind`), which is ours from now on.

    `take`: is called with each. Where it raises, `connection` must still be open and nobody's: its client hears 421. `users`: uids
    that may hand over, beside root and our own. `refused`: of those that came, since the start.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorFDSet,
        listening: socket.socket,
        *,
        wheel: Wheel,
        take: Callable[[HandedOver], None],
        users: frozenset[int] = frozenset(),
    ) -> None:
        self.refused = 0
        self.sinks = LineSinks()
        self.reactor: Any = reactor
        self.wheel = wheel
        self.silent: dict[Channel, None] = {}  # in the order in which they came
        self._listening = listening
        self._take = take
        self._users = users | {0, os.geteuid()}
        self._accepts = False
        self._again = Deadline(self.look)

    def accept(self, on: bool) -> None:
        """Whether connections are taken; else they wait in the backlog, some seconds, and then their clients hear 421."""
        self._accepts = on
        self.look()

    def stop(self) -> None:
        """Take none any more, and leave no socket behind. Who waits for the end of a session goes on waiting."""
        self.accept(False)
        self.wheel.clear(self._again)
        for channel in list(self.silent):
            channel.close()
        if self._listening.fileno() != -1:
            path = self._listening.getsockname()
            self._listening.close()
            with contextlib.suppress(OSError):
                os.unlink(path)

    def look(self) -> None:
        """Listen, if some more may come."""
        if self._may_come:
            self.reactor.addReader(self)
        elif self._listening.fileno() != -1:
            self.reactor.removeReader(self)

    @property
    def _may_come(self) -> bool:
        return self._accepts and len(self.silent) < _MOST_SILENT

    # -- what the reactor calls --------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._listening.fileno()

    def logPrefix(self) -> str:
        return "handed over"

    def doRead(self) -> None:
        """Some have come."""
        for _ in range(_IN_A_TURN):
            if not self._may_come:
                self.look()
                return
            try:
                accepted, _ = self._listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._log.error("no connection can be handed over for now: {error}", error=error)
                self.reactor.removeReader(self)
                self.wheel.set(self._again, _PAUSE)
                return
            accepted.setblocking(False)
            channel = Channel(self, accepted)
            if channel.user in self._users:
                channel.doRead()  # what it says is nearly always there
            else:
                self._refuse(channel, f"user {channel.user} may not hand over: the settings of the server name who may")

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
        self.stop()

    def _refuse(self, channel: Channel, words: str) -> None:
        self.refused += 1
        self._log.warn("a connection that was handed over is not taken: {words}", words=words)
        channel.refuse(words)

    # -- what the channels call --------------------------------------------------------------------------------------

    def is_silent(self, channel: Channel) -> None:
        """It has come, and said nothing so far."""
        its = [other for other in self.silent if other.user == channel.user]
        if len(its) >= _MOST_OF_ONE:
            its[0].close()
        self.silent[channel] = None

    def hear(self, channel: Channel, heard: Heard) -> None:
        """Take a connection, or say why not. Descriptors that are kept are taken out of those that came."""
        try:
            request = heard.request()
            connection = _connection(heard.descriptors)
        except BadPacket as bad:
            self._refuse(channel, str(bad))
            return
        lines = None
        taken = False
        try:
            lines = self._lines(connection, heard.descriptors)
            address = _peer_of(connection)
            if not channel.say(TAKEN):
                return  # it has waited too long, and says 421
            if not request.waits:
                channel.close()
            if address is not None:
                connection.setblocking(False)
                self._take(
                    HandedOver(
                        environment=request.environment,
                        arguments=request.arguments,
                        connection=connection,
                        address=address,
                        lines=lines,
                        waits=request.waits,
                        ended=channel.end,
                        user=channel.user,
                    )
                )
                taken = True
        except Exception:
            self._log.failure("a connection that was handed over could not be served")
            self.refused += 1
            with contextlib.suppress(OSError):
                connection.send(_FAILED)
        finally:
            if not taken:
                connection.close()
                if lines is not None:
                    lines.close()
                channel.end(1)

    def _lines(self, connection: socket.socket, descriptors: list[int]) -> Lines | None:
        """The log, if there is one. inetd starts its programs with the connection as descriptor 2: a client is no log."""
        if not descriptors or os.path.sameopenfile(connection.fileno(), descriptors[0]):
            return None
        try:
            lines = self.sinks.share(descriptors[0])
        except OSError:
            return None  # of a kind that nothing can be written to
        del descriptors[0]
        return lines


def _connection(descriptors: list[int]) -> socket.socket:
    """The first of these, taken out. Raises BadPacket."""
    try:
        connection = socket.socket(fileno=descriptors[0])
    except OSError:
        raise BadPacket("descriptor 0 is no socket: nothing may stand between tcpserver and twistedmx-smtpd") from None
    del descriptors[0]
    if connection.type != socket.SOCK_STREAM or connection.family not in (socket.AF_INET, socket.AF_INET6):
        words = "descriptor 0 is no TCP connection: nothing may stand between tcpserver and twistedmx-smtpd"
    elif connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        words = "descriptor 0 listens: in inetd.conf it is to be `nowait`, in xinetd.conf `wait = no`"
    else:
        return connection
    connection.close()
    raise BadPacket(words)


def _peer_of(connection: socket.socket) -> IPv4Address | IPv6Address | None:
    """None where it is gone by now."""
    try:
        address = connection.getpeername()
    except OSError:
        return None
    return (IPv4Address if connection.family == socket.AF_INET else IPv6Address)("TCP", *address)
