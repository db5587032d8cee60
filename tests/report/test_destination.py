"""From the settings of the log to where its lines go."""

import json
import os

from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import LOADED
from tests.report.receiver import Receiver
from twistedmx.report.destination import log_of
from twistedmx.report.log import LogSettings
from twistedmx.report.losses import Losses

LINE = "mailboxes-loaded source=/etc/boxes addresses=3 seconds=0.012"


class TestDestination(SynchronousTestCase):
    def setUp(self):
        self.twistd = []
        self.losses = Losses()

    def tell(self, **settings):
        """One event to the log that these settings describe; it is closed again."""
        log = log_of(
            LogSettings(**settings), self.losses, host="mx.example.org", pid=lambda: 77, twistd=self.twistd.append
        )
        log(LOADED)
        log.close()
        log.close()

    def test_twistd_gets_lines_without_a_time(self):
        """It writes its own."""
        self.tell()
        self.assertEqual(self.twistd, [LINE])

    def test_a_file_gets_lines_with_a_time(self):
        """Nobody else stamps them."""
        path = self.mktemp()
        self.tell(file=path)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), f"2027-01-15T08:00:00.125Z {LINE}\n")

    def test_a_file_of_json(self):
        """One object a line."""
        path = self.mktemp()
        self.tell(to="file", file=path, format="json")
        with open(path, encoding="ascii") as file:
            self.assertEqual(json.loads(file.read())["time"], "2027-01-15T08:00:00.125Z")

    def test_sockets_are_where_the_settings_say(self):
        """In a container they may be anywhere."""
        for to, beginning in (("journald", b"MESSAGE=mailboxes-loaded "), ("syslog", b"<22>")):
            receiver = Receiver(self.mktemp())
            self.addCleanup(receiver.close)
            self.tell(to=to, socket=receiver.path)
            (datagram,) = receiver.receive()
            self.assertTrue(datagram.startswith(beginning), datagram)

    def test_losses_are_counted_on_when_the_log_is_replaced(self):
        """A reload does not set a counter back."""
        self.tell(to="syslog", socket=self.mktemp())
        self.tell(file=os.path.join(self.mktemp(), "log"))
        self.assertEqual(self.losses.lines, 2)
