"""The journal: each field by itself, and none that a peer has made."""

import struct

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import DISK_FULL, KEPT, NOBODY, OPENED, RELOADED, TRANSACTION
from tests.report.receiver import Receiver
from twistedmx.model.envelope import Envelope, Recipient
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.report.fields import FIELDS
from twistedmx.report.journald import Journald, entry
from twistedmx.report.losses import Losses
from twistedmx.report.text import text
from twistedmx.smtp.path import Path, parse_path


def read(octets):
    """An entry as journald reads it: systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    fields = []
    while octets:
        line, _, rest = octets.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", rest)
            value, end, octets = rest[8 : 8 + length], rest[8 + length : 9 + length], rest[9 + length :]
            assert end == b"\n"
        else:
            octets = rest
        fields.append((name.decode("ascii"), value.decode("utf-8")))
    return fields


class TestEntry(SynchronousTestCase):
    @given(st.lists(st.tuples(st.from_regex(r"[A-Z][A-Z_]{0,9}", fullmatch=True), st.text()), max_size=5))
    def test_what_is_written_is_what_is_read(self, fields):
        """Whatever a value holds, line ends and "=" among it."""
        self.assertEqual(read(entry(fields)), fields)

    def test_a_line_end_begins_no_field(self):
        """A peer that says PRIORITY=0 in its EHLO wakes nobody."""
        self.assertEqual(
            read(entry([("HELO", "x\nPRIORITY=0"), ("PRIORITY", "6")])), [("HELO", "x\nPRIORITY=0"), ("PRIORITY", "6")]
        )

    def test_what_is_no_text_does_not_stop_the_line(self):
        """A lone surrogate has no UTF-8."""
        self.assertEqual(read(entry([("HELO", "\udcff")])), [("HELO", "\\udcff")])


class TestJournald(SynchronousTestCase):
    def setUp(self):
        self.receiver = Receiver(self.mktemp())
        self.addCleanup(self.receiver.close)
        self.losses = Losses()
        self.journald = Journald(self.losses, self.receiver.path)
        self.addCleanup(self.journald.close)

    def entries(self, *events):
        for event in events:
            self.journald(event)
        return [read(datagram) for datagram in self.receiver.receive()]

    def test_an_event_is_an_entry_with_the_line_as_its_message(self):
        """`journalctl` shows what a file would have."""
        (fields,) = self.entries(RELOADED)
        self.assertEqual(
            fields,
            [
                ("MESSAGE", "settings-reloaded source=/etc/mx.toml changed=limits.size,log.format"),
                ("PRIORITY", "6"),
                ("SYSLOG_IDENTIFIER", "twistedmx"),
                ("SYSLOG_FACILITY", "2"),
                ("TWISTEDMX_EVENT", "settings-reloaded"),
                ("TWISTEDMX_SOURCE", "/etc/mx.toml"),
                ("TWISTEDMX_CHANGED", "limits.size,log.format"),
            ],
        )

    def test_every_field_of_a_line_is_one_of_the_journal(self):
        """`journalctl TWISTEDMX_QUEUE_ID=...` finds it."""
        (fields,) = self.entries(TRANSACTION)
        names = [name for name, _ in fields if name.startswith("TWISTEDMX_")]
        line = FIELDS[type(TRANSACTION)](TRANSACTION)
        self.assertEqual(names, [f"TWISTEDMX_{name.upper()}" for name in line])
        self.assertEqual(dict(fields)["MESSAGE"], text(line))

    def test_what_an_operator_should_see_has_another_priority(self):
        """`journalctl -p warning` is the list of what to look after."""
        priorities = [dict(fields)["PRIORITY"] for fields in self.entries(TRANSACTION, DISK_FULL, KEPT)]
        self.assertEqual(priorities, ["6", "4", "4"])

    def test_what_is_no_line_is_no_entry(self):
        """As in a file."""
        self.assertEqual(self.entries(OPENED, attrs.evolve(NOBODY, flooded=True)), [])

    def test_an_entry_that_no_datagram_holds_comes_whole_all_the_same(self):
        """A peer cannot hide a message by the length of its line."""
        path = parse_path(b"a@client.example")
        crowd = tuple(Recipient(path=Path(address=b"x" * 300, domain=b""), verdict=ACCEPTED) for _ in range(2000))
        (fields,) = self.entries(attrs.evolve(TRANSACTION, envelope=Envelope(reverse_path=path, recipients=crowd)))
        self.assertEqual(len(dict(fields)["TWISTEDMX_TO"]), 2000 * 301 - 1)
        self.assertEqual(self.losses.lines, 0)
