"""The server's side of the agent: how it is started, and a `ports.Disk` for each system user that asks it.

Octets are written and synced here, to descriptors that the agent sends; what takes a path is asked of it. See `agent` for
the requests and docs/delivery-as-user.md for the picture. Called from the writer thread alone, but for start and stop.

BUGS: when the agent has ended, nobody can start another, for nobody is root any more: mail for system users is answered
451 until the server is restarted. A peer that hears 451 will come again.
"""

import contextlib
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import attrs
from twisted.logger import Logger

from twistedmx.delivery.agent import LONGEST, READY, check_maildirs
from twistedmx.delivery.aio import Syncs
from twistedmx.delivery.disk import OpenFiles
from twistedmx.delivery.filesystem import POSIX, Kept, kept_by
from twistedmx.delivery.rights import check_least_uid
from twistedmx.linux import MSG_CMSG_CLOEXEC
from twistedmx.ports import Disk, File

# Neither the folder it is started in nor the environment has a say in what root runs, nor do the .pth files of
# site-packages: -I and -S. The package is found by its place, the standard library first.
PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from twistedmx.delivery.agent import main; main(sys.argv[1:])"
_PACKAGES = str(Path(__file__).resolve().parents[2])
_BEGINS_WITHIN = 30.0  # seconds; it takes some hundredths
_ENDS_WITHIN = 2.0  # seconds; a home that hangs must not hold up the end of the server


def start_agent(*, least_uid: int, maildirs: Sequence[str] = ("Maildir",), program: str = PROGRAM) -> "Agent":
    """Start the process, while we are root. Raises OSError, and ValueError with words for the operator.

    `least_uid`, `maildirs`: whose mail it writes, and where in their homes. `program`: for tests, which have users
    of their own.
    """
    check_least_uid(least_uid)
    check_maildirs(maildirs)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with its:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and program
                [sys.executable, "-I", "-S", "-B", "-c", program, _PACKAGES, str(least_uid), *maildirs],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
            )
        ours.settimeout(_BEGINS_WITHIN)
        if ours.recv(len(READY)) != READY:
            process.wait(_ENDS_WITHIN)
            raise ConnectionError(f"the agent ended at its start, with status {process.returncode}")
        ours.settimeout(None)
    except BaseException:
        ours.close()
        raise
    return Agent(ours, process)


def take_up_agent(peer: socket.socket, chance: Random) -> "Agent":
    """Ask on over a socket whose other end is an agent's: who asked before may have died before he was answered. Nothing that was
    on its way to him is left. Where the agent does not answer it is gone, as one that ends later. `chance`: makes a word of its
    own."""
    agent = Agent(peer)
    agent.begin_anew(f"anew\0{chance.getrandbits(128):032x}".encode())
    return agent


