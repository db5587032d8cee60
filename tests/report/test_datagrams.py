"""The way into journald and syslog: never waited for, whatever the other end does."""

from twisted.trial.unittest import SynchronousTestCase

from tests.report.receiver import Receiver
from twistedmx.report.datagrams import Datagrams
from twistedmx.report.losses import Losses


class TestDatagrams(SynchronousTestCase):
    def setUp(self):
        self.path = self.mktemp()
        self.losses = Losses()
        self.long = []
        self.datagrams = Datagrams(self.path, self.losses, lambda socket, octets: self.long.append(octets))
        self.addCleanup(self.datagrams.close)

    def receiver(self):
        receiver = Receiver(self.path)
        self.addCleanup(receiver._socket.close)
        return receiver

    def test_each_is_one(self):
        """A line is a datagram; nothing glues two of them together."""
        receiver = self.receiver()
        self.datagrams.send(b"one")
        self.datagrams.send(b"two")
        self.assertEqual(receiver.receive(), [b"one", b"two"])
        self.assertEqual(self.losses.lines, 0)

    def test_what_is_lost_is_counted_and_said_once_and_the_next_one_tries_anew(self):
        """syslog may be started after us."""
        self.datagrams.send(b"lost")
        self.datagrams.send(b"lost too")
        receiver = self.receiver()
        self.datagrams.send(b"kept")
        self.assertEqual(receiver.receive(), [b"kept"])
        self.assertEqual(self.losses.lines, 2)

    def test_a_receiver_that_was_begun_anew_loses_nothing(self):
        """journald is restarted by an upgrade."""
        first = self.receiver()
        self.datagrams.send(b"one")
        first.close()
        second = self.receiver()
        self.datagrams.send(b"two")
        self.assertEqual(second.receive(), [b"two"])
        self.assertEqual(self.losses.lines, 0)

    def test_a_receiver_that_does_not_read_is_not_waited_for(self):
        """A log that hangs must not hang the mail; when it reads again, it gets what comes then."""
        receiver = self.receiver()
        sent = 0
        while not self.losses.lines:
            self.datagrams.send(b"x" * 1000)
            sent += 1
        self.assertEqual(len(receiver.receive()), sent - 1)
        self.datagrams.send(b"again")
        self.assertEqual(receiver.receive(), [b"again"])
        self.assertEqual(self.losses.lines, 1)

    def test_what_no_datagram_holds_goes_another_way(self):
        """Which one is the destination's affair."""
        receiver = self.receiver()
        self.datagrams.send(b"x" * (1 << 24))
        self.assertEqual(([len(octets) for octets in self.long], receiver.receive()), ([1 << 24], []))
