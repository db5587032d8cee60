"""Lines of many sessions into a pipe that tcpserver, its other children and multilog share."""

import contextlib
import fcntl
import os
import select
import socket

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.linux import F_GETPIPE_SZ, O_PATH
from twistedmx.net.line_sink import LineSink, LineSinks

NOBODY = 65_534


class Pipe:
    """`reader`, `writer`: its descriptors, to be closed."""

    def __init__(self, case):
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        case.addCleanup(self.close_reader)
        case.addCleanup(os.close, self.writer)

    def close_reader(self):
        with contextlib.suppress(OSError):
            os.close(self.reader)

    def read(self):
        try:
            return os.read(self.reader, 1 << 20)
        except BlockingIOError:
            return b""

    def sink(self):
        """Of a descriptor of its own, as comes with a connection."""
        return LineSink(os.dup(self.writer))

    def sink_of_another_user(self):
        """As where the server may not open the pipe anew."""
        if os.geteuid() != 0:
            raise SkipTest("a pipe of another user is made by root alone")
        os.seteuid(NOBODY)
        try:
            return self.sink()
        finally:
            os.seteuid(0)


class Pipes(SynchronousTestCase):
    """Both ways to write to one."""

    def sinks(self):
        """(pipe, sink) of each kind."""
        one = Pipe(self)
        yield one, one.sink()
        other = Pipe(self)
        with contextlib.suppress(SkipTest):
            yield other, other.sink_of_another_user()

    def test_a_line_comes_whole_and_alone(self):
        """Whoever sends a line end in a command must not write a line of the log."""
        for pipe, sink in self.sinks():
            self.assertTrue(sink.write(b"CHKUSER accepted rcpt"))
            self.assertTrue(sink.write(b"helo x\ntcpserver: ok"))
            self.assertEqual(pipe.read(), b"CHKUSER accepted rcpt\nhelo x?tcpserver: ok\n")
            self.assertEqual(sink.lost, 0)
            sink.close()

    def test_a_long_line_is_one_write_and_ends_as_a_line(self):
        """More than PIPE_BUF octets could be mixed with another's."""
        for pipe, sink in self.sinks():
            sink.write(b"x" * 10_000)
            sink.write(b"y")
            self.assertEqual(pipe.read(), b"x" * (select.PIPE_BUF - 1) + b"\ny\n")
            sink.close()

    def test_a_full_pipe_loses_lines_and_nobody_waits(self):
        """multilog was stopped: mail goes on, and tcpserver's own writes still wait, as its authors meant them to."""
        for pipe, sink in self.sinks():
            written = sum(sink.write(b"x" * 1000) for _ in range(100))
            self.assertGreaterEqual(written, 16)
            self.assertEqual((sink.write(b"x" * 1000), sink.lost), (False, 101 - written))
            self.assertTrue(os.get_blocking(pipe.writer))
            self.assertEqual(len(pipe.read()), written * 1001)
            self.assertTrue(sink.write(b"there again"))
            sink.close()

    def test_who_may_not_open_it_anew_leaves_room(self):
        """Between the question and the write another may write as well: half of the pipe is his."""
        pipe = Pipe(self)
        sink = pipe.sink_of_another_user()
        while sink.write(b"x" * 1000):
            pass
        capacity = fcntl.fcntl(pipe.reader, F_GETPIPE_SZ)
        self.assertLess(abs(len(pipe.read()) - capacity / 2), 1100)
        sink.close()

    def test_a_log_that_has_ended_is_survived(self):
        """EPIPE is a lost line, not an exception in a session."""
        for pipe, sink in self.sinks():
            pipe.close_reader()
            self.assertEqual((sink.write(b"x"), sink.write(b"y"), sink.lost), (False, False, 2))
            sink.close()

    def test_after_the_end_nothing_is_written(self):
        """The number of its descriptor may be a client's by then."""
        for _, sink in self.sinks():
            sink.close()
            sink.close()
            self.assertFalse(sink.write(b"x"))


class Others(SynchronousTestCase):
    def test_a_file(self):
        """Somebody logs without multilog."""
        path = self.mktemp()
        sink = LineSink(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        sink.write(b"one")
        sink.write(b"two")
        sink.close()
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"one\ntwo\n")

    def test_a_socket(self):
        """The journal of systemd is one; it may be full as well."""
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        sink = LineSink(ours.detach())
        self.assertTrue(sink.write(b"one"))
        self.assertEqual(theirs.recv(100), b"one\n")
        while sink.write(b"x" * 1000):
            pass
        self.assertEqual(sink.lost, 1)
        theirs.close()
        self.assertFalse(sink.write(b"x"))
        sink.close()

    def test_what_is_no_descriptor_is_said_at_once(self):
        """And not at the first line."""
        self.assertRaises(OSError, LineSink, 1_000_000)


class Shared(SynchronousTestCase):
    def test_a_log_that_comes_with_each_session_is_open_once(self):
        """A thousand sessions have one log: else they would need two thousand descriptors."""
        pipe, other = Pipe(self), Pipe(self)
        sinks = LineSinks()
        before = len(os.listdir("/proc/self/fd"))
        lines = [sinks.share(os.dup(pipe.writer)) for _ in range(100)]
        another = sinks.share(os.dup(other.writer))
        self.assertEqual((len(sinks), len(os.listdir("/proc/self/fd")) - before), (2, 2))
        for number, one in enumerate(lines):
            one.write(b"%d" % number)
            one.close()
            one.close()
        self.assertEqual(pipe.read().splitlines(), [b"%d" % number for number in range(100)])
        self.assertEqual(len(sinks), 1)
        another.close()
        self.assertEqual((len(sinks), len(os.listdir("/proc/self/fd"))), (0, before))

    def test_a_descriptor_for_reading_alone_takes_no_log_from_those_behind_it(self):
        """It is the same file: whoever comes first with it would make the lines of all others be lost."""
        path = self.mktemp()
        writer = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.addCleanup(os.close, writer)
        pipe = Pipe(self)
        sinks = LineSinks()
        for how in (os.O_RDONLY, O_PATH):
            reader = os.open(path, how)
            self.addCleanup(os.close, reader)
            self.assertRaises(OSError, sinks.share, reader)
            os.fstat(reader)  # it is still its own
        self.assertRaises(OSError, sinks.share, pipe.reader)
        for descriptor in (writer, pipe.writer):
            lines = sinks.share(os.dup(descriptor))
            self.assertTrue(lines.write(b"told"))
            lines.close()
        with open(path, "rb") as file:
            self.assertEqual((file.read(), pipe.read()), (b"told\n", b"told\n"))

    def test_lost_lines_are_counted_beyond_the_session(self):
        """An operator asks how many, not which session's."""
        pipe = Pipe(self)
        sinks = LineSinks()
        lines = sinks.share(os.dup(pipe.writer))
        pipe.close_reader()
        lines.write(b"x")
        self.assertEqual(sinks.lost, 1)
        lines.close()
        self.assertEqual(sinks.lost, 1)
