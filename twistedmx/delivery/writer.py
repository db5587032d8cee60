"""The one writer thread: what waits becomes a batch, its results return to the reactor's thread in one call.

There is no waiting for more: while one batch is being synced the next one gathers by itself, and a single session gets a
batch of its own at once. While the names of one wait for the disk, the next one is written (`commit`). One thread, because the
hand-over costs as much as the disk (benchmarks/commit.py), and because the order of a message's jobs is then simply the order
of the queue. What is done to a batch is `commit`'s.

BUGS: one thread: a Maildir on a disk that hangs (NFS without its server) holds up the mail for all others, and `stop`. A
message of many megabytes to a hundred mailboxes holds the others up while its copies are written. A thread that was never
started takes jobs and answers none until `start` or `stop`.
"""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.model.storage import Failed, NoSpace, Outcome

SHUTTING_DOWN = Failed(detail="shutting down")


class Spill(NamedTuple):
    """Write a part of the content now. `octets`: to be written. `told`: hears, in the reactor's thread, what has failed of
    the message so far."""

    draft: Draft
    blocks: Sequence[bytes]
    octets: int
    told: Callable[[NoSpace | Failed | None], None]


class Commit(NamedTuple):
    """Write the rest of the content and make the message safe. `octets`: to be written, copies counted. `told`: hears the
    outcome, in the reactor's thread."""

    draft: Draft
    blocks: Sequence[bytes]
    octets: int
    told: Callable[[Outcome], None]


class Discard(NamedTuple):
    """Leave nothing of a message that will have no Commit. Nobody is told."""

    draft: Draft


class Measure(NamedTuple):
    """Do nothing: the free space is measured after every batch, and this makes one."""


Job = Spill | Commit | Discard | Measure
# Who is to hear what.
_Results = list[tuple[Callable[[Any], None], Any]]

# A batch is full with these: who waits for a small message should not wait for many large ones. benchmarks/commit.py
_MOST_OCTETS: Final = 4_194_304
_MOST_COPIES: Final = 128  # each is an open file until the batch is done, and two are under way


class Writer:
    """`commit`: used in the thread alone. `measure`: called in the thread after every batch, may raise OSError.

    `call_in_reactor`: `reactor.callFromThread`. `most`: jobs a batch. All methods are for the reactor's thread.
    `free`: what `measure` said last, None if it could not. `owed`: how many wait to hear something.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        commit: GroupCommit,
        measure: Callable[[], int],
        call_in_reactor: Callable[..., None],
        most: int,
    ) -> None:
        self.free: int | None = None
        self.owed = 0
        self.stopping = False
        self._commit = commit
        self._measure = measure
        self._call_in_reactor = call_in_reactor
        self._most = most
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._ended = False
        self._waiting: list[Deferred[None]] = []
        # Who waits for the outcomes of those that are in the commit's hands. The thread's alone.
        self._under_way: dict[Draft, Callable[[Outcome], None]] = {}

    def start(self) -> None:
        """Begin. After daemonising: a thread does not survive a fork."""
        # A daemon thread: an interpreter that ends without `stop` must not hang on it; to us that is a power cut.
        self._thread = Thread(target=self._run, name="twistedmx writer", daemon=True)
        self._thread.start()
        self._jobs.put(Measure())

    def put(self, job: Job) -> bool:
        """Queue a job. False, and it is dropped, when we are stopping."""
        if self.stopping:
            return False
        if isinstance(job, Commit | Spill):
            self.owed += 1
        self._jobs.put(job)
        return True

    def stop(self) -> Deferred[None]:
        """Take no more jobs. Fires when all that were queued are done and told, and the thread has ended."""
        if self._ended:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if not self.stopping:
            self.stopping = True
            self._jobs.put(None)
            if self._thread is None:
                self._refuse_all()
        return waiting

    def _refuse_all(self) -> None:
        """Answer for the thread that never was."""
        results: _Results = []
        while (job := self._jobs.get()) is not None:
            if isinstance(job, Spill | Commit):
                results.append((job.told, SHUTTING_DOWN))
        self._tell(results)
        self._end()

    def _end(self) -> None:
        if self._thread is not None:
            self._thread.join()  # this call was its last act
        self._ended = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def _tell(self, results: _Results) -> None:
        self.owed -= len(results)
        for told, result in results:
            try:
                told(result)
            except Exception:
                # One listener's fault must not keep the others of the batch waiting for ever.
                self._log.failure("Telling the outcome of a message failed")

    def _run(self) -> None:
        """The thread."""
        going = True
        while going:
            jobs, going = self._next_batch()
            if jobs or self._commit.under_way:
                self._do(jobs)
        while self._commit.under_way:
            self._do(())
        self._commit.discard_all()
        self._call_in_reactor(self._end)

    def _next_batch(self) -> tuple[Sequence[Job], bool]:
        """What waits, or, where there is nothing and nothing is under way, what comes. Whether more may come."""
        jobs: list[Job] = []
        octets = copies = 0
        get = self._jobs.get_nowait if self._commit.under_way else self._jobs.get
        try:
            while (job := get()) is not None:
                jobs.append(job)
                get = self._jobs.get_nowait
                if isinstance(job, Commit):
                    octets += job.octets
                    copies += len(job.draft.copies)
                elif isinstance(job, Spill):
                    octets += job.octets
                if len(jobs) >= self._most or octets > _MOST_OCTETS or copies > _MOST_COPIES:
                    break
            else:
                return jobs, False
        except Empty:
            pass
        return jobs, True

    def _do(self, jobs: Sequence[Job]) -> None:
        results: _Results = []
        batch: list[tuple[Draft, Sequence[bytes]]] = []
        under_way = self._under_way
        try:
            for job in jobs:
                if isinstance(job, Commit):
                    under_way[job.draft] = job.told
                    batch.append((job.draft, job.blocks))
                elif isinstance(job, Spill):
                    if not job.draft.aborted:
                        self._commit.spill(job.draft, job.blocks)
                    results.append((job.told, job.draft.failure))
                elif isinstance(job, Discard):
                    self._commit.discard(job.draft)
            results += [(under_way.pop(draft), outcome) for draft, outcome in self._commit.advance(batch)]
        except Exception as error:
            # commit promises not to raise. Should it, nobody waits for ever, and nothing is promised.
            self._log.failure("A batch failed by a fault of ours")
            results = self._give_up(jobs, error)
        try:
            self.free = self._measure()
        except Exception:
            self.free = None  # "could not tell" is an answer, and no reason for the thread to die
        if results:
            self._call_in_reactor(self._tell, results)

    def _give_up(self, jobs: Sequence[Job], error: Exception) -> _Results:
        waiting: list[tuple[Draft, Callable[[Any], None]]] = list(self._under_way.items())
        self._under_way.clear()
        known = {draft for draft, _ in waiting}
        waiting += [
            (job.draft, job.told)
            for job in jobs
            if isinstance(job, Spill) or (isinstance(job, Commit) and job.draft not in known)
        ]
        for draft, _ in waiting:
            if draft.failure is None:
                self._commit.fail(draft, error)
        return [(told, draft.failure) for draft, told in waiting]
