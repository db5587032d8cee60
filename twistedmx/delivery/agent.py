"""The process that keeps root when the server gives it up: it writes in the Maildirs of system users, as these users.

A server that runs as a user of its own cannot make another user's files. Before it sheds root it starts this (see
`agent_disk`), and asks over the one socket they share for the few system calls that need the owner's rights. Descriptors of
new files go back over the socket, so that all octets of mail pass by here. The peer is not trusted: what is not in this
table is refused, and of users there are only those whom `rights` lets through.

| request    | path                        | word             | answer                                  |
|------------|-----------------------------|------------------|-----------------------------------------|
| make       | a folder                    |                  |                                         |
| begin      | a Maildir                   | name of our form | temporary path or nothing; a descriptor |
| give-name  | in `new`, name of our form  | temporary path   | (takes the descriptor of the file)      |
| sync       | a folder or a parent        |                  |                                         |
| remove     | made here, or stale in `tmp`|                  |                                         |
| list-stale | a folder's `tmp`            | seconds          | names                                   |
| free       | a folder                    |                  | octets                                  |
| count      | a Maildir                   | octets           | "yes", or "no": it has no `maildirsize` |

Who takes up a socket that another has asked over, and died, says `ANEW` and a word that nobody has said before. It comes back as it
is, behind all answers that are still on their way to the other.

A packet is one request: its fields call, user, path and word between NULs. The answer is an errno, 0 for none, and fields or
words for the operator. A folder is `tmp`, `new` or `cur` in a Maildir that was named at the start, in the user's home.

It ends when the socket is closed, not on a signal: the server has mail to finish after a signal. Imports the standard
library alone, for it is started with nothing else on its path.

BUGS: one request at a time, as the writer thread asks them: a home that hangs (NFS) holds up all. A peer that turned
against us can write to the users whatever it likes, fill their disk, and take back the last thousands of its own messages.
"""

import os
import pwd
import re
import signal
import socket
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

from twistedmx.delivery.paths import Paths
from twistedmx.delivery.rights import Owner, Owners, Refused, acting_as, keep_only_becoming_users

READY = b"ready"
ANEW = re.compile(rb"anew\0[0-9a-f]{32}")
LONGEST = 16_384  # octets of a request, and of an answer
STALE = 36 * 3600  # seconds; the Maildir page lets anybody remove such files in tmp
_MOST_NAMES = 60  # of 255 octets each in one answer
_MADE = 4096  # paths that may be taken back; a batch makes some hundreds

# As maildir.Names makes them.
_NAME = re.compile(r"[0-9]{1,12}\.M[0-9]{6}P[0-9]{1,10}Q[0-9]{1,20}R[0-9a-f]{16}\.[!-.0-~]{1,128}(,S=[0-9]{1,20})?")
_USER = re.compile(r"[!-.0-9;-~][ -.0-9;-~]{0,254}")  # printable ASCII without "/" and ":"
_NUMBER = re.compile(r"[0-9]{1,15}")


class Request(NamedTuple):
    """One packet, read."""

    call: str
    user: str
    path: str
    word: str


def parse(packet: bytes) -> Request:
    """Raises Refused."""
    if len(packet) > LONGEST:
        raise Refused("a request is too long")
    fields = os.fsdecode(packet).split("\0")
    if len(fields) != 4:
        raise Refused(f"a request has 4 fields, not {len(fields)}")
    request = Request(*fields)
    if not _USER.fullmatch(request.user):
        raise Refused("no system user has such a name")
    return request


class Answer(NamedTuple):
    """`descriptor`: goes with it; -1 is none."""

    fields: Sequence[str] = ()
    descriptor: int = -1


def check_maildirs(maildirs: Sequence[str]) -> None:
    """Raises ValueError, with words for the operator."""
    for maildir in maildirs:
        if "\0" in maildir or any(part in ("", ".", "..") for part in maildir.split("/")):
            raise ValueError(f"{maildir!r} is no path from a home to a Maildir in it; write for example Maildir")


