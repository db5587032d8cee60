"""The beginning of content that is refused, as it is told to the samples: over the wire of a whole server on fakes."""

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import TransactionEnded
from twistedmx.model.storage import NoSpace
from twistedmx.model.verdict import Reason
from twistedmx.settings import settings_from
from twistedmx.testing.stage import Stage

EMPTY = {"policies": [{"name": "empty-message", "header_only": True}]}
HOPS = {"limits": {"hops": 3}}
LOOP = b"Received: x\r\n" * 3
HELLO = b"Subject: hello\r\n\r\nHello\r\n"
LONG_LINE = b"Subject: x\r\n\r\n" + b"x" * 1000 + b"\r\n"


class TestBeginning(SynchronousTestCase):
    def told(self, content, *, settings=None, whole=True, chunks=None, later=lambda stage: None):
        """The transaction in which `content` was sent: by DATA, or by BDAT in so many `chunks`. `later`: done before."""
        stage = Stage(settings_from({"host": "mx.example.org", **(settings or {})}, "x"))
        self.addCleanup(stage.wheel.stop)
        shell = stage.factory.buildProtocol(None)
        shell.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 1024)))

        def send(octets):
            for piece in [octets] if whole else [octets[at : at + 1] for at in range(len(octets))]:
                shell.dataReceived(piece)
                stage.settle()

        send(b"EHLO client.example\r\n")
        send(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<demo@example.org>\r\n")
        later(stage)
        if chunks is None:
            send(b"DATA\r\n")
            send(content + b".\r\n")
        else:
            size = len(content) // chunks
            for number in range(chunks):
                chunk = content[number * size :] if number == chunks - 1 else content[number * size :][:size]
                send(b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if number == chunks - 1 else b"") + chunk)
        (told,) = (event for event in stage.events if isinstance(event, TransactionEnded))
        return told

    def test_each_way_to_refuse_a_message_tells_how_it_began(self):
        """Who looks at what a botnet sends wants to see it, whatever the fault in it was."""
        for content, settings, reason in (
            (HELLO + b"x" * 70_000 + b"\r\n", {"limits": {"size": 65_536}}, Reason.TOO_LARGE),
            (LONG_LINE, {"limits": {"text_line": 1000}}, Reason.LINE_TOO_LONG),
            (LOOP + HELLO, HOPS, Reason.LOOP),
            (b"Subject: x\r\n", EMPTY, Reason.EMPTY_MESSAGE),
        ):
            for way in ({}, {"chunks": 1}, {"chunks": 3}):
                told = self.told(content, settings=settings, **way)
                self.assertIs(told.reason, reason, way)
                self.assertEqual(told.beginning.octets, content.replace(b"\r\n", b"\n")[:16_384], (reason, way))

    def test_of_one_that_came_octet_by_octet_all_before_the_fault_is_there(self):
        """Blocks as small as these are gathered like large ones."""
        told = self.told(LONG_LINE, settings={"limits": {"text_line": 1000}}, whole=False)
        self.assertEqual(told.beginning.octets, LONG_LINE.replace(b"\r\n", b"\n")[:-1])

    def test_bare_newlines_are_shown_as_they_came(self):
        """Whether it was a bare CR or a bare LF is what a peer's postmaster will ask."""
        told = self.told(b"Subject: x\r\n\r\na\nb\r\n")
        self.assertIs(told.reason, Reason.BARE_NEWLINE)
        self.assertEqual(told.beginning.octets, b"Subject: x\r\n\r\na\nb\r\n")

    def test_a_beginning_is_whole_where_nothing_is_missing_and_nowhere_else(self):
        """A line end counts two where it came as CRLF, and one where it was bare: lengths alone do not tell."""
        bare = b"Subject: x\r\n\r\n" + b"a\n" * 8400 + b"\r\n"  # 16,816 octets
        large, too_large = b"\r\n" * 33_000, {"limits": {"size": 65_536}}
        for content, settings, is_whole in (
            (bare, {}, False),
            (bare[-16_384:], {}, True),
            (bare, {"samples": {"octets": 20_000}}, True),
            (large, {**too_large, "samples": {"octets": 32_999}}, False),
            (large, {**too_large, "samples": {"octets": 33_000}}, True),
            (LOOP + HELLO, {**HOPS, "samples": {"octets": 57}}, False),
            (LOOP + HELLO, {**HOPS, "samples": {"octets": 58}}, True),
            (b" folded\r\n" + LOOP, HOPS, True),
            (b"", EMPTY, True),
        ):
            for way in ({}, {"chunks": 1}):
                told = self.told(content, settings=settings, **way)
                self.assertIs(told.beginning.is_whole, is_whole, (content[:20], settings, way))

    def test_it_is_cut_behind_the_fault_as_well(self):
        """What came before it and the block that had it are too much only together."""
        for octets, is_whole in ((10, False), (11, True)):
            told = self.told(b"aaaa\r\nb\nbb\r\n", chunks=2, settings={"samples": {"octets": octets}})
            self.assertEqual((told.beginning.octets, told.beginning.is_whole), (b"aaaa\nb\nbb\r\n"[:octets], is_whole))

    def test_what_came_behind_the_block_with_the_fault_is_missing(self):
        """Of the same octets all are there when they came at once."""
        for whole, beginning in ((True, b"a\nb\r\n"), (False, b"a\n")):
            told = self.told(b"a\nb\r\n", whole=whole)
            self.assertEqual((told.beginning.octets, told.beginning.is_whole), (beginning, whole))

    def test_what_is_not_remembered_leaves_no_hole(self):
        """The block with the fault is not shown as though it had come behind what went to disk long before."""
        for spill, beginning in ((8, b"Subject:"), (2000, b"Subject: x\n\n" + b"x" * 1000)):
            told = self.told(
                LONG_LINE,
                settings={"limits": {"text_line": 1000}},
                whole=False,
                later=lambda stage, spill=spill: setattr(stage.acceptance, "spill", spill),
            )
            self.assertIs(told.reason, Reason.LINE_TOO_LONG)
            self.assertEqual((told.beginning.octets, told.beginning.is_whole), (beginning, False))

    def test_what_there_was_no_room_for_leaves_no_hole_either(self):
        """A chunk that came in pieces: the first ones nobody took in, and then one with a fault."""
        bare = HELLO + b"a\nb\r\n"
        for content, whole, kept in (
            (bare, True, (bare, True)),
            (bare, False, (b"", False)),
            (HELLO, True, (b"", False)),
        ):
            told = self.told(content, chunks=1, whole=whole, later=lambda stage: setattr(stage.acceptance, "free", 999))
            self.assertEqual((told.beginning.octets, told.beginning.is_whole), kept)

    def test_an_empty_message_has_no_beginning(self):
        """There is nothing to be seen, and that is seen."""
        for way in ({}, {"chunks": 1}):
            told = self.told(b"", settings=EMPTY, **way)
            self.assertEqual((told.reason, told.beginning.octets, told.octets), (Reason.EMPTY_MESSAGE, b"", 0))

    def test_what_the_disk_refuses_has_one_and_what_was_not_taken_in_has_none(self):
        """Of a message for which there was no room nothing was held."""
        full = NoSpace(detail="full")
        told = self.told(HELLO, later=lambda stage: setattr(stage.acceptance, "refusal", full))
        self.assertEqual((told.reason, told.beginning.octets), (Reason.DISK_FULL, b"Subject: hello\n\nHello\n"))
        told = self.told(HELLO, chunks=1, later=lambda stage: setattr(stage.acceptance, "free", 999))
        self.assertEqual(told.octets, len(HELLO))
        self.assertEqual((told.reason, told.beginning.octets), (Reason.DISK_FULL, b""))

    def test_no_more_of_it_is_told_than_the_settings_allow(self):
        """A message has 25 MB."""
        for octets in (0, 7):
            told = self.told(LOOP + HELLO, settings={**HOPS, "samples": {"octets": octets}})
            self.assertEqual(told.beginning.octets, b"Receive"[:octets])
        for content in (LOOP + HELLO, b"a\nb\r\n"):
            told = self.told(content, settings={**HOPS, "samples": {"keep": 0}})
            self.assertEqual((told.beginning.octets, told.beginning.is_whole), (b"", False))

    def test_of_a_message_that_was_accepted_nothing_is_told(self):
        """It is the recipient's, and nobody else's."""
        told = self.told(HELLO)
        self.assertEqual((told.reason, told.beginning.octets), (Reason.ACCEPTED, b""))

    def test_it_is_not_in_what_an_event_says_of_itself(self):
        """A line of a debugger's log is a log."""
        self.assertNotIn("Hello", repr(self.told(LOOP + HELLO, settings=HOPS)))
