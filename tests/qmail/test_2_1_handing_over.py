"""A message and its envelope on their way to a queue program, real ones: what it finds, what it costs, and that nothing is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.queue_home import CONTENT, ENVELOPE, RECEIVED, QueueCase, children
from twistedmx.model.storage import Failed, HandedOver
from twistedmx.qmail.queue_places import Places
from twistedmx.qmail.queue_process import texts_of
from twistedmx.qmail.queue_program import DEFAULT, envelope_of
from twistedmx.qmail.queue_settings import QueueSettings
from twistedmx.qmail.queue_spool import Spool

LONG = b"".join(b"%07d\n" % number for number in range(100_000))


class TestWhatItFinds(QueueCase):
    async def test_the_message_on_0_with_our_trace_first_and_the_envelope_on_1(self):
        """qmail-queue(8)."""
        outcome = await self.hand(recipients=[b"bob@example.org", b"a b@example.org"])
        self.assertEqual(self.found(outcome, "message"), RECEIVED + CONTENT)
        self.assertEqual(self.found(outcome, "envelope"), b"Fann@example.net\0Tbob@example.org\0Ta b@example.org\0\0")
        await self.assert_nothing_is_left()

    async def test_the_name_of_a_message_is_the_number_of_its_program(self):
        """`250 ok TIME qp PID`: administrators look for it in the log of qmail-send."""
        outcome = await self.hand()
        self.assertEqual(sorted(os.listdir(self.folder)), [f"{outcome.name}.envelope", f"{outcome.name}.message"])

    async def test_a_long_message_comes_out_as_it_went_in(self):
        """It was in a file meanwhile, and goes through the pipe in pieces; the envelope is longer than a pipe."""
        recipients = [b"%0900d@example.org" % number for number in range(200)]
        incoming = self.open(recipients=recipients, beginning=10)
        for start in range(0, len(LONG), 10_000):
            stopped = incoming.write(LONG[start : start + 10_000])
            if stopped is not None:
                await stopped
        outcome = await incoming.commit()
        self.assertEqual(self.found(outcome, "message"), RECEIVED + LONG)
        self.assertEqual(self.found(outcome, "envelope"), envelope_of(b"ann@example.net", recipients))
        self.assertEqual(incoming.beginning(), LONG[:10])
        await self.assert_nothing_is_left()

    async def test_a_message_of_nothing_is_a_message(self):
        """Neither trace nor content."""
        outcome = await self.hand(content=b"", received=b"")
        self.assertEqual((self.found(outcome, "message"), self.found(outcome, "envelope")), (b"", ENVELOPE))

    async def test_a_message_without_recipients_starts_no_program(self):
        """qmail-queue takes it, and says 0: it would be 250 for a message that nobody gets."""
        self.assertIn("451 ", await self.reply(recipients=[]))
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".message")], [])
        self.flushLoggedErrors(ValueError)
        await self.assert_nothing_is_left()

    async def test_it_has_the_environment_of_the_session_alone(self):
        """Rules set variables for simscan and the like; what the server was started with is not theirs."""
        environment = {b"TCPREMOTEIP": b"192.0.2.1", b"RELAYCLIENT": b"", b"ODD": b"\xff=\n"}
        found = self.look(await self.hand("look message envelope", environment=environment))
        expected = {**environment, b"FAKE": b"look message envelope", b"FAKE_FOLDER": self.folder.encode()}
        self.assertEqual(found["environment"], expected)

    async def test_it_has_no_descriptor_of_ours_but_those_for_it(self):
        """A scanner that keeps the socket of another session open keeps that session open."""
        inherited = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, inherited)
        os.set_inheritable(inherited, True)
        found = self.look(await self.hand("look message envelope", programs=self.build()))
        self.assertEqual(found["descriptors"], [0, 1, 2, 4, 6])
        self.assertFalse(os.get_inheritable(inherited))
        found = self.look(await self.hand("look message envelope", error_fd=b"9"))
        self.assertEqual(found["descriptors"], [0, 1, 2, 6, 9])

    async def test_it_stands_in_the_home_has_a_group_of_its_own_no_word_and_no_signal_ignored(self):
        """qmail.c: chdir(auto_qmail), execv of its path alone. Python ignores SIGPIPE, and whoever inherits that never ends."""
        before = os.getcwd()
        outcome = await self.hand("look message envelope")
        found = self.look(outcome)
        self.assertEqual((found["folder"], found["words"]), (self.home, ["bin/qmail-queue"]))
        self.assertEqual((found["group"], found["ignored"], found["blocked"]), (int(outcome.name), [], 0))
        self.assertEqual(os.getcwd(), before)

    async def test_a_relative_path_begins_at_the_home_and_no_path_is_searched(self):
        """execv: `qmail-scan` is a file of the home, even where PATH has another."""
        self.program("scan")
        words = {"environment": {b"PATH": b"/usr/bin:/bin"}}
        for program in (b"scan", b"./bin/qmail-queue", f"{self.home}/scan".encode()):
            self.assertIsInstance(await self.hand(program=program, **words), HandedOver)
        self.assertEqual(await self.reply(program=b"true", **words), "451 unable to exec qq (#4.3.0)")

    async def test_what_it_says_on_2_is_told_in_lines_that_are_bounded(self):
        """A scanner that prints its whole quarantine fills nobody's log."""
        await self.hand("say:first say:last message envelope", says=True)
        self.assertEqual(self.said, [b"first", b"last"])
        self.said.clear()
        await self.hand("text:2:no_end much:2 message envelope", says=True)
        self.assertEqual((self.said[0][:12], self.said[-1]), (b"no endDxxxxx", b"(it says more, which is not shown)"))
        self.assertLess(sum(map(len, self.said)), 150_000)
        self.assertLessEqual(max(map(len, self.said)), 1000)
        await self.assert_nothing_is_left()

    async def test_what_it_says_on_2_moves_no_cursor_of_who_reads_the_log(self):
        """A scanner tells the subject of a message, with the escape sequences that a peer has put there."""
        await self.hand("say:virus:\x1b[2J\x07\x08 message envelope", says=True)
        self.assertEqual(self.said, [b"virus:?[2J??"])
        await self.assert_nothing_is_left()

    async def test_each_message_has_its_log(self):
        """Behind tcpserver, that of its run script; two at a time do not mix."""
        told: list[list[bytes]] = [[], []]
        await gatherResults(
            [self.hand(f"say:{number} message envelope", tell=lines.append) for number, lines in enumerate(told)]
        )
        self.assertEqual(told, [[b"0"], [b"1"]])
        await self.assert_nothing_is_left()

    async def test_a_child_of_it_that_reads_on_is_fed_on(self):
        """A wrapper that leaves its work to another and says 0: the original believes it, too."""
        self.assertIsInstance(await self.hand("read:1 reader", content=LONG), HandedOver)
        await self.assert_nothing_is_left()


