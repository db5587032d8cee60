"""The door of delivery: messages of sessions become files that survive a power cut. The real `ports.Acceptance`.

Here is the side of the reactor's thread: what a session still holds in memory, when it has to stop reading, and when its
Deferreds fire. It touches no disk and never waits; `writer` does.

BUGS: `free_octets` looks at one file system; Maildirs may lie on others. A session that does not stop reading when
asked to is not stopped by us: its memory grows.
"""

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred, succeed

from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.delivery.maildir import Layout, Names
from twistedmx.delivery.owner_disks import nobody_else
from twistedmx.delivery.tally import Tally
from twistedmx.delivery.writer import SHUTTING_DOWN, Commit, Discard, Measure, Spill, Writer
from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome
from twistedmx.ports import Disk, Incoming
from twistedmx.setting import at_least, setting

_MEASURED_AGAIN = 5.0  # seconds: a statvfs is cheap, but it would make a batch of its own for every MAIL
# A peer that sends octet by octet must not make us hold an object, forty times as large, for each.
_MOST_BLOCKS = 512
# Freed in one piece at the start, octets. glibc then keeps twice as much, where it would give back to the kernel what one read of a
# message needs, after each, and ask for it again: a fault for each page (mallopt(3), M_MMAP_THRESHOLD; benchmarks, big).
_FREED_ONCE = 1_048_576
_ABORTED = Failed(detail="given up by the session")


@attrs.frozen(kw_only=True)
class Writing:
    """Settings `[writing]`. None of them shrinks under load yet."""

    spill: int = setting(
        262_144,
        unit="octets",
        why="A message stays in memory up to here; beyond, it goes to its file in pieces of this size while it arrives.",
        precedent="sendmail DataFileBufferSize, 4096",
        validator=at_least(1),
        restart=True,
    )
    unwritten: int = setting(
        1_048_576,
        unit="octets",
        why="More of one message waiting for the disk than this stops reading from its peer until it is written.",
        precedent="Twisted transports stop their producer at 64 KiB",
        validator=at_least(1),
        restart=True,
    )
    batch: int = setting(
        64,
        unit="jobs",
        why="So many messages, or pieces of long ones, are made safe together; more raises the wait of each, hardly the rate.",
        precedent="group commit as in PostgreSQL; benchmarks/commit.py for the number",
        validator=at_least(1),
        restart=True,
    )


class Seconds(Protocol):
    """What we need of a clock."""

    def seconds(self) -> float:
        """Monotonic seconds."""


