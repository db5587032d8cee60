"""The one writer thread: what waits becomes a batch, its results return to the reactor's thread in one call.

There is no waiting for more: while one batch is being synced the next one gathers by itself, and a single session gets a
batch of its own at once. One thread, because the hand-over costs as much as the disk (benchmarks/commit.py), and
because the order of a message's jobs is then simply the order of the queue. What is done to a batch is `commit`'s.

BUGS: one thread: a Maildir on a disk that hangs (NFS without its server) holds up the mail for all others, and `stop`. A
message of many megabytes to a hundred mailboxes holds the others up while its copies are written. A thread that was never
started takes jobs and answers none until `start` or `stop`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.model.storage import Failed, NoSpace, Outcome

SHUTTING_DOWN = Failed(detail="shutting down")


@attrs.frozen(kw_only=True)
class Spill:
    """Write a part of the content now. `told`: hears, in the reactor's thread, what has failed of the message so far."""

    draft: Draft
    blocks: Sequence[bytes]
    told: Callable[[NoSpace | Failed | None], None]


@attrs.frozen(kw_only=True)
class Commit:
    """Write the rest of the content and make the message safe. `told`: hears the outcome, in the reactor's thread."""

    draft: Draft
    blocks: Sequence[bytes]
    told: Callable[[Outcome], None]


@attrs.frozen(kw_only=True)
class Discard:
    """Leave nothing of a message that will have no Commit. Nobody is told."""

    draft: Draft


@attrs.frozen(kw_only=True)
class Measure:
    """Do nothing: the free space is measured after every batch, and this makes one."""


Job = Spill | Commit | Discard | Measure


# A batch is full with these: who waits for a small message should not wait for many large ones. benchmarks/commit.py
_MOST_OCTETS: Final = 4_194_304
_MOST_COPIES: Final = 256  # each is an open file until the batch is done


def _octets_to_write(job: Job) -> int:
    """How much of it is not on the disk yet, copies counted."""
    if isinstance(job, Spill):
        return sum(map(len, job.blocks)) * len(
            job.draft.copies
        )  # the others are made at the commit, often in this batch
    if isinstance(job, Commit):
        draft, rest = job.draft, sum(map(len, job.blocks))
        return rest + (draft.octets + rest) * (len(draft.copies) - 1)
    return 0


class Writer:
    """`commit`: used in the thread alone. `measure`: called in the thread after every batch, may raise OSError.

    `call_in_reactor`: `reactor.callFromThread`. `most`: jobs a batch. All methods are for the reactor's thread.
    `free`: what `measure` said last, None if it could not.
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
        self.stopping = False
        self._commit = commit
        self._measure = measure
        self._call_in_reactor = call_in_reactor
        self._most = most
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._ended = False
        self._waiting: list[Deferred[None]] = []

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
        results: list[Callable[[], None]] = []
        while (job := self._jobs.get()) is not None:
            if isinstance(job, Spill | Commit):
                results.append(partial(job.told, SHUTTING_DOWN))
        self._tell(results)
        self._end()

    def _end(self) -> None:
        if self._thread is not None:
            self._thread.join()  # this call was its last act
        self._ended = True
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def _tell(self, results: Sequence[Callable[[], None]]) -> None:
        for result in results:
            try:
                result()
            except Exception:
                # One listener's fault must not keep the others of the batch waiting for ever.
                self._log.failure("Telling the outcome of a message failed")

    def _run(self) -> None:
        """The thread."""
        going = True
        while going:
            jobs: list[Job] = []
            octets = copies = 0
            job = self._jobs.get()
            while job is not None:
                jobs.append(job)
                octets += _octets_to_write(job)
                copies += len(job.draft.copies) if isinstance(job, Commit) else 0
                if len(jobs) >= self._most or octets > _MOST_OCTETS or copies > _MOST_COPIES:
                    break
                try:
                    job = self._jobs.get_nowait()
                except Empty:
                    break
            else:
                going = False
            if jobs:
                self._do(jobs)
        self._commit.discard_all()
        self._call_in_reactor(self._end)

    def _do(self, jobs: Sequence[Job]) -> None:
        results: list[Callable[[], None]] = []
        commits: list[Commit] = []
        try:
            for job in jobs:
                if isinstance(job, Commit):
                    commits.append(job)
                elif isinstance(job, Spill):
                    if not job.draft.aborted:
                        self._commit.spill(job.draft, job.blocks)
                    results.append(partial(job.told, job.draft.failure))
                elif isinstance(job, Discard):
                    self._commit.discard(job.draft)
            outcomes = self._commit.commit([(job.draft, job.blocks) for job in commits])
            results += [partial(job.told, outcome) for job, outcome in zip(commits, outcomes, strict=True)]
        except Exception as error:
            # commit promises not to raise. Should it, nobody waits for ever, and nothing is promised.
            self._log.failure("A batch failed by a fault of ours")
            results = [self._give_up(job, error) for job in jobs if isinstance(job, Spill | Commit)]
        try:
            self.free = self._measure()
        except Exception:
            self.free = None  # "could not tell" is an answer, and no reason for the thread to die
        if results:
            self._call_in_reactor(self._tell, results)

    def _give_up(self, job: Spill | Commit, error: Exception) -> Callable[[], None]:
        if job.draft.failure is None:
            self._commit.fail(job.draft, error)
        return partial(job.told, job.draft.failure or Failed(detail=str(error)))
