"""One place to listen at, of which each of several workers has a socket of its own; and how a worker takes up his.

The kernel gives each client to one of the sockets, by its host (`net.steering`). The program tells a number, which counts the
sockets in the order in which they began to listen. Where one is closed, the last one gets its number. So whoever opens a group
keeps all its sockets, as long as it serves: then a worker that comes after one that died takes up the same socket, and who came
meanwhile has waited in its queue. What waits at a socket that is closed is lost: its peer hears a reset. shutdown(2) through any
copy closes it for all.

Only sockets whose makers had one effective user id can stand in a group (socket(7), SO_REUSEPORT): a group that root opened is
joined by nobody but root, not even by who we are later. So workers cannot become more once root is given up. A second server of the
same user would join, and take a share of the clients; the first socket is bound as one that shares with nobody, and so a second
server hears that the address is in use, as it always did.

BUGS: who connects within the microseconds in which a group begins to listen may come to another worker than his. Of two servers
that one user starts within these, neither may hear of the other.
"""

import errno
import os
import socket
import struct
import sys
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum
from typing import Any, Final

import attrs
from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorSocket

from twistedmx.net.steering import program

_SO_ATTACH_REUSEPORT_CBPF: Final = 51  # asm-generic/socket.h; Python has no name for it
_STEP: Final = 8  # octets of a struct sock_filter

# setsockopt(2): socket, level, option, value. Raises OSError.
SetOption = Callable[[socket.socket, int, int, int | bytes], None]


class Division(Enum):
    """How clients are divided among the workers."""

    STEERED = "steered"  # each host has one worker
    SPREAD = "spread"  # the kernel hashes ports as well: of one host, each connection comes to any worker
    SHARED = "shared"  # one socket for all: whoever is quicker


def set_option(opened: socket.socket, level: int, option: int, value: int | bytes) -> None:
    """The kernel's. Others than Linux have options of these names that do other things: refused."""
    if sys.platform != "linux":
        raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
    opened.setsockopt(level, option, value)


@attrs.frozen(kw_only=True, eq=False)
class PortGroup:
    """`sockets`: listening, by the worker's number; one alone where it is shared. `why`: it is not steered, for who reads the log;
    "" if it is."""

    sockets: tuple[socket.socket, ...]
    division: Division
    why: str = ""

    def socket_of(self, worker: int) -> socket.socket:
        """A worker's."""
        return self.sockets[0] if self.division is Division.SHARED else self.sockets[worker]

    def steer(self, workers: int, *, set_option: SetOption = set_option) -> "PortGroup":
        """Divide the clients among the first so many sockets from now on; the group as it is then. Who waits already, waits where
        he is: accept him before a socket is closed, and close the last one first.

        Raises OSError where the kernel refuses it, and then all is as it was; ValueError if there are not so many sockets.
        """
        if not 1 <= workers <= len(self.sockets):
            raise ValueError(f"{workers} workers, {len(self.sockets)} sockets")
        _attach(self.sockets[0], workers, set_option)
        return attrs.evolve(self, division=Division.STEERED, why="")

    def close(self) -> None:
        """All of them: nobody listens here any more, but who has copies. Harmless twice."""
        for opened in self.sockets:
            opened.close()


def open_group(host: str, port: int, *, workers: int, backlog: int, set_option: SetOption = set_option) -> PortGroup:
    """Listen as Twisted's endpoints do. `host`: "" for all of IPv4, "::" for all of IPv6 (and of IPv4, unless the machine is told
    otherwise). `port`: 0 to 65535; at 0 the kernel chooses one. `backlog`: so many may wait at each socket.

    Raises OSError, and then nothing is left open: EADDRINUSE also where a server of ours listens already. An option that is refused
    is no error; the group tells of it.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers")
    family, address = _address_of(host, port)
    with ExitStack() as failing:
        first = failing.enter_context(_unbound(family))
        first.bind(address)  # before it may share: see above
        sockets, division, why = [first], Division.STEERED, ""
        try:
            set_option(first, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            division, why = Division.SHARED, f"SO_REUSEPORT: {error.strerror}"
        while division is not Division.SHARED and len(sockets) < workers:
            sockets.append(failing.enter_context(_unbound(family)))
            set_option(sockets[-1], socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sockets[-1].bind(first.getsockname())
        first.listen(backlog)  # from now on there is a group
        if division is Division.STEERED:
            try:
                _attach(first, workers, set_option)
            except OSError as error:
                division, why = Division.SPREAD, f"SO_ATTACH_REUSEPORT_CBPF: {error.strerror}"
        for other in sockets[1:]:
            other.listen(backlog)
        failing.pop_all()
    return PortGroup(sockets=tuple(sockets), division=division, why=why)


def adopt(reactor: IReactorSocket, descriptor: int, factory: IProtocolFactory) -> IListeningPort:
    """Accept at a listening socket that this process was given. `descriptor`: closed here, for the port has a copy. When the port
    stops, the socket goes on listening for whoever opened it. Raises OSError for what is no socket, and leaves that open."""
    with socket.socket(fileno=descriptor) as given:  # its family is found out, not assumed
        given.setblocking(False)
        return reactor.adoptStreamPort(given.fileno(), given.family, factory)  # type: ignore[arg-type]  # it asks no more


def let_go(port: IListeningPort) -> "Deferred[None]":
    """Accept nobody more. The socket goes on listening for whoever has a copy, also where the port has opened it: Twisted's would
    end it for all with shutdown(2). Fires when it is closed here."""
    port._shouldShutdown = False  # type: ignore[attr-defined]
    return port.stopListening() or succeed(None)


def _unbound(family: int) -> socket.socket:
    """As Twisted's ports: connections that a server before us has left do not keep us from listening."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _address_of(host: str, port: int) -> tuple[int, Any]:
    """Family and address to bind, as Twisted finds them: by what `host` looks like. A zone becomes a number. Raises OSError."""
    if not isIPv6Address(host):
        return socket.AF_INET, (host, port)
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return socket.AF_INET6, socket.getaddrinfo(host, port, flags=numeric)[0][4]


def _attach(opened: socket.socket, workers: int, set_option: SetOption) -> None:
    """Have the kernel ask the program about the group of `opened`, in place of the one before. Raises OSError."""
    steps = array("B", program(workers))
    address, octets = steps.buffer_info()
    # struct sock_fprog. The kernel copies the steps before this returns.
    set_option(opened, socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, struct.pack("HP", octets // _STEP, address))