class TestWhenItIsStarted(QueueCase):
    async def test_nothing_is_started_before_the_message_is_whole(self):
        """580 bots that send an octet a minute hold no process, unlike in the original, which starts it at DATA."""
        incoming = self.open()
        incoming.write(LONG)
        written = incoming.write(LONG)
        self.assertEqual(children(), self.before[1])
        incoming.abort()
        incoming.abort()
        self.assertEqual(await incoming.commit(), Failed(detail="given up by the session"))
        self.assertIsNone(incoming.write(b"more"))
        await written
        await self.assert_nothing_is_left()

    async def test_a_message_given_up_while_it_goes_to_its_file_leaves_nothing(self):
        """Where a thread is at work the file stays open as long, and no longer."""
        incoming = self.open(programs=self.build(in_memory=1000))
        incoming.write(LONG)
        stopped = incoming.write(LONG)
        incoming.abort()
        await stopped
        await self.assert_nothing_is_left()

    async def test_abort_behind_the_outcome_takes_nothing_back(self):
        """250 was said."""
        incoming = self.open()
        outcome = await incoming.commit()
        incoming.abort()
        self.assertEqual(self.found(outcome, "envelope"), ENVELOPE)
        self.assertEqual(await incoming.commit(), Failed(detail="given up by the session"))

    async def test_as_many_are_at_work_as_have_a_place_and_the_others_wait(self):
        """A scanner takes a core; twenty of them are enough for any machine."""
        programs = self.build(programs=2, line=2)
        outcomes = [self.hand(programs=programs) for _ in range(5)]
        self.assertEqual(len(children() - self.before[1]), 2)
        refused = self.successResultOf(outcomes.pop())
        self.assertEqual(str(refused.reply), "451 qqt failure (#4.3.0)")
        self.assertEqual([type(each) for each in await gatherResults(outcomes)], [HandedOver] * 4)
        await self.assert_nothing_is_left(programs)

    async def test_who_waits_for_a_place_may_give_up(self):
        """The peer is gone, and would send it again."""
        programs = self.build(programs=1)
        first, second = self.hand(programs=programs), self.open(programs=programs)
        given_up = second.commit()
        second.abort()
        self.assertEqual(self.successResultOf(given_up), Failed(detail="given up by the session"))
        self.assertIsInstance(await first, HandedOver)
        await self.assert_nothing_is_left(programs)

    async def test_stop_waits_for_programs_at_work_and_refuses_the_rest(self):
        """A restart kills no program, and keeps nobody waiting."""
        programs = self.build(programs=1)
        first, second = self.hand(programs=programs), self.hand(programs=programs)
        stopped = programs.stop()
        self.assertEqual(str(self.successResultOf(second).reply), "451 qqt failure (#4.3.0)")
        self.assertEqual(str((await self.hand(programs=programs)).reply), "451 qqt failure (#4.3.0)")
        self.assertNoResult(stopped)
        self.assertIsInstance(await first, HandedOver)
        await stopped
        await self.assert_nothing_is_left(programs)

    async def test_stop_does_not_wait_for_ever(self):
        """Whoever stops the server wants it stopped."""
        programs = self.build(stop=0.01, time_limit=1)
        hanging = self.hand("hang", programs=programs)
        await programs.stop()
        self.assertNoResult(hanging)
        self.assertEqual(str((await hanging).reply), "451 qq timeout (#4.3.0)")
        await programs.places.close()


