"""Acceptance as a session sees it: with the real thread and real files, and with the disk in memory."""

import errno
import os
import time
from collections.abc import Callable, Sequence
from random import Random
from threading import Event

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.delivery.agents import InThread, quiet_agent, users
from twistedmx.delivery.acceptance import MaildirAcceptance, Writing
from twistedmx.delivery.disk import PosixDisk
from twistedmx.delivery.owner_disks import nobody_else
from twistedmx.delivery.paths import Paths
from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome, Stored
from twistedmx.ports import Disk
from twistedmx.testing.acceptance import AcceptanceSuite, FakeAcceptance
from twistedmx.testing.disk import FakeDisk


class Hosted:
    """An acceptance on a disk, with the reactor's own way back from the thread."""

    def build(
        self, disk: Disk, root: str, disk_of: Callable[[str], Disk] = nobody_else, **writing: int
    ) -> MaildirAcceptance:
        self.clock = Clock()
        self.told = 0

        def call_in_reactor(function: Callable[..., object], *arguments: object) -> None:
            self.told += 1
            reactor.callFromThread(function, *arguments)

        return MaildirAcceptance(
            writing=Writing(**writing),
            disk=disk,
            clock=self.clock,
            now=time.time,
            chance=Random(1),
            host="mx.example",
            pid=os.getpid,
            directory=root,
            call_in_reactor=call_in_reactor,
            disk_of=disk_of,
        )


class RealAcceptanceTests(Hosted, AcceptanceSuite, TestCase):
    """The suite, and what only real files can show."""

    nameless = True

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        self.acceptance = self.build(PosixDisk(now=time.time, nameless=self.nameless), self.root, spill=100_000)
        self.acceptance.start()
        self.addCleanup(self.acceptance.stop)

    def maildir(self, name: str) -> str:
        return f"{self.root}/{name}/Maildir"

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

    def delivered(self, maildir: str) -> int:
        return len(os.listdir(f"{maildir}/new"))

    async def test_files_are_for_their_owner_alone(self) -> None:
        """Mail is private."""
        outcome = await self.accept([Copy(maildir=self.maildir("a"), trace=b"")], b"content")
        self.assertEqual(os.stat(outcome.paths[0]).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.maildir("a")).st_mode & 0o777, 0o700)

    async def test_a_hundred_sessions_and_forty_copies_leave_no_descriptor_and_nothing_in_tmp(self) -> None:
        """A leak of one a message would end the service within the hour."""
        copies = [Copy(maildir=self.maildir(f"list{n}"), trace=b"To: %d\n" % n) for n in range(40)]
        await self.accept(copies[:1], b"the reactor runs from here on, and has its descriptors")
        before = len(os.listdir("/proc/self/fd"))
        commits = []
        for number in range(100):
            incoming = self.acceptance.open(copies if number == 50 else copies[:1])
            incoming.write(b"message %d\n" % number)
            commits.append(incoming.commit())
        outcomes = await gatherResults(commits)
        self.assertEqual([len(outcome.paths) for outcome in outcomes], [1] * 50 + [40] + [1] * 49)
        self.assertEqual(self.read(outcomes[50].paths[39]), b"To: 39\nmessage 50\n")
        self.assertEqual(self.delivered(copies[0].maildir), 101)
        self.assertEqual(os.listdir(f"{copies[0].maildir}/tmp"), [])
        await self.acceptance.stop()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    async def test_it_is_busy_while_somebody_waits(self) -> None:
        """Then who only guesses gives way to the thread."""
        incoming = self.acceptance.open([Copy(maildir=self.maildir("a"), trace=b"")])
        incoming.write(b"short\n")
        self.assertFalse(self.acceptance.is_busy)
        committing = incoming.commit()
        self.assertTrue(self.acceptance.is_busy)
        await committing
        self.assertFalse(self.acceptance.is_busy)
        given_up = self.acceptance.open([Copy(maildir=self.maildir("a"), trace=b"")])
        given_up.write(b"x" * 100_000)
        self.assertTrue(self.acceptance.is_busy, "it spills")
        given_up.abort()
        await self.acceptance.stop()
        self.assertFalse(self.acceptance.is_busy)


