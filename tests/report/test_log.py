"""The log, to the character: its lines are an interface, and whatever a peer says cannot forge one."""

import json
import re

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.envelope import Envelope, Recipient
from twistedmx.model.event import MailboxesKept, MailboxesLoaded, SessionEnded, SessionOpened, TransactionEnded
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.report.log import Log, LogSettings
from twistedmx.smtp import codes
from twistedmx.smtp.path import Path, parse_path

PEER = Peer(address="192.0.2.7", port=1024)
TLS = Tls(protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384")
REFUSED = Recipient(
    path=parse_path(b"nobody@example.org"), verdict=verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
)
TRANSACTION = TransactionEnded(
    at=1_800_000_000.125,
    session="0123456789",
    queue_id="0123456789.1",
    peer=PEER,
    helo="client.example",
    tls=TLS,
    envelope=Envelope(
        reverse_path=parse_path(b"a@client.example"),
        recipients=tuple(
            Recipient(path=parse_path(each), verdict=ACCEPTED) for each in (b"demo@example.org", b"ann@example.org")
        ),
    ),
    refused=(REFUSED,),
    refused_count=1,
    verdict=verdict(codes.accepted("0123456789.1"), Reason.ACCEPTED),
    reason=Reason.ACCEPTED,
    octets=1234,
    seconds=0.12345,
    detail="/mail/x/new/1",
)
SESSION = SessionEnded(
    at=1_800_000_000.125,
    session="0123456789",
    peer=PEER,
    helo="client.example",
    tls=None,
    reason=Reason.QUIT,
    seconds=1.5,
    commands=6,
    transactions=1,
    messages=1,
    refused_recipients=1,
    errors=1,
)
LOADED = MailboxesLoaded(at=1_800_000_000.125, source="/etc/boxes", addresses=3, seconds=0.0124)
KEPT = MailboxesKept(at=1_800_000_000.125, source="/etc/boxes", fault="/etc/boxes: 3: what is this?")

TEXT = {
    TRANSACTION: (
        "transaction session=0123456789 queue_id=0123456789.1 peer=192.0.2.7 helo=client.example "
        "tls=TLSv1.3:TLS_AES_256_GCM_SHA384 verdict=accept reason=accepted from=a@client.example "
        "to=demo@example.org,ann@example.org refused=1 refused_to=nobody@example.org:unknown-mailbox octets=1234 "
        'seconds=0.123 reply="250 2.0.0 Ok: queued as 0123456789.1" detail=/mail/x/new/1'
    ),
    SESSION: (
        "session session=0123456789 peer=192.0.2.7 port=1024 helo=client.example tls=- reason=quit commands=6 "
        "transactions=1 messages=1 refused=1 errors=1 seconds=1.5"
    ),
    LOADED: "mailboxes-loaded source=/etc/boxes addresses=3 seconds=0.012",
    KEPT: 'mailboxes-kept source=/etc/boxes fault="/etc/boxes: 3: what is this?"',
}


def lines(*events, format="text", stamped=False):
    written = []
    log = Log(LogSettings(format=format), written.append, stamped=stamped)
    for event in events:
        log(event)
    return written


def fields(line):
    """A line of text as whoever reads the log reads it: words split at spaces that are in no quotes."""
    words = re.findall(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+', line)
    return [word.partition("=") for word in words]


class TestText(SynchronousTestCase):
    maxDiff = None

    def test_each_line_to_the_character(self):
        """People have greps for these."""
        for event, line in TEXT.items():
            self.assertEqual(lines(event), [line])

    def test_a_transaction_that_was_given_up(self):
        """Every field is there, also without a value: a column does not move."""
        (line,) = lines(
            attrs.evolve(TRANSACTION, verdict=None, reason=Reason.LOST, refused=(), refused_count=0, detail="")
        )
        self.assertIn(" verdict=none reason=lost ", line)
        self.assertTrue(line.endswith(' reply="" detail=""'))
        self.assertIn(' refused=0 refused_to="" ', line)

    def test_stamped_lines_begin_with_the_time(self):
        """In a file of our own nobody else stamps them."""
        self.assertEqual(lines(LOADED, stamped=True), [f"2027-01-15T08:00:00.125Z {TEXT[LOADED]}"])

    def test_what_is_no_line_is_not_written(self):
        """A session that opens is told when it ends."""
        self.assertEqual(lines(SessionOpened(at=0.0, session="x", peer=PEER)), [])

    def test_ten_refused_are_named_and_all_are_counted(self):
        """A line has an end."""
        (line,) = lines(attrs.evolve(TRANSACTION, refused=(REFUSED,) * 100, refused_count=5000))
        self.assertEqual(line.count("unknown-mailbox"), 10)
        self.assertIn(" refused=5000 ", line)


class TestJson(SynchronousTestCase):
    maxDiff = None

    def test_each_line_is_an_object_with_the_same_fields_in_the_same_order(self):
        """One log, two ways of writing it."""
        for event, text in TEXT.items():
            (line,) = lines(event, format="json")
            self.assertNotIn("\n", line)
            read = json.loads(line)
            self.assertEqual(list(read)[:2], ["time", "event"])
            self.assertEqual(read["time"], "2027-01-15T08:00:00.125Z")
            self.assertEqual([read["event"], *list(read)[2:]], [name for name, _, _ in fields(text)])

    def test_a_transaction_to_the_character(self):
        """Machines count on types as well."""
        self.assertEqual(
            lines(TRANSACTION, format="json"),
            [
                '{"time": "2027-01-15T08:00:00.125Z", "event": "transaction", "session": "0123456789", '
                '"queue_id": "0123456789.1", "peer": "192.0.2.7", "helo": "client.example", '
                '"tls": "TLSv1.3:TLS_AES_256_GCM_SHA384", "verdict": "accept", "reason": "accepted", '
                '"from": "a@client.example", "to": ["demo@example.org", "ann@example.org"], "refused": 1, '
                '"refused_to": ["nobody@example.org:unknown-mailbox"], "octets": 1234, "seconds": 0.123, '
                '"reply": "250 2.0.0 Ok: queued as 0123456789.1", "detail": "/mail/x/new/1"}'
            ],
        )


class TestInjection(SynchronousTestCase):
    EVIL = (
        "x reason=accepted",
        "x\ntransaction session=forged",
        "x\rsession",
        'x" reason=accepted y="',
        '" reason=accepted',
        "=",
        "=reason=accepted",
        "x=y",
        "\\",
        '\\" reason=accepted ',
        "\x1b[2J",
        "\u2028reason=accepted",
        "\u0085reason=accepted",
        "\u202egnp.exe",
        "ü",
        "",
        "\x7f",
        "a,b",
        "'",
    )

    def test_no_value_forges_a_field_or_a_line(self):
        """HELO, paths and details come from strangers; a log that they can write in is worth nothing."""
        names = [name for name, _, _ in fields(TEXT[TRANSACTION])]
        for evil in self.EVIL:
            octets = evil.encode()
            path = Path(address=octets, domain=b"")
            event = attrs.evolve(
                TRANSACTION,
                helo=evil,
                detail=evil,
                envelope=Envelope(reverse_path=path, recipients=(Recipient(path=path, verdict=ACCEPTED),) * 2),
                refused=(attrs.evolve(REFUSED, path=path),),
            )
            (line,) = lines(event)
            self.assertTrue(line.isascii() and line.isprintable(), line)
            read = fields(line)
            self.assertEqual([name for name, _, _ in read], names, line)
            values = {name: value for name, _, value in read}
            for name, expected in (("helo", evil), ("detail", evil), ("from", evil), ("to", f"{evil},{evil}")):
                value = values[name]
                self.assertEqual(json.loads(value) if value.startswith('"') else value, expected)
            self.assertEqual(values["reason"], "accepted")
            (line,) = lines(event, format="json")
            self.assertTrue(line.isascii() and line.isprintable(), line)
            self.assertEqual(json.loads(line)["helo"], evil)

    def test_the_format_is_one_of_two(self):
        """A typing error must not become a third format."""
        error = self.assertRaises(ValueError, LogSettings, format="xml")
        self.assertIn("text, json", str(error))