_SERVER = """\
import sys
from ast import literal_eval
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twistedmx.qmail.queue_program import QueuePrograms
from twistedmx.qmail.queue_settings import QueueSettings
home, words, octets = sys.argv[1], literal_eval(sys.argv[2]), int(sys.argv[3])
async def hand():
    incoming = QueuePrograms(reactor, QueueSettings(folder=home), home).open(**words)
    incoming.write(b"x" * octets)
    print(await incoming.commit())
reactor.callWhenRunning(lambda: Deferred.fromCoroutine(hand()))
reactor.run()
"""


class TestWhenTheServerDies(QueueCase):
    """A real one, killed by its program, whose last words tell us that it has ended, too."""

    def killed(self, steps, octets):
        """Message and envelope as the program has found them. The server has said nothing."""
        words = {
            "program": DEFAULT,
            "reverse_path": b"ann@example.net",
            "recipients": [b"bob@example.org"],
            "received": RECEIVED,
            "environment": {b"FAKE": steps.encode(), b"FAKE_FOLDER": self.folder.encode()},
        }
        done = subprocess.run(
            [sys.executable, "-c", _SERVER, self.home, repr(words), str(octets)],
            capture_output=True,
            timeout=30,
            env=dict(os.environ),
        )
        self.assertEqual((done.returncode, done.stdout), (-signal.SIGKILL, b""), done.stderr)
        ((message,), (envelope,)) = (Path(self.folder).glob(f"*.{name}") for name in ("message", "envelope"))
        return message.read_bytes(), envelope.read_bytes()

    def test_in_the_message_there_is_no_envelope(self):
        """qmail-queue leaves nothing then, and the peer sends it again."""
        message, envelope = self.killed("read:10 orphan message envelope store", 1_000_000)
        self.assertLess(len(message), 200_000)
        self.assertEqual(envelope, b"")

    def test_behind_the_envelope_the_program_goes_on_without_us(self):
        """The peer heard nothing, and sends it again: it comes twice, and never not at all."""
        message, envelope = self.killed("message envelope orphan store", 100)
        self.assertEqual((message, envelope), (RECEIVED + b"x" * 100, ENVELOPE))


class TestWhatIsHeld(SynchronousTestCase):
    """The spool, with threads that are at work when the test says so."""

    def setUp(self):
        self.calls = []
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.spool = Spool(run_in_thread=self.run_in_thread, folder=self.folder, in_memory=100)

    def run_in_thread(self, *call):
        told = Deferred()
        self.calls.append((told, call))
        return told

    def work(self):
        told, (function, *arguments) = self.calls.pop(0)
        try:
            told.callback(function(*arguments))
        except OSError:
            told.errback()

    def test_no_more_than_twice_the_bound_is_in_memory(self):
        """Reading from the peer stops when the disk is behind."""
        self.assertIsNone(self.spool.write(b"x" * 100))
        self.assertIsNone(self.spool.write(b"y" * 99))
        stopped = self.spool.write(b"y")
        self.assertNoResult(stopped)
        self.assertEqual(len(self.calls), 1)
        self.work()
        self.successResultOf(stopped)
        whole = Deferred.fromCoroutine(self.spool.whole())
        self.work()
        self.successResultOf(whole)
        self.assertEqual(self.piece(0), b"x" * 100 + b"y" * 100)
        self.assertEqual(self.piece(200), b"")
        self.assertEqual((self.spool.octets, os.listdir(self.folder)), (200, []))
        self.spool.close()

    def piece(self, offset):
        piece = Deferred.fromCoroutine(self.spool.piece(offset))
        self.work()
        return self.successResultOf(piece)

    def test_a_peer_that_sends_octet_by_octet_is_held_as_octets(self):
        """An object for each would be forty times as much."""
        self.spool = Spool(run_in_thread=self.run_in_thread, folder=self.folder, in_memory=10_000)
        for _ in range(5000):
            self.spool.write(b"x")
        self.assertLess(len(self.spool._blocks), 600)

    def test_a_file_is_not_closed_while_a_thread_has_its_descriptor(self):
        """The number would be another session's socket by then."""
        self.spool.write(b"x" * 100)
        self.work()
        whole = Deferred.fromCoroutine(self.spool.whole())
        self.successResultOf(whole)
        reading = Deferred.fromCoroutine(self.spool.piece(0))
        reading.addErrback(lambda failure: None).cancel()
        self.spool.close()
        file = self.spool._file
        self.assertFalse(file.closed)
        self.work()
        self.assertTrue(file.closed)

    def test_without_a_thread_nothing_is_held(self):
        """RLIMIT_AS, as softlimit(8) sets it, has no room for its stack: 451, and the session goes on."""

        def no_thread(*call):
            raise RuntimeError("can't start new thread")

        self.spool = Spool(run_in_thread=no_thread, folder=self.folder, in_memory=100)
        self.assertIsNone(self.spool.write(b"x" * 100))
        self.successResultOf(Deferred.fromCoroutine(self.spool.whole()))
        self.assertIn("thread", str(self.spool.failure))
        self.spool.close()

    def test_a_disk_that_is_full_ends_what_is_held(self):
        """And the next block is thrown away; the session hears of it at the end."""
        os.rmdir(self.folder)
        self.spool.write(b"x" * 100)
        stopped = self.spool.write(b"x" * 100)
        self.work()
        self.successResultOf(stopped)
        self.assertIsNone(self.spool.write(b"x" * 100))
        self.successResultOf(Deferred.fromCoroutine(self.spool.whole()))
        self.assertIsInstance(self.spool.failure, FileNotFoundError)
        self.spool.close()


