"""Mailboxes from a file that an operator writes, in text or (by the suffix .toml) in TOML. An edit is live at once.

At each connection `refresh` asks the file system whether the file is another one. When it is, it is read and checked
off the reactor's thread; until then look-ups wait, so that whoever connects after an edit meets the edit. A version
that cannot be used is told once, and the last good one stays.

What it does not: write, or lock. BUGS: a file that is edited in place is read as it stands, perhaps half written; write
a new one and rename it. Two edits within one tick of the kernel's clock (10 ms at most), in place and of equal length,
are one. The file system of the table should be local: `refresh` waits for its answer to one stat.
"""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from twistedmx.mailbox.draft import Draft
from twistedmx.mailbox.faults import BadTable
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.snapshot import Snapshot
from twistedmx.mailbox.table_text import read_text
from twistedmx.mailbox.table_toml import read_toml
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.model.event import MailboxesKept, MailboxesLoaded
from twistedmx.model.mailbox import NOT_OURS, Lookup, Outcome
from twistedmx.ports import Events
from twistedmx.smtp.path import Path

# mtime and ctime in nanoseconds, size, inode; or the errno alone of a file that cannot be read.
Version = tuple[int, ...]
Reading = Callable[[], Snapshot]

_READERS: Final = {".toml": read_toml}
_NO_RULES: Final = Rules()


def read_table(source: str, octets: bytes, template: MaildirTemplate, rules: Rules = _NO_RULES) -> Snapshot:
    """The table in `octets`. `source`: the file's name, whose suffix tells the format. Raises BadTable."""
    draft = Draft(source, template, rules)
    _READERS.get(os.path.splitext(source)[1], read_text)(octets, draft)
    return draft.finish()


class TableMailboxes:
    """A `Backend` on one file.

    `path`: of the table. `maildirs`: where a mailbox has its Maildir, "/srv/mail/{domain}/{local}"; ValueError if that
    cannot be used. `run_in_thread`: calls off the reactor's thread, as `twisted.internet.threads.deferToThread` does.
    `now`: seconds since the epoch. `rules`: what holds beside the entries. Until something has been read, every look-up
    ends in COULD_NOT_TELL.
    """

    name = "mailboxes.table"

    def __init__(
        self,
        *,
        path: str,
        maildirs: str,
        run_in_thread: Callable[[Reading], Deferred[Snapshot]],
        now: Callable[[], float],
        events: Events,
        rules: Rules = _NO_RULES,
    ) -> None:
        self._path = path
        self._template = MaildirTemplate(text=maildirs)
        self._run_in_thread = run_in_thread
        self._now = now
        self._events = events
        self._rules = rules
        self._find: Callable[[Path], Lookup] = self._find_nothing
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0
        self._version: Version = ()  # the newest one seen: read, being read, or waiting for its turn
        self._told: tuple[Version, str] | None = None  # the fault that was told last
        # Who waits for the read under way, and for the one after it; None when there is none.
        self._waiting: list[_Waiting] | None = None
        self._waiting_for_next: list[_Waiting] | None = None

    def load(self) -> None:
        """Read the table now, before there are connections. Raises BadTable and OSError, for the operator to read."""
        began, version = self._now(), self._version_on_disk()
        snapshot = self._read()
        self._version = version
        self._adopt(snapshot, began)

    def refresh(self) -> None:
        version = self._version_on_disk()
        if version == self._version:
            return
        self._version = version
        if self._waiting is None:
            self._begin([])
        elif self._waiting_for_next is None:  # edited again since the read under way began
            self._waiting_for_next = []

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        waiting = self._waiting if self._waiting_for_next is None else self._waiting_for_next
        if waiting is None:
            return self._find(path)
        # One Deferred for each: cancelling it leaves the read and all others alone.
        answer: Deferred[Lookup] = Deferred()
        waiting.append((path, answer))
        return answer

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        return self._waiting is None and self._snapshot is not None and self._snapshot.none_of(addresses, domain)

    def has(self, path: Path) -> bool:
        """Is it the table that answers for `path`? As it was read last; waits for nothing."""
        return self._find(path) is not NOT_OURS

    def domains(self) -> Sequence[bytes]:
        return () if self._snapshot is None else tuple(self._snapshot.domains)

    def state(self) -> str:
        if self._snapshot is None:
            return f"{self._path} has never been read"
        at = datetime.fromtimestamp(self._read_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        entries = "1 entry" if self._snapshot.addresses == 1 else f"{self._snapshot.addresses} entries"
        state = f"{self._path}: {entries}, read {at}"
        return state if self._told is None else f"{state}; kept, the file is at fault: {self._told[1].splitlines()[0]}"

    def close(self) -> None:
        """Nothing is held open; who waits for a reading gets its answer still."""

    def _version_on_disk(self) -> Version:
        try:
            status = os.stat(self._path)
        except OSError as error:
            return (error.errno or 0,)
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino

    def _read(self) -> Snapshot:
        with open(self._path, "rb") as file:
            octets = file.read()
        return read_table(self._path, octets, self._template, self._rules)

    def _begin(self, waiting: "list[_Waiting]") -> None:
        # The version was taken before the file is read: what is edited meanwhile is a new one at the next refresh.
        self._waiting = waiting
        began, version = self._now(), self._version
        reading = maybeDeferred(self._run_in_thread, self._read)
        told = reading.addCallbacks(self._adopt, self._keep, callbackArgs=(began,), errbackArgs=(version,))
        told.addBoth(self._end)

    def _adopt(self, snapshot: Snapshot, began: float) -> None:
        self._find = snapshot.find
        self._snapshot = snapshot
        self._told = None
        self._read_at = now = self._now()
        self._events.tell(MailboxesLoaded(at=now, source=self._path, addresses=snapshot.addresses, seconds=now - began))

    def _keep(self, failure: Failure, version: Version) -> None:
        error = failure.value
        if isinstance(error, BadTable):
            fault = str(error)
        elif isinstance(error, OSError):
            fault = f"{self._path}: {error.strerror or error}"
            if self._version == version:
                # Perhaps only file descriptors ran out: to be tried again while the file can be asked.
                self._version = (error.errno or 0,)
        else:
            fault = f"{self._path}: reading it failed, which is a fault of ours: {error!r}"
        if self._told != (version, fault):
            self._told = (version, fault)
            self._events.tell(MailboxesKept(at=self._now(), source=self._path, fault=fault))

    def _end(self, result: Failure | None) -> Failure | None:
        waited = self._waiting or []
        waiting = self._waiting_for_next
        self._waiting = self._waiting_for_next = None
        if waiting is not None:
            self._begin(waiting)
        for path, answer in waited:
            answer.callback(self._find(path))
        return result

    def _find_nothing(self, path: Path) -> Lookup:
        return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"{self._path} has never been read")


_Waiting = tuple[Path, Deferred[Lookup]]