class Arrival:
    """One message on its way: a `ports.Incoming`. `beginning`: as in `Acceptance.open`."""

    __slots__ = (
        "_blocks",
        "_draft",
        "_ended",
        "_failure",
        "_first",
        "_held",
        "_octets",
        "_queued",
        "_spilt",
        "_stopped",
        "_wanted",
        "_writer",
        "_writing",
    )

    def __init__(self, *, copies: Sequence[Copy], writer: Writer, writing: Writing, beginning: int = 0) -> None:
        self._wanted = beginning
        self._first = b""  # so many octets of what has spilt
        self._draft = Draft(copies)
        self._writer = writer
        self._writing = writing
        self._blocks: list[bytes] = []
        self._held = 0
        self._octets = 0  # of content, spilt so far
        self._queued: list[int] = []  # octets of each piece that waits for the thread, in order
        self._stopped: list[Deferred[None]] = []
        self._spilt = False
        self._failure: NoSpace | Failed | None = None
        self._ended = False

    @property
    def octets_in_memory(self) -> int:
        """Of content: held here, and waiting for the thread."""
        return self._held + sum(self._queued)

    def write(self, block: bytes) -> Awaitable[None] | None:
        if self._failure is not None or self._ended:
            return None
        self._blocks.append(block)
        self._held += len(block)
        if len(self._blocks) > _MOST_BLOCKS:
            self._blocks = [b"".join(self._blocks)]
        if self._held < self._writing.spill:
            return None
        blocks, self._blocks = self._blocks, []
        octets, self._held = self._held, 0
        if not self._writer.put(Spill(draft=self._draft, blocks=blocks, octets=octets, told=self._spilled)):
            self._failure = SHUTTING_DOWN
            return None
        if not self._spilt:
            self._first = _beginning_of(blocks, self._wanted)
        self._spilt = True
        self._octets += octets
        self._queued.append(octets)
        if sum(self._queued) <= self._writing.unwritten:
            return None
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        return stopped

    def _spilled(self, failure: NoSpace | Failed | None) -> None:
        del self._queued[0]
        if failure is not None:
            self._failure = failure
            self._blocks, self._held = [], 0
        if sum(self._queued) <= self._writing.unwritten:
            stopped, self._stopped = self._stopped, []
            for deferred in stopped:
                deferred.callback(None)

    def commit(self) -> Awaitable[Outcome]:
        if self._ended:
            return succeed(_ABORTED)
        self._ended = True
        blocks = self._blocks  # kept for `beginning`, should the disk refuse them
        octets, self._held = self._held, 0
        if self._failure is not None:
            return succeed(self._failure)
        told: Deferred[Outcome] = Deferred()
        draft = self._draft
        octets += (self._octets + octets) * (len(draft.copies) - 1)
        if not self._writer.put(Commit(draft=draft, blocks=blocks, octets=octets, told=told.callback)):
            return succeed(SHUTTING_DOWN)
        return told

    def beginning(self) -> bytes:
        return self._first if self._spilt else _beginning_of(self._blocks, self._wanted)

    def abort(self) -> None:
        self._draft.aborted = True  # stops what is queued; what is in a batch goes on
        self._blocks, self._held = [], 0
        if self._ended:
            return
        self._ended = True
        if self._spilt:
            self._writer.put(Discard(draft=self._draft))


def _beginning_of(blocks: Sequence[bytes], octets: int) -> bytes:
    """So many at most. Of one short block it is the block."""
    first: list[bytes] = []
    for block in blocks:
        if octets <= 0:
            break
        first.append(block[:octets])
        octets -= len(block)
    return b"".join(first)


class MaildirAcceptance:
    """`disk`: for the server's own files, in the writer thread alone. `disk_of`: the disk of a system user, the same;
    `OwnerDisks.disk_of`. `clock`: `IReactorTime`. `now`: seconds since the epoch. `pid`: `os.getpid`. `host`: for file
    names. `directory`: whose file system `free_octets` tells of; it need not be there yet. `call_in_reactor`:
    `reactor.callFromThread`.
    """

    def __init__(
        self,
        *,
        writing: Writing,
        disk: Disk,
        clock: Seconds,
        now: Callable[[], float],
        chance: Random,
        host: str,
        pid: Callable[[], int],
        directory: str,
        call_in_reactor: Callable[..., None],
        disk_of: Callable[[str], Disk] = nobody_else,
    ) -> None:
        self._writing = writing
        self._clock = clock
        self._asked = clock.seconds()
        self._writer = Writer(
            commit=GroupCommit(
                disk=disk,
                disk_of=disk_of,
                layout=Layout(now=now),
                tally=Tally(now=now),
                names=Names(now=now, chance=chance, host=host, pid=pid),
            ),
            measure=lambda: disk.free_octets(directory),
            call_in_reactor=call_in_reactor,
            most=writing.batch,
        )

    def start(self) -> None:
        """Begin to write. After daemonising."""
        bytes(_FREED_ONCE)
        self._writer.start()

    def stop(self) -> Deferred[None]:
        """Take no more. Fires when all that was committed before has its outcome and the thread has ended."""
        return self._writer.stop()

    @property
    def is_busy(self) -> bool:
        """Whether something is being written, or waits to be."""
        return self._writer.owed > 0

    def free_octets(self) -> int | None:
        if self._clock.seconds() - self._asked >= _MEASURED_AGAIN:
            self._asked = self._clock.seconds()
            self._writer.put(Measure())
        return self._writer.free

    def open(self, copies: Sequence[Copy], beginning: int = 0) -> Incoming:
        return Arrival(copies=copies, writer=self._writer, writing=self._writing, beginning=beginning)
