"""The log, to the character: its lines are an interface, and whatever a peer says cannot forge one."""

import json
import re

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import (
    ATTACK_BEGAN,
    ATTACK_ENDED,
    BLOCKED,
    DROPPED,
    FAILED,
    FLOOD_BEGAN,
    FLOOD_ENDED,
    FLOOD_GOES_ON,
    GIVEN_UP,
    KEPT,
    LIMIT_MOVED,
    LOADED,
    NOBODY,
    OPENED,
    PEER,
    RECOVERED,
    REFUSED_NEWCOMERS,
    RELOADED,
    SESSION,
    SETTINGS_KEPT,
    TLS,
    TRANSACTION,
    UNBLOCKED,
    UNKNOWN,
)
from twistedmx.model.envelope import Envelope, Recipient, Refused
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.report.fields import FIELDS
from twistedmx.report.log import Log, LogSettings
from twistedmx.report.text import text
from twistedmx.smtp.path import Path

TEXT = {
    TRANSACTION: (
        'transaction session=0123456789 queue_id=0123456789.1 peer=192.0.2.7 via="" helo=client.example '
        'tls=TLSv1.3:TLS_AES_256_GCM_SHA384 tls_name=mx.example.org tls_client="" '
        "verdict=accept reason=accepted from=a@client.example "
        "to=demo@example.org,ann@example.org refused=1 refused_to=nobody@example.org:unknown-mailbox octets=1234 "
        'seconds=0.123 reply="250 2.0.0 Ok: queued as 0123456789.1" detail=/mail/x/new/1'
    ),
    NOBODY: (
        'nobody-accepted session=0123456789 peer=192.0.2.7 via="" helo=client.example tls=- tls_name="" tls_client="" '
        "transactions=2 from=a@client.example, refused=1 refused_to=nobody@example.org:unknown-mailbox"
    ),
    BLOCKED: (
        "network-blocked network=192.0.2.0/24 id=7KW3PQ2N reason=bad-recipients origin=operator relapse=1 "
        'expiry=2027-01-15T09:00:00.125Z evidence="guesses names"'
    ),
    UNBLOCKED: (
        "network-unblocked network=192.0.2.0/24 id=7KW3PQ2N reason=bad-recipients origin=operator relapse=1 "
        'expiry="" evidence="guesses names"'
    ),
    SESSION: (
        'session session=0123456789 peer=192.0.2.7 port=1024 via="" helo=client.example tls=- tls_name="" tls_client="" '
        "reason=quit commands=6 "
        "transactions=1 messages=1 refused=1 errors=1 seconds=1.5"
    ),
    LOADED: "mailboxes-loaded source=/etc/boxes addresses=3 seconds=0.012",
    KEPT: 'mailboxes-kept source=/etc/boxes fault="/etc/boxes: 3: what is this?"',
    FAILED: 'backend-failed source=people fault="connection refused"',
    RECOVERED: "backend-recovered source=people seconds=61.0",
    RELOADED: "settings-reloaded source=/etc/mx.toml changed=limits.size,log.format",
    SETTINGS_KEPT: 'settings-kept source=/etc/mx.toml faults="host: is no name,listen: in use"',
    ATTACK_BEGAN: "attack-began domain=example.org names=84 known=3 hosts=17",
    ATTACK_ENDED: (
        "attack-ended domain=example.org start=2027-01-15T07:00:00.125Z end=2027-01-15T07:55:00.125Z peak=520 hosts=2044 "
        "names=9120 tries=12031 hung_up=bad-recipients:1203,rset-abuse:40 blocks=87 "
        "samples=aaron@example.org,abby@example.org"
    ),
    FLOOD_BEGAN: "flood-began address=nobody@example.org tries=61",
    FLOOD_GOES_ON: "flood-goes-on address=nobody@example.org tries=230 hosts=187",
    FLOOD_ENDED: (
        "flood-ended address=nobody@example.org start=2027-01-15T07:00:00.125Z end=2027-01-15T07:55:00.125Z peak=260 "
        "tries=1204 hosts=611"
    ),
    LIMIT_MOVED: (
        "limit-moved before=140 limit=280 why=wanted strangers=140 proven=3 waiting=61 load=0.31 lag=0.001 free_memory=-1.0"
    ),
    REFUSED_NEWCOMERS: "newcomers-refused host=7 network=0 strangers=12 descriptors=0 displaced=14",
    DROPPED: 'subscriber-dropped subscriber=Counters fault="KeyError: 1"',
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
        (line,) = lines(GIVEN_UP)
        self.assertIn(" verdict=none reason=lost ", line)
        self.assertTrue(line.endswith(' reply="" detail=""'))
        self.assertIn(' refused=0 refused_to="" ', line)

    def test_stamped_lines_begin_with_the_time(self):
        """In a file of our own nobody else stamps them."""
        self.assertEqual(lines(LOADED, stamped=True), [f"2027-01-15T08:00:00.125Z {TEXT[LOADED]}"])

    def test_what_is_no_line_is_not_written(self):
        """A session that opens is told when it ends."""
        self.assertEqual(lines(OPENED), [])

    def test_what_asked_for_flooded_addresses_alone_has_no_line(self):
        """Siege 3: a million bounces to one address that never existed; a line a minute stands for all of them."""
        silent = [attrs.evolve(event, flooded=True) for event in (NOBODY, SESSION)]
        for format in ("text", "json"):
            self.assertEqual(lines(*silent, format=format), [])
            self.assertEqual(len(lines(*silent, NOBODY, SESSION, FLOOD_GOES_ON, format=format)), 3)

    def test_the_short_way_says_the_same(self):
        """What a line says must not depend on how common its kind is."""
        (ann, _) = TRANSACTION.envelope.recipients
        one = attrs.evolve(TRANSACTION.envelope, recipients=(ann,))
        for event in (
            attrs.evolve(TRANSACTION, envelope=one, refused=Refused()),
            attrs.evolve(TRANSACTION, envelope=one, refused=Refused(), tls=None, seconds=61.0, detail="/a b/c"),
            attrs.evolve(TRANSACTION, envelope=one),
            attrs.evolve(GIVEN_UP, envelope=one),
            attrs.evolve(SESSION, tls=TLS, seconds=0.0004),
            NOBODY,
            attrs.evolve(NOBODY, tls=TLS, helo="a b", reverse_paths=(), refused=Refused()),
        ):
            self.assertEqual(lines(event), [text(FIELDS[type(event)](event))])

    def test_fifty_refused_are_named_and_all_are_counted(self):
        """A line has an end."""
        refused = Refused(count=5000, runs=((UNKNOWN, (b"nobody@example.org",) * 30),) * 3)
        (line,) = lines(attrs.evolve(TRANSACTION, refused=refused))
        self.assertEqual(line.count("unknown-mailbox"), 50)
        self.assertIn(" refused=5000 ", line)


class TestJson(SynchronousTestCase):
    maxDiff = None

    def test_each_line_is_an_object_with_the_same_fields_in_the_same_order(self):
        """One log, two ways of writing it."""
        for event, words in TEXT.items():
            (line,) = lines(event, format="json")
            self.assertNotIn("\n", line)
            read = json.loads(line)
            self.assertEqual(list(read)[:2], ["time", "event"])
            self.assertEqual(read["time"], "2027-01-15T08:00:00.125Z")
            self.assertEqual([read["event"], *list(read)[2:]], [name for name, _, _ in fields(words)])

    def test_a_transaction_to_the_character(self):
        """Machines count on types as well."""
        self.assertEqual(
            lines(TRANSACTION, format="json"),
            [
                '{"time": "2027-01-15T08:00:00.125Z", "event": "transaction", "session": "0123456789", '
                '"queue_id": "0123456789.1", "peer": "192.0.2.7", "via": "", "helo": "client.example", '
                '"tls": "TLSv1.3:TLS_AES_256_GCM_SHA384", "tls_name": "mx.example.org", "tls_client": "", '
                '"verdict": "accept", "reason": "accepted", '
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
                peer=attrs.evolve(PEER, via=evil),
                helo=evil,
                tls=attrs.evolve(TLS, server_name=evil, client=evil),
                detail=evil,
                envelope=Envelope(reverse_path=path, recipients=(Recipient(path=path, verdict=ACCEPTED),) * 2),
                refused=Refused(count=1, runs=((UNKNOWN, (octets,)),)),
            )
            (line,) = lines(event)
            self.assertTrue(line.isascii() and line.isprintable(), line)
            one = Envelope(reverse_path=path, recipients=event.envelope.recipients[:1])
            for short in (
                attrs.evolve(event, envelope=one, refused=Refused()),
                attrs.evolve(SESSION, peer=event.peer, helo=evil, tls=event.tls),
                attrs.evolve(NOBODY, peer=event.peer, helo=evil, tls=event.tls),
            ):
                self.assertEqual(lines(short), [text(FIELDS[type(short)](short))])
            read = fields(line)
            self.assertEqual([name for name, _, _ in read], names, line)
            values = {name: value for name, _, value in read}
            said = dict.fromkeys(("via", "helo", "tls_name", "tls_client", "detail", "from"), evil)
            for name, expected in (*said.items(), ("to", f"{evil},{evil}")):
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


class TestSettings(SynchronousTestCase):
    def test_where_lines_go_follows_from_what_is_written(self):
        """A path alone is enough, and so is the name of a destination."""
        for settings, destination in (
            (LogSettings(), "twistd"),
            (LogSettings(file="-"), "stdout"),
            (LogSettings(file="/var/log/mx"), "file"),
            (LogSettings(to="file", file="/var/log/mx"), "file"),
            (LogSettings(to="journald"), "journald"),
            (LogSettings(to="syslog", file="/var/log/mx"), "syslog"),
        ):
            self.assertEqual(settings.destination, destination)

    def test_a_file_without_a_name_is_a_fault(self):
        """Said at the start, and not at the first line."""
        for file in ("", "-"):
            (fault,) = LogSettings(to="file", file=file).faults()
            self.assertTrue(fault.startswith("log.file: name the file"))
        self.assertEqual(LogSettings(to="file", file="/var/log/mx").faults(), [])

    def test_what_is_written_and_does_nothing_is_a_warning(self):
        """Somebody believes in it."""
        for settings, key in (
            (LogSettings(to="syslog", file="/var/log/mx"), "log.file"),
            (LogSettings(socket="/run/log"), "log.socket"),
            (LogSettings(to="journald", format="json"), "log.format"),
        ):
            (warning,) = settings.warnings()
            self.assertTrue(warning.startswith(key + ": "), warning)
        self.assertEqual(LogSettings(to="syslog", socket="/run/log", format="json").warnings(), [])

    def test_a_destination_is_one_of_those_there_are(self):
        """A typing error must not send the log into nowhere."""
        error = self.assertRaises(ValueError, LogSettings, to="journal")
        self.assertIn("journald", str(error))
