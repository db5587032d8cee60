"""The attackers' process as its parent sees it, and the server as it is watched."""

import json

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.wire import PLAN, Server, good, run
from twistedmx.drill.camp import Camp, CampFailed
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.look import look_at
from twistedmx.drill.watch import Watch


class Processes:
    """A reactor that starts none. `written`, `stdin_closed`, `signals`: what became of the one."""

    def __init__(self):
        self.written, self.stdin_closed, self.signals = b"", False, []

    def spawnProcess(self, protocol, program, words, env):
        self.words = words
        protocol.makeConnection(self)

    def write(self, octets):
        self.written += octets

    def closeStdin(self):
        self.stdin_closed = True

    def signalProcess(self, name):
        self.signals.append(name)


class TestCamp(SynchronousTestCase):
    def setUp(self):
        self.processes, self.told = Processes(), []
        self.camp = Camp(PLAN, lambda: self.told.append(self.camp.counts.connections))
        self.gone = self.camp.begin(self.processes)

    def test_it_is_given_the_plan_and_tells_counts(self):
        """However its lines are cut."""
        self.assertEqual(json.loads(self.processes.written)["recipients"], list(PLAN.recipients))
        self.assertIn("-P", self.processes.words, "what lies in the current folder is not run")
        self.camp.outReceived(b'{"connections": 5}\n{"connec')
        self.camp.outReceived(b'tions": 7}\n')
        self.assertEqual((self.told, self.camp.counts.connections), ([5, 7], 7))

    def test_it_ends_when_its_input_is_closed(self):
        """In order."""
        self.camp.end()
        self.assertTrue(self.processes.stdin_closed)
        self.camp.processEnded(Failure(ProcessDone(0)))
        self.assertIsNone(self.successResultOf(self.gone))

    def test_one_that_ends_by_itself_is_told_with_its_last_words(self):
        """Else a siege without attackers would pass."""
        self.camp.errReceived(b"Traceback (most recent call last):\n  ...\n")
        self.camp.errReceived(b"OSError: no such thing\n")
        self.camp.processEnded(Failure(ProcessTerminated(1)))
        failure = self.failureResultOf(self.gone, CampFailed)
        self.assertEqual(failure.getErrorMessage(), "the attackers' process has ended: OSError: no such thing")

    def test_one_that_does_not_go_is_killed(self):
        """A drill has an end."""
        self.camp.kill()
        self.assertEqual(self.processes.signals, ["KILL"])


class Threads:
    """A reactor with a pool that does all at once."""

    def getThreadPool(self):
        return self

    def callFromThread(self, function, *arguments):
        function(*arguments)

    def callInThreadWithCallback(self, done, function):
        try:
            done(True, function())
        except OSError:
            done(False, Failure())


class TestWatch(SynchronousTestCase):
    def test_memory_is_that_of_the_first_look_and_the_most_since(self):
        """It is asked while the siege is on, and may shrink afterwards."""
        answers = iter([5, 9, 7])
        watch = Watch(Threads(), lambda: {"memory": {"resident_octets": next(answers)}}, float)
        for _ in range(3):
            self.successResultOf(watch.look())
        self.assertEqual((watch.before, watch.most), (5, 9))

    def test_a_server_that_does_not_tell_or_does_not_answer_has_no_memory(self):
        """An older one, or one that is busy."""

        def silent():
            raise OSError

        for ask in (dict, lambda: {"memory": None}, silent):
            watch = Watch(Threads(), ask, float)
            self.successResultOf(watch.look())
            self.assertEqual((watch.before, watch.most), (None, None))
        self.assertIsNone(Watch(Threads(), None, float).look())

    def test_the_limit_is_that_of_the_phase(self):
        """How far it fell is counted from when hogs came, not from the calm."""
        seconds = iter([0.0, 1.0, 2.0, 10.0, 11.5, 14.0])
        limits = iter([140, 580, 560, 50])
        watch = Watch(Threads(), lambda: {"governor": {"limit": next(limits)}}, lambda: next(seconds))
        for _ in range(2):
            self.successResultOf(watch.look())
        calm = watch.limits
        watch.begin()
        for _ in range(2):
            self.successResultOf(watch.look())
        self.assertEqual((calm.first, calm.lowest, calm.highest), (140, 140, 580))
        hogs = watch.limits
        self.assertEqual((hogs.first, hogs.lowest, hogs.lowest_after, hogs.last), (560, 50, 4.0, 50))

    def test_a_server_that_tells_otherwise_of_its_governor_has_no_limit(self):
        """It is older, or newer."""
        for governor in (None, 5, {}, {"limit": "high"}, {"limit": None, "strangers": None, "vitals": None}):
            watch = Watch(Threads(), lambda told=governor: {"governor": told}, float)
            self.successResultOf(watch.look())
            self.assertEqual(set(watch.limits.document().values()), {None})


class TestLook(SynchronousTestCase):
    def look(self, behaviour=good, greeting=b"220 mx\r\n", listens=True):
        """What was wrong, or None."""
        clock = Clock()
        server = Server(clock, behaviour, greeting)
        server.listens = listens
        looked = look_at(PLAN, server.connect, clock)
        run(clock, 12)
        self.assertEqual(clock.getDelayedCalls(), [])
        if server.connections:
            self.assertNotIn(b"DATA", server.connections[0].lines)
        found = []
        looked.addErrback(lambda failure: found.append(str(failure.trap(CannotDrill) and failure.value)))
        return found[0] if found else None

    def test_a_server_that_takes_mail_for_some_is_ready(self):
        """And nothing is sent."""
        self.assertIsNone(self.look())

    def test_one_that_is_not_is_told_with_the_remedy(self):
        """In place of a siege against something else."""

        def knows_nobody(connection, line):
            return b"550 5.1.1 no such mailbox\r\n" if line[:4] == b"RCPT" else good(connection, line)

        def takes_all(connection, line):
            return b"250 ok\r\n" if line[:4] == b"RCPT" else good(connection, line)

        place = "127.0.0.1:2525: "
        self.assertEqual(
            self.look(listens=False),
            f"{place}no connection: Connection was refused by other side.; start the server, or name its port with --target",
        )
        self.assertEqual(
            self.look(greeting=b""),
            f"{place}no answer for 10 s to that; is that a port where TLS or a PROXY header comes first? "
            "Name another one with --target",
        )
        self.assertEqual(
            self.look(greeting=b"554 blocked\r\n"),
            f"{place}a sender is turned away: 554 blocked; it is blocked there: twistedmx list 127.0.0.0/8, twistedmx unban",
        )
        self.assertEqual(
            self.look(knows_nobody),
            f"{place}RCPT TO:<ann@example.org>: 550 5.1.1 no such mailbox; name recipients that are there with --recipient",
        )
        self.assertIn("where every name is taken nobody can guess wrong", self.look(takes_all))