class Agent:
    """`peer`: the socket. `process`: what is at its other end, where it is a process of ours."""

    _log = Logger()

    def __init__(self, peer: socket.socket, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self._peer = peer
        self._process = process
        self._gone = ""
        self._devices: dict[int, Kept] = {}
        self.syncs = Syncs()

    def kept_by(self, device: int) -> Kept:
        """What the file system there keeps. There are as many as disks of users."""
        if device not in self._devices:
            self._devices[device] = kept_by(device)
        return self._devices[device]

    @property
    def peer(self) -> socket.socket:
        """Ours: for another process that is to ask in our place."""
        return self._peer

    def disk(self, owner: str) -> "AgentDisk":
        """The disk as this system user has it. Whether there is such a user its calls will say."""
        return AgentDisk(agent=self, owner=owner)

    def begin_anew(self, word: bytes) -> None:
        """Pass over all that comes before the answer to this `agent.ANEW`."""
        self._peer.settimeout(_BEGINS_WITHIN)
        packet = b""
        try:
            self._peer.send(word)
            while packet != word:
                packet, received, _, _ = socket.recv_fds(self._peer, LONGEST, 4, MSG_CMSG_CLOEXEC)
                for descriptor in received:
                    os.close(descriptor)
                if not packet:
                    raise ConnectionError("closed its socket")
            self._peer.settimeout(None)
        except OSError as error:
            self._lost(error)

    def stop(self) -> None:
        """Let it end, and wait for that a moment. After the writer has: no call may be under way."""
        self._peer.close()
        self._gone = self._gone or "was stopped"
        if self._process is not None:
            # It is root's, and not ours to kill: it ends because the socket is closed.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDS_WITHIN)

    def ask(self, call: str, owner: str, path: str, word: str = "", descriptor: int = -1) -> tuple[list[str], int]:
        """The fields of the answer and the descriptor that came with it, -1 for none. Raises OSError."""
        if self._gone:
            raise ConnectionError(f"the agent that delivers as system users {self._gone}")
        request = os.fsencode("\0".join((call, owner, path, word)))
        if len(request) > LONGEST:
            raise OSError(errno.ENAMETOOLONG, f"as {owner}: {os.strerror(errno.ENAMETOOLONG)}")
        try:
            socket.send_fds(self._peer, [request], [descriptor] if descriptor >= 0 else [])
            packet, received, _, _ = socket.recv_fds(self._peer, LONGEST, 1, MSG_CMSG_CLOEXEC)
            if not packet:
                raise ConnectionError("closed its socket")
        except OSError as error:
            self._lost(error)
            raise
        number, *fields = os.fsdecode(packet).split("\0")
        if number != "0":
            raise OSError(int(number), f"as {owner}: {fields[0]}", path)
        return fields, received[0] if received else -1

    def _lost(self, error: OSError) -> None:
        self._gone = f"is gone ({error})"
        self._peer.close()
        self._log.error(
            "The agent that delivers as system users is gone ({error}): mail for them is answered 451 from now on, other mail "
            "is taken. Restart the server: without root it cannot start another.",
            error=error,
        )


@attrs.frozen(kw_only=True)
class AgentDisk(OpenFiles, Disk):
    """The `ports.Disk` of one system user."""

    agent: Agent
    owner: str

    @property
    def syncs(self) -> Syncs:
        """For all users' files the same."""
        return self.agent.syncs

    def make_directories(self, path: str, folders: Sequence[str] = ()) -> Sequence[str]:
        for directory in [f"{path}/{folder}" for folder in folders] or [path]:
            self.agent.ask("make", self.owner, directory)
        return ()

    def create(self, maildir: str, name: str) -> File:
        (temporary,), descriptor = self.agent.ask("begin", self.owner, maildir, name)
        if descriptor < 0:
            # The kernel drops one that we have no room for, and says nothing.
            if temporary:
                with contextlib.suppress(OSError):
                    self.remove(temporary)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), maildir)
        kept = POSIX if temporary else self.agent.kept_by(os.fstat(descriptor).st_dev)
        return File(
            descriptor=descriptor, temporary=temporary, name_with_file=kept.name_with_file, in_order=kept.in_order
        )

    def publish(self, file: File, path: str) -> None:
        self.agent.ask("give-name", self.owner, path, file.temporary, file.descriptor)

    def _open_directories(self, directories: Sequence[str]) -> tuple[dict[str, int], dict[str, OSError | None]]:
        return {}, {directory: self._try_to_sync(directory) for directory in directories}

    def _try_to_sync(self, directory: str) -> OSError | None:
        try:
            self.sync_directory(directory)
        except OSError as error:
            return error
        return None

    def sync_directory(self, path: str) -> None:
        self.agent.ask("sync", self.owner, path)

    def discard(self, file: File) -> None:
        with contextlib.suppress(OSError):
            os.close(file.descriptor)
        if file.temporary:
            with contextlib.suppress(OSError):
                self.remove(file.temporary)

    def remove(self, path: str) -> None:
        self.agent.ask("remove", self.owner, path)

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        """Some of them, if there are many."""
        names, _ = self.agent.ask("list-stale", self.owner, directory, str(int(older_than)))
        return [f"{directory}/{name}" for name in names]

    def free_octets(self, path: str) -> int:
        return int(self.agent.ask("free", self.owner, path)[0][0])

    def add_to_maildirsize(self, maildir: str, octets: int) -> bool:
        """As `tally.KeepsMaildirsize` says."""
        return self.agent.ask("count", self.owner, maildir, str(octets))[0] == ["yes"]