class NamedAcceptanceTests(RealAcceptanceTests):
    """The same, where every file has a name from the start."""

    nameless = False


class OwnedAcceptanceTests(Hosted, AcceptanceSuite, TestCase):
    """The suite, with an agent between the thread and the files."""

    owner = "ann"

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.makedirs(self.root)
        maildirs = ("a/Maildir", "bb/Maildir")
        agent = InThread(quiet_agent(users("ann", home=lambda name: self.root), Paths(now=time.time), maildirs))
        self.addCleanup(agent.end)
        self.acceptance = self.build(
            PosixDisk(now=time.time), f"{self.root}/own", disk_of=agent.asks.disk, spill=100_000
        )
        self.acceptance.start()
        self.addCleanup(self.acceptance.stop)

    maildir = RealAcceptanceTests.maildir
    read = RealAcceptanceTests.read
    delivered = RealAcceptanceTests.delivered

    async def test_a_user_that_is_none_defers_and_the_log_has_the_reason(self) -> None:
        """451, not 550: it may be the directory of users that is away."""
        outcome = await self.accept([Copy(maildir=f"{self.root}/b/Maildir", trace=b"", owner="bob")], b"content")
        self.assertIsInstance(outcome, Failed)
        self.assertIn("as bob: no system user of this name", outcome.detail)


class FakeAcceptanceTests(AcceptanceSuite, TestCase):
    """The fake keeps the suite too."""

    def setUp(self) -> None:
        self.acceptance = FakeAcceptance()

    def maildir(self, name: str) -> str:
        return f"/mail/{name}"

    def read(self, path: str) -> bytes:
        return self.acceptance.stored[path]

    def delivered(self, maildir: str) -> int:
        return len([path for path in self.acceptance.stored if path.startswith(f"{maildir}/new/")])


class HeldFakeTests(SynchronousTestCase):
    """What tests of sessions lean on."""

    def test_held_outcomes_are_told_in_order_when_released(self) -> None:
        """A session must be seen to wait."""
        acceptance = FakeAcceptance(hold=True)
        told = [acceptance.open([Copy(maildir=f"/{name}", trace=b"")]).commit() for name in "ab"]
        self.assertNoResult(told[0])
        acceptance.refusal = NoSpace(detail="full")
        self.assertEqual(acceptance.release(), 2)
        self.assertEqual([self.successResultOf(one) for one in told], [acceptance.refusal] * 2)

    def test_a_full_fake_asks_to_stop_until_it_is_drained(self) -> None:
        """A session must be seen to stop reading."""
        acceptance = FakeAcceptance()
        acceptance.full = True
        stopped = acceptance.open([Copy(maildir="/a", trace=b"")]).write(b"block")
        self.assertNoResult(stopped)
        acceptance.drain()
        self.assertIsNone(self.successResultOf(stopped))


A = [Copy(maildir="/mail/a", trace=b"trace\n")]


