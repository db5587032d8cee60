"""The generator of load takes no wrong answer for a fast one."""

import os
import shutil
import socket
import threading

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.fault import CannotMeasure
from benchmarks.load import Load

ANSWERS = {
    b"EHLO": b"250-mx\r\n250 PIPELINING\r\n",
    b"MAIL": b"250 ok\r\n",
    b"RCPT": b"550 no\r\n",
    b"RSET": b"250 ok\r\n",
}


class Server:
    """One connection at a time, a reply a line."""

    def __init__(self, answers):
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.heard_from = ""
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        connection, (self.heard_from, _) = self._listening.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 mx\r\n")
            try:
                for line in lines:
                    connection.sendall(self._answers[line[:4]])
            except ConnectionError:
                pass  # the generator has heard enough

    def stop(self):
        self._listening.close()
        self._thread.join(10)


class TestLoad(SynchronousTestCase):
    if shutil.which("cc") is None or shutil.which("taskset") is None:
        skip = "needs a C compiler (cc) and taskset"

    def load(self, answers, **options):
        server = Server(answers)
        self.addCleanup(server.stop)
        load = Load("reject", {"port": server.port, "warm_seconds": 0, "total": 3, "patience": 5} | options, core=0)
        self.addCleanup(load.__exit__, None, None, None)
        load.wait_for("ready", seconds=10)
        load.go_on()
        return load

    def test_its_addresses_begin_with_the_first(self):
        """Several loads at a time are not one host."""
        server = Server(ANSWERS)
        self.addCleanup(server.stop)
        with Load("idle", {"port": server.port, "first": 251}, core=0) as load:
            load.wait_for("ready", seconds=10)
        self.assertEqual(server.heard_from, "127.1.2.2")

    def test_it_gives_way_to_all_else(self):
        """What the server's disk needs of the kernel is not to wait for it."""
        load = self.load(ANSWERS)
        self.assertEqual(os.sched_getscheduler(load._process.pid), os.SCHED_IDLE)

    def test_rounds_and_refused_recipients_are_counted(self):
        """Three rounds of five, lock-step and pipelined."""
        for pipelined in (0, 1):
            load = self.load(ANSWERS, pipelined=pipelined)
            load.wait_for("begin", seconds=10)
            told = load.wait_for("end", seconds=10)
            self.assertEqual(told["rounds"], 3)
            self.assertEqual(told["refused"] // 5, 3)
            self.assertGreaterEqual(told["reply_us"]["max"], told["reply_us"]["p50"])

    def test_a_wrong_reply_ends_the_run(self):
        """A server that accepts what it should refuse is not fast, it is wrong."""
        load = self.load(ANSWERS | {b"RCPT": b"250 ok\r\n"}, warm_rounds=5)
        error = self.assertRaises(CannotMeasure, load.wait_for, "begin", seconds=10)
        self.assertIn("expected 550, heard 250 ok", str(error))

    def test_a_reply_too_many_ends_the_run(self):
        """Replies that run ahead of commands would all look fast."""
        load = self.load(ANSWERS | {b"RCPT": b"550 no\r\n550 no\r\n"}, warm_rounds=5)
        error = self.assertRaises(CannotMeasure, load.wait_for, "begin", seconds=10)
        self.assertIn("nobody asked", str(error))
