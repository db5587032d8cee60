"""Busy processes: how they are started and ended; with real ones, that they end with who has started them."""

import os
import subprocess
import sys

from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.hogs import _PROGRAM, Hogs


class Process:
    """One that was not started. `signals`: that it got."""

    def __init__(self, protocol, *, has_exited):
        self.protocol, self.signals = protocol, []
        self._has_exited = has_exited
        protocol.makeConnection(self)

    def signalProcess(self, name):
        if self._has_exited:
            raise ProcessExitedAlready
        self.signals.append(name)

    def end(self):
        self.protocol.processEnded(Failure(ProcessDone(0)))


class Processes:
    """A reactor that starts at most so many."""

    def __init__(self, most=10, has_exited=False):
        self.most, self.has_exited = most, has_exited
        self.started = []

    def spawnProcess(self, protocol, program, words, env, childFDs):
        if len(self.started) == self.most:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.words, self.descriptors = words, childFDs
        self.started.append(Process(protocol, has_exited=self.has_exited))


class TestHogs(SynchronousTestCase):
    def test_as_many_as_were_asked_for_run_until_the_end(self):
        """It is over when the last one has gone: what is measured next is without them."""
        processes, hogs = Processes(), Hogs(3)
        gone = hogs.begin(processes)
        self.assertEqual((len(processes.started), processes.descriptors), (3, {0: "w"}))
        self.assertIn("-I", processes.words, "what lies in the current folder is not run")
        hogs.end()
        self.assertEqual([one.signals for one in processes.started], [["KILL"]] * 3)
        for one in processes.started:
            self.assertNoResult(gone)
            one.end()
        self.assertIsNone(self.successResultOf(gone))
        hogs.end()

    def test_where_one_cannot_be_started_none_stays(self):
        """The machine has no more to give: told with the remedy."""
        processes, hogs = Processes(most=2), Hogs(5)
        error = self.assertRaises(CannotDrill, hogs.begin, processes)
        self.assertIn("--hogs 5: a process cannot be started: Resource temporarily unavailable", str(error))
        self.assertEqual([one.signals for one in processes.started], [["KILL"]] * 2)

    def test_one_that_has_gone_by_itself_hinders_nobody(self):
        """The kernel may have killed it for want of memory."""
        processes, hogs = Processes(has_exited=True), Hogs(2)
        gone = hogs.begin(processes)
        processes.started[0].end()
        hogs.end()
        processes.started[1].end()
        self.assertIsNone(self.successResultOf(gone))

    def test_a_real_one_ends_with_its_input(self):
        """However we end, our side of the pipe is closed then."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=b"",
            capture_output=True,
            timeout=60,
            env=dict(os.environ),
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