class ThreadTests(Hosted, TestCase):
    """The writer thread, on a disk which a test can stop at any call. Before `start` the queue only grows."""

    def setUp(self) -> None:
        self.disk = FakeDisk(nameless=False)
        self.acceptance = self.build(self.disk, "/mail", spill=100, unwritten=1000)
        self.addCleanup(self.acceptance.stop)

    def commit(self, *blocks: bytes, copies: Sequence[Copy] = A) -> Deferred[Outcome]:
        incoming = self.acceptance.open(copies)
        for block in blocks:
            incoming.write(block)
        return incoming.commit()

    def new(self) -> list[bytes]:
        return [self.disk.read(f"/mail/a/new/{name}") for name in self.disk.names("/mail/a/new")]

    async def test_all_that_waits_is_one_batch_told_in_one_call(self) -> None:
        """The hand-over between threads costs as much as the disk."""
        commits = [self.commit(b"content") for _ in range(63)]
        self.acceptance.start()
        await gatherResults(commits)
        self.assertEqual(self.told, 1)
        self.assertEqual(self.disk.calls.count(("sync_directory", "/mail/a/new")), 1)

    async def test_a_batch_has_an_upper_limit(self) -> None:
        """The first of ten thousand must not wait for the last."""
        commits = [self.commit(b"content") for _ in range(130)]
        self.acceptance.start()
        await gatherResults(commits)
        self.assertEqual(self.told, 3)

    async def test_a_long_message_holds_no_more_than_its_share_of_memory(self) -> None:
        """A thousand peers with a message of 25 MB each must not end the process."""
        incoming = self.acceptance.open(A)
        most, stops = 0, 0
        for number in range(5000):
            stopped = incoming.write(b"%06d" % number * 166)
            most = max(most, incoming.octets_in_memory)
            if stopped is not None:
                if not stops:
                    self.assertNoResult(stopped)
                    self.acceptance.start()
                stops += 1
                await stopped
                self.assertLessEqual(incoming.octets_in_memory, 1000)
        self.assertIsInstance(await incoming.commit(), Stored)
        self.assertLessEqual(most, 1000 + 996)
        self.assertEqual(self.new(), [b"trace\n" + b"".join(b"%06d" % number * 166 for number in range(5000))])

    async def test_a_failed_spill_is_remembered_and_later_blocks_cost_nothing(self) -> None:
        """A full disk must not become a full memory."""
        self.disk.fail_from(0, errno.ENOSPC)
        incoming = self.acceptance.open(A)
        self.acceptance.start()
        stopped = incoming.write(b"x" * 2000)
        await stopped
        calls = len(self.disk.calls)
        for _ in range(100):
            self.assertIsNone(incoming.write(b"x" * 2000))
        self.assertEqual(incoming.octets_in_memory, 0)
        self.assertIsInstance(await incoming.commit(), NoSpace)
        self.assertEqual(len(self.disk.calls), calls)

    async def test_how_a_message_began_is_known_when_the_disk_has_refused_it(self) -> None:
        """Whether it was short, or had gone to disk in part."""
        self.disk.fail_from(0, errno.ENOSPC)
        self.acceptance.start()
        for blocks in ([b"short"], [b"x" * 60, b"y" * 60, b"z" * 60]):
            incoming = self.acceptance.open(A, 70)
            for block in blocks:
                incoming.write(block)
            self.assertIsInstance(await incoming.commit(), NoSpace)
            self.assertEqual(incoming.beginning(), b"".join(blocks)[:70])

    async def test_a_message_aborted_while_its_spill_is_queued_leaves_nothing(self) -> None:
        """The peer hangs up when it likes; whoever waits for the disk is told."""
        incoming = self.acceptance.open(A)
        incoming.write(b"x" * 200)
        stopped = incoming.write(b"x" * 2000)
        incoming.abort()
        self.acceptance.start()
        await stopped
        await self.acceptance.stop()
        self.assertNotIn("write", [call[0] for call in self.disk.calls])
        self.assertEqual((self.disk.names("/mail/a/tmp"), self.new(), self.disk.open_files), ([], [], 0))

    async def test_a_message_aborted_after_its_spill_was_written_leaves_nothing(self) -> None:
        """The same, a moment later."""
        self.acceptance.start()
        incoming = self.acceptance.open(A)
        await incoming.write(b"x" * 2000)
        self.assertEqual(len(self.disk.names("/mail/a/tmp")), 1)
        incoming.abort()
        # Not only at the end of the process: the next message finds it gone.
        await self.commit(b"next")
        self.assertEqual((self.disk.names("/mail/a/tmp"), self.disk.open_files), ([], 0))
        self.assertEqual(self.new(), [b"trace\nnext"])

    async def test_a_commit_aborted_while_it_is_queued_is_dropped(self) -> None:
        """Its sender did not hear 250 and will come again."""
        incoming = self.acceptance.open(A)
        incoming.write(b"x" * 200)
        outcome = incoming.commit()
        incoming.abort()
        self.acceptance.start()
        self.assertIsInstance(await outcome, Failed)
        self.assertEqual((self.disk.names("/mail/a/tmp"), self.new(), self.disk.open_files), ([], [], 0))

    async def test_a_commit_aborted_while_it_is_under_way_goes_on_to_the_end(self) -> None:
        """Half a message is worse than one too many."""
        syncing, go_on = Event(), Event()

        def before_call(method: str) -> None:
            if method == "sync":
                reactor.callFromThread(aborted)
                syncing.set()
                go_on.wait(30)

        def aborted() -> None:
            incoming.abort()
            go_on.set()

        self.disk.before_call = before_call
        incoming = self.acceptance.open(A)
        incoming.write(b"content")
        outcome = incoming.commit()
        self.acceptance.start()
        self.assertIsInstance(await outcome, Stored)
        self.assertTrue(syncing.is_set())
        self.assertEqual(self.new(), [b"trace\ncontent"])

    async def test_stop_ends_what_is_queued_and_refuses_the_rest(self) -> None:
        """A restart loses nothing, and no session hangs."""
        before, open_one, spilt = self.commit(b"content"), self.acceptance.open(A), self.acceptance.open(A)
        spilt.write(b"x" * 200)
        self.acceptance.start()
        stopped = [self.acceptance.stop(), self.acceptance.stop()]
        after = self.commit(b"late")
        self.assertEqual(self.successResultOf(after), Failed(detail="shutting down"))
        self.assertIsNone(open_one.write(b"x" * 2000))
        self.assertEqual(self.successResultOf(open_one.commit()), Failed(detail="shutting down"))
        await gatherResults(stopped)
        self.assertIsInstance(self.successResultOf(before), Stored)
        spilt.abort()
        self.assertEqual(
            (self.disk.names("/mail/a/tmp"), self.new(), self.disk.open_files), ([], [b"trace\ncontent"], 0)
        )
        self.successResultOf(self.acceptance.stop())

    async def test_stop_without_start_answers_those_who_wait(self) -> None:
        """A port that could not be opened ends the service before it began."""
        outcome = self.commit(b"content")
        incoming = self.acceptance.open(A)
        held = incoming.write(b"x" * 2000)
        self.successResultOf(self.acceptance.stop())
        self.assertEqual(self.successResultOf(outcome), Failed(detail="shutting down"))
        self.successResultOf(held)
        self.assertEqual((self.disk.calls, self.acceptance.is_busy), ([], False))

    async def test_a_fault_of_ours_ends_the_message_and_not_the_thread(self) -> None:
        """The next peer must be served."""

        def before_call(method: str) -> None:
            if method in ("write", "free_octets") and not faults:
                faults.append(method)
                raise ZeroDivisionError

        faults: list[str] = []
        self.disk.before_call = before_call
        first = self.commit(b"content")
        self.acceptance.start()
        self.assertIsInstance(await first, Failed)
        self.assertIsInstance(await self.commit(b"content"), Stored)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_a_listener_that_raises_does_not_keep_the_others_waiting(self) -> None:
        """One broken session is not a broken service."""
        first, second = self.commit(b"one"), self.commit(b"two")
        first.addCallback(lambda outcome: 1 // 0)
        self.acceptance.start()
        self.assertIsInstance(await second, Stored)
        await self.assertFailure(first, ZeroDivisionError)

    async def test_free_space_is_measured_with_each_batch_and_when_asked_after_a_while(self) -> None:
        """Asking costs the session nothing, a statvfs on a hanging disk would."""
        self.assertIsNone(self.acceptance.free_octets())
        self.acceptance.start()
        await self.commit(b"content")
        self.assertEqual(self.acceptance.free_octets(), 1 << 40)
        # Nothing but asking, once in five seconds, makes the thread look again.
        measured: Deferred[None] = Deferred()
        self.disk.before_call = lambda method: reactor.callFromThread(measured.callback, None)
        self.disk.free = 7
        self.clock.advance(5)
        self.acceptance.free_octets()
        self.acceptance.free_octets()
        await measured
        await self.acceptance.stop()
        self.assertEqual(self.acceptance.free_octets(), 7)

    async def test_free_space_that_cannot_be_measured_is_none(self) -> None:
        """None and 0 are two answers."""

        def before_call(method: str) -> None:
            if method == "free_octets":
                raise OSError(errno.EIO, "broken")

        self.disk.before_call = before_call
        self.acceptance.start()
        await self.commit(b"content")
        self.assertIsNone(self.acceptance.free_octets())