class Agent:
    """`find`: as `rights.Owners.find`. `maildirs`: of Maildirs, each relative to any user's home. `acting_as`: see `rights`.

    `made`: what was made here and may be taken back.
    """

    def __init__(
        self,
        *,
        find: Callable[[str], Owner],
        paths: Paths,
        maildirs: Sequence[str],
        acting_as: Callable[[Owner], AbstractContextManager[None]] = acting_as,
    ) -> None:
        check_maildirs(maildirs)
        self._find = find
        self._paths = paths
        self._maildirs = tuple(maildirs)
        self._acting_as = acting_as
        self._made: dict[str, None] = {}
        self._calls: Mapping[str, Callable[[Owner, Request, int], Answer]] = {
            "make": self._make,
            "begin": self._begin,
            "give-name": self._give_name,
            "sync": self._sync,
            "remove": self._remove,
            "list-stale": self._list_stale,
            "free": self._free,
            "count": self._count,
        }

    def serve(self, peer: socket.socket) -> None:
        """Answer until the peer closes the socket. `peer`: SOCK_SEQPACKET."""
        while True:
            try:
                packet, received, _, _ = socket.recv_fds(peer, LONGEST + 1, 4)
                if not packet:
                    return
                answer, begun = self.answer(packet, received[0] if received else -1)
            except ConnectionError:
                return
            try:
                socket.send_fds(peer, [answer], [begun] if begun >= 0 else [])
            except ConnectionError:
                return
            finally:
                for descriptor in (*received, begun):
                    if descriptor >= 0:
                        os.close(descriptor)

    def answer(self, packet: bytes, received: int) -> tuple[bytes, int]:
        """The answer to a packet, and the descriptor that goes with it. `received`: the one that came; -1 is none."""
        if ANEW.fullmatch(packet):
            return packet, -1
        try:
            request = parse(packet)
            call = self._calls.get(request.call)
            if call is None:
                raise Refused("no such request")
            owner = self._find(request.user)
            with self._acting_as(owner):
                fields, begun = call(owner, request, received)
        except OSError as error:
            return os.fsencode(f"{error.errno or 5}\0{error.strerror or error}"[:1000]), -1
        return b"\0".join(map(os.fsencode, ("0", *fields))), begun

    # What may be named. Nothing is put together of a request's words but names at the end of a folder of ours.

    def _maildirs_of(self, owner: Owner) -> list[str]:
        return [os.path.join(owner.home, maildir) for maildir in self._maildirs]

    def _folder(self, owner: Owner, path: str, kinds: Sequence[str]) -> str:
        """`path`, which is one of these folders of one of the owner's Maildirs."""
        maildir, _, kind = path.rpartition("/")
        if kind not in kinds or maildir not in self._maildirs_of(owner):
            raise Refused(f"not {' or '.join(kinds)} in {' or '.join(self._maildirs)} in the home of {owner.name}")
        return path

    def _named(self, owner: Owner, path: str, kind: str, form: re.Pattern[str] | None = _NAME) -> str:
        """`path`, which is a name in such a folder."""
        folder, _, name = path.rpartition("/")
        self._folder(owner, folder, (kind,))
        if name in ("", ".", "..") or (form is not None and not form.fullmatch(name)):
            raise Refused("not a file name that twistedmx makes")
        return path

    def _remember(self, path: str) -> None:
        if len(self._made) >= _MADE:
            del self._made[next(iter(self._made))]
        self._made[path] = None

    # The calls, with the owner's rights.

    def _make(self, owner: Owner, request: Request, received: int) -> Answer:
        folder = self._folder(owner, request.path, ("tmp", "new", "cur"))
        self._paths.look(owner.home)  # a home that is missing is not made: its disk may not be mounted yet
        self._paths.make_directories(folder)
        return Answer()

    def _begin(self, owner: Owner, request: Request, received: int) -> Answer:
        path = self._named(owner, f"{request.path}/tmp/{request.word}", "tmp")  # noqa: S108  # of a Maildir
        descriptor, temporary, _ = self._paths.begin(request.path, request.word)
        if temporary:
            self._remember(path)
        return Answer((temporary,), descriptor)

    def _give_name(self, owner: Owner, request: Request, received: int) -> Answer:
        path = self._named(owner, request.path, "new")
        temporary = request.word and self._named(owner, request.word, "tmp")
        if received < 0:
            raise Refused("the descriptor of the file is missing")
        # The file that the peer has in its hands, and no other of the user's: nameless, or the one in tmp.
        file = os.fstat(received)
        begun = os.lstat(temporary) if temporary else None
        if (
            not stat.S_ISREG(file.st_mode)
            or file.st_uid != owner.uid
            or (file.st_nlink != 0 if begun is None else not os.path.samestat(file, begun))
        ):
            raise Refused(f"not a new file of {owner.name}")
        self._paths.give_name(received, temporary, path)
        self._made.pop(temporary, None)
        self._remember(path)
        return Answer()

    def _sync(self, owner: Owner, request: Request, received: int) -> Answer:
        for maildir in self._maildirs_of(owner):
            within = (maildir, *(f"{maildir}/{kind}" for kind in ("tmp", "new", "cur")))
            above = f"{maildir}/".startswith(f"{request.path}/") and len(request.path) >= len(owner.home.rstrip("/"))
            if above or request.path in within:
                self._paths.sync_directory(request.path)
                return Answer()
        raise Refused(f"not a folder of the mail of {owner.name}")

    def _remove(self, owner: Owner, request: Request, received: int) -> Answer:
        in_tmp = os.path.basename(os.path.dirname(request.path)) == "tmp"
        path = self._named(owner, request.path, "tmp" if in_tmp else "new", None if in_tmp else _NAME)
        ours = path in self._made or (in_tmp and self._paths.is_stale(path, STALE))
        if not ours and os.path.lexists(path):
            raise Refused("neither made here lately nor left behind in tmp")
        self._paths.remove(path)
        self._made.pop(path, None)
        return Answer()

    def _list_stale(self, owner: Owner, request: Request, received: int) -> Answer:
        folder = self._folder(owner, request.path, ("tmp",))
        paths = self._paths.list_stale(folder, max(STALE, _number(request.word)))
        return Answer([os.path.basename(path) for path in paths[:_MOST_NAMES]])  # the others another day

    def _free(self, owner: Owner, request: Request, received: int) -> Answer:
        folder = self._folder(owner, request.path, ("tmp", "new", "cur"))
        return Answer((str(self._paths.free_octets(folder)),))

    def _count(self, owner: Owner, request: Request, received: int) -> Answer:
        if request.path not in self._maildirs_of(owner):
            raise Refused(f"not a Maildir of {owner.name}")
        return Answer(("yes" if self._paths.add_to_maildirsize(request.path, _number(request.word)) else "no",))


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise Refused("not a number")
    return int(word)


def main(arguments: Sequence[str], *, look_up: Callable[[str], pwd.struct_passwd] = pwd.getpwnam) -> None:
    """Serve the socket that is standard input, until it is closed. `arguments`: least uid, then the paths of Maildirs.

    Says READY on it first, when all is as it should be.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    try:
        os.setgroups([])
        keep_only_becoming_users()
    except OSError as error:
        raise SystemExit(
            f"twistedmx agent: {error.strerror}: it must be started as root, with CAP_SETUID and CAP_SETGID"
        ) from None
    # The clock is asked here, where a process begins, and given from here on.
    seconds = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    agent = Agent(
        find=Owners(least_uid=int(arguments[0]), seconds=seconds, look_up=look_up).find,
        paths=Paths(now=partial(time.clock_gettime, time.CLOCK_REALTIME)),
        maildirs=arguments[1:],
    )
    peer = socket.socket(fileno=0)
    peer.send(READY)
    agent.serve(peer)
