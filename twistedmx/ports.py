"""The seams between the rooms: what one room needs of another, or of the machine, and the bag that carries it.

Each port has a fake in `twistedmx.testing` and a suite there that the fake and every real implementation pass.
"""

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

from twistedmx.model.context import Context
from twistedmx.model.event import Event
from twistedmx.model.login import Recognition
from twistedmx.model.mailbox import Lookup
from twistedmx.model.peer import Network
from twistedmx.model.storage import Copy, Outcome
from twistedmx.model.verdict import Verdict
from twistedmx.smtp.path import Path
from twistedmx.smtp.sasl import Credentials


class Mailboxes(Protocol):
    """Does this recipient exist?"""

    def refresh(self) -> None:
        """A connection begins: what was edited until now holds for it. Never waits, never raises."""

    def find(self, path: Path) -> Lookup | Awaitable[Lookup]:
        """Where mail for `path` goes. A Lookup at once where memory can answer, else an awaitable of one.

        `path`: a forward-path; POSTMASTER means the postmaster of the first own domain. An exception, now or
        later, means COULD_NOT_TELL. An awaitable may be cancelled.
        """

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        """Whether `find` would answer UNKNOWN at once for each of these, all of `domain`.

        Local parts are as `plain_path` takes them. False says nothing: then each has to be asked for. For the guesses of a
        flood, which come by fives (benchmarks, reject-580-pipelined); who cannot do better than `find` returns False. Never raises.
        """


class Passwords(Protocol):
    """Is the client who he says he is?"""

    def check(self, credentials: Credentials) -> Awaitable[Recognition]:
        """Whether these are a user's, and he may send mail. What is known of the session besides, whoever makes one was told.

        An exception, now or later, means CouldNotTell. An awaitable may be cancelled: nobody waits for it any more. `credentials`
        are kept no longer than it takes, and are in no log, in no word and in no environment of another process.
        """


class Policy(Protocol):
    """What decides at one or more stages, beside the fixed steps; named in the settings (docs/policies.md).

    One object serves all sessions, many at a time, and must hold no more than a bound of its own.
    """

    def decide(self, context: Context) -> Verdict | Awaitable[Verdict]:
        """What it says of `context`: a Verdict at once where memory can answer, else an awaitable of one, as `async def` gives.

        Raises nothing on purpose: an exception, now or later, is a check that could not be done, and so is an awaitable that
        takes longer than the settings allow. An awaitable is cancelled when it is not waited for any more.
        """


class Incoming(Protocol):
    """One message on its way to the disk. Calls come in the order write*, then commit or abort, once."""

    def write(self, block: bytes) -> Awaitable[None] | None:
        """Take a block of content (LF ends). An awaitable asks the caller to stop reading until it fires."""

    def commit(self) -> Awaitable[Outcome]:
        """All is written. Fires when every copy would survive a power cut, or none is there. Never fails."""

    def beginning(self) -> bytes:
        """The first octets of content, as many as `open` was told; fewer where it goes to disk in smaller pieces. Before abort,
        and after the outcome of commit as well. Never waits, never raises."""

    def abort(self) -> None:
        """Leave nothing behind. Never waits, never raises; harmless after commit and after abort."""


class Acceptance(Protocol):
    """Makes messages safe on disk before 250 is spoken."""

    def free_octets(self) -> int | None:
        """Room left where messages are written, as last measured; None when it could not be measured."""

    def open(self, copies: Sequence[Copy], beginning: int = 0) -> Incoming:
        """Begin a message with at least one copy. `beginning`: octets that may be asked for again, `Incoming.beginning`. Touches
        no disk, never raises."""


@attrs.frozen(kw_only=True)
class File:
    """A file being written. `descriptor`: to write to. `temporary`: its absolute path so far, "" while it has no name.

    `name_with_file`, `in_order`: what its file system keeps, as in `twistedmx.delivery.filesystem`. For the disk alone.
    """

    descriptor: int
    temporary: str
    name_with_file: bool = False
    in_order: bool = False


class Disk(Protocol):
    """The system calls of acceptance, so that a test can stand between any two.

    Paths are absolute. Every method raises OSError where the system call does; what it had begun may then be half done,
    and `discard` undoes it. `sync`, which takes many, answers for each instead: None, or the OSError.
    """

    def make_directories(self, path: str, folders: Sequence[str] = ()) -> Sequence[str]:
        """Make a directory, its missing parents, and `folders` in it, mode 0700, each synced into its parent.

        Existing ones are fine. Returns directories that were synced for it; there may be others.
        """

    def create(self, maildir: str, name: str) -> File:
        """A new file, mode 0600, for `maildir`/new: without a name where the file system can (O_TMPFILE), else tmp/`name`.

        Raises FileExistsError if a name is needed and taken, FileNotFoundError if the directory is missing.
        """

    def write(self, file: File, blocks: Sequence[bytes]) -> None:
        """Append all blocks, whole."""

    def copy(self, source: File, offset: int, target: File) -> None:
        """Append to `target` all octets of `source` from `offset` on."""

    def start_writeback(self, file: File) -> None:
        """Ask the kernel to begin writing. Promises nothing; an error is about octets that are lost."""

    def publish(self, file: File, path: str) -> None:
        """Give the file the name `path`, and take the temporary one away. Never replaces: raises FileExistsError.

        After any other error the name may be there. It survives a power cut only after `sync`.
        """

    def sync(
        self, files: Sequence[File], published: Sequence[tuple[File, str]]
    ) -> tuple[Sequence[OSError | None], Sequence[OSError | None]]:
        """Files, and names as they were given to `publish`, all at once.

        When this returns, no name that one of `files` is given from now on can survive a power cut without all of its octets;
        and each of `published` survives, name and file. Unless its answer is an error. `files` may be of any owner.
        """

    def sync_directory(self, path: str) -> None:
        """When this returns, the names in the directory survive a power cut."""

    def close(self, file: File) -> None:
        """Give the descriptor back; the names stay."""

    def discard(self, file: File) -> None:
        """Close, and remove the temporary name if there is one. Never raises.

        Not after `close`, nor twice: the number of the descriptor may be another's by then.
        """

    def remove(self, path: str) -> None:
        """Remove a name. A missing one is fine."""

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        """Absolute paths of the files in `directory` neither read nor changed for `older_than` seconds.

        A missing directory has none.
        """

    def free_octets(self, path: str) -> int:
        """What an unprivileged process may still write on the file system of `path`, or of its nearest parent there is."""


class Events(Protocol):
    """Where facts are told."""

    def tell(self, event: Event) -> None:
        """Never raises, never waits."""


PrefixOf = Callable[[str], Network | None]
"""The prefix in which an address is announced (RFC 4271), at once, from memory; None where that is not known."""


def no_prefix(address: str) -> Network | None:
    """Of nobody: as long as there is no routing data."""
    return None


@attrs.frozen(kw_only=True)
class Ports:
    """What a session is given of the world. Built in `service.py` alone.

    `clock`: timers and monotonic seconds. `now`: seconds since the epoch. `chance`: for names, never for secrets.
    """

    clock: IReactorTime
    now: Callable[[], float]
    chance: Random
    mailboxes: Mailboxes
    acceptance: Acceptance
    events: Events
