"""syslog: framed as its receivers expect, to the character."""

import json
import os
import re
import time

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import DISK_FULL, LOADED, NOBODY, OPENED, TRANSACTION
from tests.report.receiver import Receiver
from twistedmx.model.envelope import Envelope, Recipient
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.report.log import LogSettings
from twistedmx.report.losses import Losses
from twistedmx.report.syslog import Syslog
from twistedmx.smtp.path import Path, parse_path

LINE = "mailboxes-loaded source=/etc/boxes addresses=3 seconds=0.012"


class TestSyslog(SynchronousTestCase):
    def setUp(self):
        zone = os.environ.get("TZ")
        self.addCleanup(self.live_in, zone)
        self.live_in("XYZ-2")
        self.receiver = Receiver(self.mktemp())
        self.addCleanup(self.receiver.close)
        self.losses = Losses()

    def live_in(self, zone):
        os.environ.pop("TZ", None)
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()

    def said(self, *events, **settings):
        syslog = Syslog(
            LogSettings(**settings), self.losses, host="mx.example.org", pid=lambda: 77, path=self.receiver.path
        )
        self.addCleanup(syslog.close)
        for event in events:
            syslog(event)
        return [datagram.decode("ascii") for datagram in self.receiver.receive()]

    def test_rfc3164_as_the_c_library_writes_it(self):
        """Local time, no host: that is what /dev/log is used to. 22 = 2 * 8 + 6: mail, informational."""
        self.assertEqual(self.said(LOADED), [f"<22>Jan 15 10:00:00 twistedmx[77]: {LINE}"])

    def test_rfc3164_pads_the_day_with_a_space(self):
        """RFC 3164 4.1.2: "Jan  5", never "Jan 05"."""
        (line,) = self.said(attrs.evolve(LOADED, at=LOADED.at - 10 * 86400))
        self.assertIn("<22>Jan  5 10:00:00 ", line)

    def test_rfc5424(self):
        """Version, UTC, host, program, pid, the event as MSGID, no structured data."""
        self.assertEqual(
            self.said(LOADED, syslog_format="rfc5424"),
            [f"<22>1 2027-01-15T08:00:00.125Z mx.example.org twistedmx 77 mailboxes-loaded - {LINE}"],
        )

    def test_severity_is_in_the_priority(self):
        """mail.warning goes where the operator has it go."""
        self.assertEqual([line[:4] for line in self.said(TRANSACTION, DISK_FULL)], ["<22>", "<20>"])

    def test_json_is_the_message_when_it_is_asked_for(self):
        """rsyslog has mmjsonparse."""
        (line,) = self.said(LOADED, format="json")
        self.assertEqual(json.loads(line.partition("]: ")[2])["source"], "/etc/boxes")

    def test_what_is_no_line_is_not_sent(self):
        """As in a file."""
        self.assertEqual(self.said(OPENED, attrs.evolve(NOBODY, flooded=True)), [])

    def test_a_peer_makes_no_second_line(self):
        """Nothing but printable ASCII comes out, whatever went in."""
        (line,) = self.said(attrs.evolve(TRANSACTION, helo="x\n<0>Jan  1 00:00:00 kernel: \u2028oops\x00"))
        self.assertTrue(re.fullmatch(r"[ -~]+", line), line)

    def test_a_line_that_no_datagram_holds_is_cut(self):
        """Who, which message and what became of it stand first."""
        path = parse_path(b"a@client.example")
        crowd = tuple(Recipient(path=Path(address=b"x" * 300, domain=b""), verdict=ACCEPTED) for _ in range(2000))
        (line,) = self.said(attrs.evolve(TRANSACTION, envelope=Envelope(reverse_path=path, recipients=crowd)))
        self.assertEqual(len(line), 8192)
        self.assertIn(" verdict=accept reason=accepted ", line)
        self.assertEqual(self.losses.lines, 0)