class TestPlaces(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.places = Places(self.clock, most=1, line=2, wait=60)

    def test_the_first_of_the_line_is_the_next(self):
        """A flood behind an honest sender does not pass him."""
        self.assertTrue(self.successResultOf(self.places.take()))
        first, second = self.places.take(), self.places.take()
        self.assertFalse(self.successResultOf(self.places.take()))
        self.places.give_back()
        self.assertTrue(self.successResultOf(first))
        self.assertNoResult(second)
        self.places.give_back()
        self.assertTrue(self.successResultOf(second))
        self.places.give_back()
        self.assertEqual((self.places.taken, self.clock.getDelayedCalls()), (0, []))

    def test_nobody_waits_longer_than_the_bound(self):
        """His client would go, and send it twice."""
        self.places.take()
        waiting = self.places.take()
        self.clock.advance(59)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.assertFalse(self.successResultOf(waiting))
        self.places.give_back()
        self.assertEqual(self.places.taken, 0)

    def test_who_gives_up_leaves_the_line(self):
        """His place in it is another's."""
        self.places.take()
        waiting = [self.places.take(), self.places.take()]
        waiting[0].addErrback(lambda failure: None).cancel()
        self.assertNoResult(self.places.take())
        self.places.give_back()
        self.assertTrue(self.successResultOf(waiting[1]))

    def test_close_sends_the_line_away_and_waits_for_those_at_work(self):
        """In this order."""
        self.places.take()
        waiting = self.places.take()
        closed = self.places.close()
        self.assertFalse(self.successResultOf(waiting))
        self.assertNoResult(closed)
        self.places.give_back()
        self.successResultOf(closed)
        self.assertFalse(self.successResultOf(self.places.take()))
        self.successResultOf(self.places.close())


class TestWords(SynchronousTestCase):
    def test_an_envelope_has_no_address_with_nul(self):
        """What stands behind it would be another recipient, whom nobody has checked."""
        self.assertEqual(envelope_of(b"", [b"a@b"]), b"F\0Ta@b\0\0")
        for reverse_path, recipient in ((b"a\0Tc@d", b"a@b"), (b"", b"a@b\0Tc@d")):
            self.assertRaises(ValueError, envelope_of, reverse_path, [recipient])

    def test_error_fd_stands_for_4_where_it_is_a_descriptor(self):
        """0 and 1 are taken, and 2 is where IndiMail has it."""
        for written, texts in (
            (b"", (4, 6)),
            (b"6", (6,)),
            (b"2", (2, 6)),
            (b"99", (99, 6)),
            (b"0", (4, 6)),
            (b"1", (4, 6)),
            (b"100", (4, 6)),
            (b"-1", (4, 6)),
            (b"x", (4, 6)),
        ):
            self.assertEqual(texts_of(written), texts, written)

    def test_a_client_is_not_kept_longer_than_it_waits(self):
        """RFC 5321 4.5.3.2.6: ten minutes, then it sends the message again."""
        settings = QueueSettings()
        self.assertLess(settings.wait + settings.time_limit, 600)
