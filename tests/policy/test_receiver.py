"""What each input is answered, what is kept of it, and which facts are told: on fakes, without a wire."""

from ipaddress import ip_network

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import (
    CommandRefused,
    NobodyAccepted,
    SessionEnded,
    SessionOpened,
    TlsEstablished,
    TransactionEnded,
)
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.storage import Failed, NoSpace
from twistedmx.model.verdict import Action, Reason
from twistedmx.policy.receiver import Receiver
from twistedmx.settings import Settings
from twistedmx.smtp import codes
from twistedmx.smtp.command import Data, Ehlo, Helo, Help, Mail, Noop, Quit, Rcpt, Rset, Vrfy, parse_command
from twistedmx.smtp.reply import with_id
from twistedmx.smtp.session import Block, EndOfChunk, EndOfData, Session
from twistedmx.testing.stage import Stage

PEER = Peer(address="2001:db8::7", port=1024)
TLS = Tls(protocol="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384")
SETTINGS = Settings(host="mx.example.org")


def mail(words="<a@client.example>"):
    return parse_command(b"MAIL FROM:" + words.encode())


def rcpt(words="<demo@example.org>"):
    return parse_command(b"RCPT TO:" + words.encode())


class Base(SynchronousTestCase):
    def setUp(self):
        self.stage = Stage(SETTINGS)
        self.receiver, self.session = self.make()
        self.receiver.greeting()
        self.receiver.answer(Ehlo(domain="client.example"))

    def make(self):
        session = Session(limits=SETTINGS.limits.by_posture()[0], starttls=True, secure=False)
        return Receiver(self.stage.site, session, PEER), session

    def begin(self, *recipients, sender="<a@client.example>"):
        self.assertEqual(self.receiver.answer(mail(sender)), codes.SENDER_OK)
        for recipient in recipients or ("<demo@example.org>",):
            self.assertEqual(self.receiver.answer(rcpt(recipient)), codes.RECIPIENT_OK)

    def send(self, *blocks):
        self.assertEqual(self.receiver.answer(Data()), codes.START_CONTENT)
        for block in blocks:
            self.receiver.take(Block(block))
        return self.receiver.answer(EndOfData(size=sum(map(len, blocks)), fault=None))

    def ended(self):
        return [event for event in self.stage.events if isinstance(event, TransactionEnded)]

    @property
    def message(self):
        return self.stage.acceptance.messages[-1]


class TestSession(Base):
    def test_ids_are_ten_letters_that_make_no_words_and_differ(self):
        """An id is read over the phone and searched for in two logs."""
        ids = [self.make()[0].id for _ in range(300)]
        self.assertEqual(len(set(ids)), 300)
        for each in ids:
            self.assertRegex(each, r"\A[0-9B-DF-HJ-NP-TV-XYZ]{10}\Z")

    def test_the_greeting_refreshes_the_mailboxes_and_is_told(self):
        """An edit is live at the next connection."""
        self.assertEqual(self.stage.mailboxes.refreshed, 1)
        opened = self.stage.events[0]
        self.assertIsInstance(opened, SessionOpened)
        self.assertEqual((opened.peer, opened.session), (PEER, self.receiver.id))

    def test_ehlo_offers_what_there_is_and_starttls_once(self):
        """RFC 3207 4.2: not again under TLS; SIZE and LIMITS are the settings."""
        plain = self.receiver.answer(Ehlo(domain="x"))
        self.assertEqual(plain.code, 250)
        self.assertEqual(
            plain.lines,
            (
                "mx.example.org",
                "STARTTLS",
                "PIPELINING",
                "SIZE 26214400",
                "8BITMIME",
                "SMTPUTF8",
                "CHUNKING",
                "ENHANCEDSTATUSCODES",
                "LIMITS RCPTMAX=100 MAILMAX=1000",
            ),
        )
        self.receiver.secured(TLS)
        under = self.receiver.answer(Ehlo(domain="x"))
        self.assertEqual(under.lines, tuple(line for line in plain.lines if line != "STARTTLS"))
        self.assertIsInstance(self.stage.events[-1], TlsEstablished)

    def test_helo_offers_nothing(self):
        """RFC 5321 4.1.1.1: one line."""
        self.assertEqual(self.receiver.answer(Helo(domain="x")).octets, b"250 mx.example.org\r\n")

    def test_commands_that_need_no_thought(self):
        """VRFY gives nobody away, in particular."""
        for command, words in (
            (Noop(), codes.NOOP),
            (Vrfy(), codes.NOT_VERIFIED),
            (Help(), codes.HELP),
            (Rset(), codes.RESET),
            (Quit(), codes.CLOSING),
        ):
            self.assertEqual(self.receiver.answer(command), words)
        self.assertEqual(self.stage.mailboxes.asked, [])

    def test_the_end_is_told_with_its_figures(self):
        """One line for each session."""
        self.begin()
        self.receiver.answer(rcpt("<nobody@example.org>"))
        self.send(b"x\n")
        self.stage.clock.advance(2.5)
        self.receiver.ended(codes.CLOSING)
        told = self.stage.events[-1]
        self.assertIsInstance(told, SessionEnded)
        self.assertEqual(
            (told.reason, told.transactions, told.refused_recipients, told.seconds, told.helo, told.tls),
            (Reason.QUIT, 1, 1, 2.5, "client.example", None),
        )

    def test_the_reason_of_the_end_follows_from_the_last_words(self):
        """Whoever greps for idle finds the idle ones."""
        for words, reason in (
            (None, Reason.LOST),
            (codes.CLOSING, Reason.QUIT),
            (codes.IDLE, Reason.IDLE),
            (codes.TOO_SLOW, Reason.TOO_SLOW),
            (codes.SHUTDOWN, Reason.SHUTDOWN),
            (codes.NOT_SMTP, Reason.NOT_SMTP),
            (codes.TOO_MANY_ERRORS, Reason.TOO_MANY_ERRORS),
            (codes.TOO_MANY_IDLE_COMMANDS, Reason.TOO_MANY_IDLE_COMMANDS),
            (codes.TOO_MANY_MESSAGES, Reason.TOO_MANY_MESSAGES),
            (codes.ENDLESS, Reason.TOO_LARGE),
            (codes.BDAT_SYNTAX, Reason.SYNTAX),
        ):
            receiver, _ = self.make()
            receiver.ended(words)
            self.assertIs(self.stage.events[-1].reason, reason, words)


class TestTransaction(Base):
    def test_each_way_out_ends_it_once_with_its_reason(self):
        """One line for each MAIL that was accepted: nothing disappears."""
        for leave, reason in (
            (lambda: self.receiver.answer(Rset()), Reason.ABANDONED),
            (lambda: self.receiver.answer(Ehlo(domain="x")), Reason.ABANDONED),
            (lambda: self.receiver.answer(Helo(domain="x")), Reason.ABANDONED),
            (lambda: self.send(b"x\n"), Reason.ACCEPTED),
            (lambda: self.receiver.ended(None), Reason.LOST),
        ):
            before = len(self.ended())
            self.begin()
            leave()
            self.assertEqual([event.reason for event in self.ended()[before:]], [reason])

    def test_its_name_is_that_of_the_session_and_a_number(self):
        """One leads to the other, in replies, trace fields and both logs."""
        for number in (1, 2):
            self.begin()
            told = self.successResultOf(self.send(b"x\n"))
            self.assertEqual(told, codes.accepted(f"{self.receiver.id}.{number}"))
        self.assertEqual([event.queue_id for event in self.ended()], [f"{self.receiver.id}.1", f"{self.receiver.id}.2"])

    def test_the_envelope_is_told_as_given(self):
        """Parameters of DSN and SMTPUTF8 must reach whoever writes a report."""
        self.begin(
            "<demo@example.org> NOTIFY=NEVER ORCPT=rfc822;x@y", sender="<a@b> RET=HDRS ENVID=E BODY=8BITMIME SMTPUTF8"
        )
        self.send(b"x\n")
        envelope = self.ended()[0].envelope
        self.assertEqual(
            (envelope.ret, envelope.envid, envelope.body, envelope.smtputf8), ("HDRS", "E", "8BITMIME", True)
        )
        self.assertEqual((envelope.recipients[0].notify, envelope.recipients[0].original), ("NEVER", "rfc822;x@y"))

    def test_refused_recipients_are_named_up_to_a_hundred_and_counted_beyond(self):
        """A guesser sends thousands in one transaction; what we hold of them is bounded."""
        self.begin()
        for number in range(250):
            self.receiver.answer(rcpt(f"<guess{number}@example.org>"))
        self.send(b"x\n")
        told = self.ended()[0]
        self.assertEqual(told.refused.count, 250)
        self.assertEqual(told.refused.others, ((Action.REJECT, Reason.UNKNOWN_MAILBOX, 150),))
        ((decided, named),) = told.refused.runs
        self.assertEqual((len(named), named[0]), (100, b"guess0@example.org"))
        self.assertIs(decided.reason, Reason.UNKNOWN_MAILBOX)

    def fruitless(self):
        return [event for event in self.stage.events if isinstance(event, NobodyAccepted)]

    def test_transactions_in_which_nobody_was_accepted_are_told_together(self):
        """A line of the log, or a row, for each of a thousand RSETs is what an attack should not be able to ask for."""
        for number in range(130):
            self.receiver.answer(mail(f"<bob{number % 2}@example.net>"))
            self.receiver.answer(rcpt(f"<guess{number}@example.org>"))
            self.receiver.answer(Rset())
        self.assertEqual([event.transactions for event in self.fruitless()], [125])
        self.receiver.ended(codes.CLOSING)
        first, rest = self.fruitless()
        self.assertEqual((rest.transactions, rest.refused.count), (5, 5))
        self.assertEqual([str(path) for path in first.reverse_paths], ["bob0@example.net", "bob1@example.net"])
        ((_, named),) = first.refused.runs
        self.assertEqual((named[0], named[-1], len(named)), (b"guess0@example.org", b"guess124@example.org", 125))
        self.assertEqual(self.ended(), [])

    def test_what_was_refused_is_told_three_seconds_later_at_most(self):
        """Counters, and whoever follows the log, need not wait for a session that stays for minutes."""
        self.receiver.answer(mail())
        self.receiver.answer(Rset())
        self.stage.clock.advance(1.5)
        self.assertEqual(self.fruitless(), [])
        self.receiver.answer(mail())
        self.receiver.answer(Rset())
        self.stage.clock.advance(1.5)
        self.assertEqual([event.transactions for event in self.fruitless()], [2])
        self.receiver.ended(codes.CLOSING)
        self.assertEqual((len(self.fruitless()), self.stage.clock.getDelayedCalls()), (1, []))

    def test_who_goes_before_his_time_leaves_nothing_waiting(self):
        """All is told at the end of the session."""
        self.receiver.answer(mail())
        self.receiver.answer(Rset())
        self.receiver.ended(codes.CLOSING)
        self.assertEqual((len(self.fruitless()), self.stage.clock.getDelayedCalls()), (1, []))

    def test_what_comes_when_many_were_told_has_a_time_of_its_own(self):
        """Else a fast guesser is told of twice as often: when there are many, and when the time of the first ones is over."""
        for number in range(125):
            self.receiver.answer(mail())
            self.receiver.answer(rcpt(f"<guess{number}@example.org>"))
            self.receiver.answer(Rset())
        self.stage.clock.advance(1.5)
        self.receiver.answer(mail())
        self.receiver.answer(Rset())
        self.stage.clock.advance(1.5)
        self.assertEqual([event.transactions for event in self.fruitless()], [125])
        self.stage.clock.advance(1.5)
        self.assertEqual([event.transactions for event in self.fruitless()], [125, 1])
        self.stage.clock.advance(5)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])

    def test_what_was_refused_is_told_of_who_asked(self):
        """Another name, TLS or a client that a proxy speaks for comes later: the guesses were made before."""
        for begin in (
            lambda: self.receiver.answer(Ehlo(domain="new.example")),
            lambda: self.receiver.secured(Tls(protocol="TLSv1.3", cipher="X")),
            lambda: self.receiver.answer(parse_command(b"XCLIENT ADDR=198.51.100.9")),
        ):
            self.receiver.answer(Ehlo(domain="old.example"))
            self.receiver.answer(mail())
            self.receiver.answer(Rset())
            begin()
            told = self.fruitless()[-1]
            self.assertEqual(
                (told.helo, told.tls is None, told.peer.via), ("old.example", len(self.fruitless()) < 3, "")
            )

    def test_a_full_disk_is_said_at_mail_where_size_tells_and_at_data(self):
        """RFC 1870 6.1: 452 before the content costs nobody anything."""
        self.stage.acceptance.free = 5000
        no_space = with_id(codes.NO_SPACE, self.receiver.id)
        self.assertEqual(self.receiver.answer(mail("<a@b> SIZE=4500")), no_space)
        self.assertEqual(self.receiver.answer(mail("<a@b> SIZE=3500")), codes.SENDER_OK)
        self.receiver.answer(rcpt())
        self.stage.acceptance.free = 900
        self.assertEqual(self.receiver.answer(Data()), no_space)
        self.assertEqual(self.stage.acceptance.messages, [])

    def test_commands_that_find_no_room_are_told_at_once_and_from_then_on_together(self):
        """Who says MAIL again and again while the disk is full writes no log; another client's are his own. The short way, which
        asks first and then goes the long way, tells nothing."""
        self.stage.acceptance.free = 0
        command = mail("<a@b>")
        for _ in range(3):
            self.receiver.mail(command.reverse_path, command.parameters)
            self.receiver.answer(command)
        self.receiver.answer(parse_command(b"XCLIENT ADDR=198.51.100.9"))
        self.receiver.answer(command)
        self.receiver.ended(codes.CLOSING)
        told = [event for event in self.stage.events if isinstance(event, CommandRefused)]
        self.assertEqual(
            [(event.count, event.peer.address) for event in told],
            [(1, PEER.address), (2, PEER.address), (1, "198.51.100.9")],
        )
        self.assertEqual({event.verdict.reply for event in told}, {codes.NO_SPACE})
        self.assertEqual(str(told[0].reverse_path), "a@b")

    def test_a_disk_that_cannot_be_measured_refuses_nobody(self):
        """Not knowing is not full."""
        self.stage.acceptance.free = None
        self.assertEqual(self.receiver.answer(mail("<a@b> SIZE=4500")), codes.SENDER_OK)


class TestCopies(Base):
    def test_the_trace_is_return_path_delivered_to_received(self):
        """RFC 5321 4.4, RFC 9228: each copy names its own mailbox."""
        self.begin("<both@example.org>")
        self.send(b"Subject: x\n", b"\nbody\n")
        traces = [copy.trace.decode() for copy in self.message.copies]
        rest = (
            "Received: from client.example ([IPv6:2001:db8::7])\n"
            f"\tby mx.example.org with ESMTP id {self.receiver.id}.1\n"
            "\tfor <both@example.org>;\n"
            "\tFri, 15 Jan 2027 08:00:00 +0000\n"
        )
        self.assertEqual(
            traces,
            [
                "Return-Path: <a@client.example>\nDelivered-To: demo@example.org\n" + rest,
                "Return-Path: <a@client.example>\nDelivered-To: ann@example.org\n" + rest,
            ],
        )
        self.assertEqual(self.message.content, b"Subject: x\n\nbody\n")

    def test_a_bounce_keeps_its_empty_return_path(self):
        """Else an answer to it would make a loop."""
        self.begin(sender="<>")
        self.send(b"x\n")
        self.assertTrue(self.message.copies[0].trace.startswith(b"Return-Path: <>\n"))

    def test_two_recipients_with_one_maildir_have_one_copy(self):
        """Nobody wants a message twice."""
        self.begin("<demo@example.org>", "<both@example.org>", "<demo@example.org>")
        self.send(b"x\n")
        self.assertEqual(
            [copy.maildir for copy in self.message.copies], ["/mail/demo@example.org", "/mail/ann@example.org"]
        )

    def test_several_recipients_are_not_named_to_each_other(self):
        """RFC 5321 7.6."""
        self.begin("<demo@example.org>", "<ann@example.org>")
        self.send(b"x\n")
        for copy in self.message.copies:
            self.assertNotIn(b"for <", copy.trace)

    def test_how_it_came_is_said(self):
        """RFC 3848: HELO, TLS and SMTPUTF8 each change the word."""
        self.receiver.answer(Helo(domain="old.example"))
        self.begin()
        self.send(b"x\n")
        self.assertIn(
            b"from old.example ([IPv6:2001:db8::7])\n\tby mx.example.org with SMTP id", self.message.copies[0].trace
        )
        self.receiver.secured(TLS)
        self.receiver.answer(Ehlo(domain="new.example"))
        self.begin(sender="<a@b> SMTPUTF8")
        self.send(b"x\n")
        self.assertIn(
            b"\n\t(using TLSv1.3 cipher TLS_AES_256_GCM_SHA384)\n\tby mx.example.org with UTF8SMTPS id",
            self.message.copies[0].trace,
        )

    def test_a_client_that_was_verified_is_named(self):
        """Whoever reads the field must know that the name is proved, and not the peer's word."""
        self.receiver.secured(attrs.evolve(TLS, client="mail.partner.example", server_name="mx.example.org"))
        self.receiver.answer(Ehlo(domain="new.example"))
        self.begin()
        self.send(b"x\n")
        self.assertIn(
            b"(using TLSv1.3 cipher TLS_AES_256_GCM_SHA384 client mail.partner.example verified)",
            self.message.copies[0].trace,
        )


class TestBehindAProxy(Base):
    def make(self):
        peer = Peer(address="192.0.2.7", port=1024)
        site = attrs.evolve(
            self.stage.site, tolerant=(ip_network("198.51.100.0/24"),), xclient_from=(ip_network("192.0.2.7"),)
        )
        self.stage.factory.site = site
        session = self.stage.factory.session(peer, secure=False)
        return Receiver(site, session, peer), session

    def test_it_is_offered_to_who_is_listed(self):
        """Behind all else, so that nobody else sees a difference."""
        lines = self.receiver.answer(Ehlo(domain="x")).lines
        self.assertEqual(lines[-1], "XCLIENT NAME ADDR PORT PROTO HELO LOGIN")

    def test_the_client_is_in_received_and_in_every_event(self):
        """A log that names the proxy says nothing."""
        words = self.receiver.answer(parse_command(b"XCLIENT NAME=mail.example.net ADDR=IPV6:2001:db8::9 PORT=4711"))
        self.assertEqual(words, codes.greeting("mx.example.org"))
        self.receiver.answer(Ehlo(domain="client.example"))
        self.begin()
        self.send(b"x\n")
        self.assertIn(
            b"Received: from client.example (mail.example.net [IPv6:2001:db8::9])\n", self.message.copies[0].trace
        )
        self.receiver.ended(codes.CLOSING)
        client = Peer(address="2001:db8::9", port=4711, name="mail.example.net", via="192.0.2.7")
        self.assertEqual([event.peer for event in self.stage.events[-2:]], [client, client])

    def test_what_is_not_said_stays_unless_it_was_of_another_address(self):
        """The attributes may come in several commands; the name of one client is not that of the next."""
        for line, client in (
            (b"NAME=a.example", ("192.0.2.7", 1024, "a.example")),
            (b"ADDR=198.51.100.9", ("198.51.100.9", 0, "")),
            (b"PORT=5", ("198.51.100.9", 5, "")),
            (b"NAME=b.example", ("198.51.100.9", 5, "b.example")),
            (b"ADDR=::ffff:203.0.113.9 PORT=7", ("203.0.113.9", 7, "")),
            (b"ADDR=[UNAVAILABLE]", ("0.0.0.0", 0, "")),
        ):
            self.receiver.answer(parse_command(b"XCLIENT " + line))
            self.receiver.ended(codes.CLOSING)
            peer = self.stage.events[-1].peer
            self.assertEqual((peer.address, peer.port, peer.name), client, line)
            self.assertEqual(peer.via, "192.0.2.7")

    def test_who_is_tolerated_and_who_may_begin_a_handshake_is_asked_anew(self):
        """By the client: its exception is not the proxy's, nor the proxy's its own."""
        self.assertFalse(self.session.tolerant)
        self.receiver.answer(parse_command(b"XCLIENT ADDR=198.51.100.9"))
        self.assertTrue(self.session.tolerant)
        self.receiver.answer(parse_command(b"STARTTLS"))
        self.assertEqual(self.stage.handshakes.asked, ["198.51.100.9"])
        self.receiver.ended(None)
        self.assertEqual(self.stage.handshakes.under_way, 0)

    def test_helo_that_the_proxy_tells_is_known_until_the_client_says_its_own(self):
        """A client that is lost before has said something all the same."""
        self.receiver.answer(parse_command(b"XCLIENT HELO=told.example"))
        self.receiver.ended(None)
        self.assertEqual(self.stage.events[-1].helo, "told.example")


class TestContent(Base):
    def test_a_message_is_committed_before_250(self):
        """The promise of 250 is that a power cut changes nothing."""
        self.stage.acceptance.hold = True
        self.begin()
        answer = self.send(b"x\n")
        self.assertIsInstance(answer, Deferred)
        self.assertNoResult(answer)
        self.assertEqual(self.ended(), [])
        self.stage.acceptance.release()
        self.assertEqual(self.successResultOf(answer).code, 250)
        self.assertIs(self.ended()[0].reason, Reason.ACCEPTED)

    def test_what_the_disk_says_is_what_the_peer_hears_without_its_words(self):
        """ENOSPC and a path are for the log."""
        for refusal, words, reason in (
            (NoSpace(detail="/mail/x: ENOSPC"), codes.NO_SPACE, Reason.DISK_FULL),
            (Failed(detail="/mail/x: EIO"), codes.STORAGE_FAILED, Reason.DISK_FAILED),
        ):
            self.stage.acceptance.refusal = refusal
            self.begin()
            self.assertEqual(self.successResultOf(self.send(b"x\n")), with_id(words, self.receiver.id))
            told = self.ended()[-1]
            self.assertEqual((told.reason, told.detail), (reason, refusal.detail))

    def test_content_with_a_fault_is_not_committed(self):
        """The reply of the content is the end of the transaction, and nothing of it stays."""
        for fault, reason in (
            (codes.BARE_NEWLINE, Reason.BARE_NEWLINE),
            (codes.TEXT_LINE_TOO_LONG, Reason.LINE_TOO_LONG),
            (codes.TOO_LARGE, Reason.TOO_LARGE),
            (codes.ENDLESS, Reason.TOO_LARGE),
        ):
            for end in (EndOfData(size=9, fault=fault), EndOfChunk(octets=9, size=9, fault=fault)):
                self.begin()
                self.receiver.take(Block(b"x\n"))
                self.assertEqual(self.receiver.answer(end), with_id(fault, self.receiver.id))
                self.assertEqual(self.message.ending, "abort")
                self.assertEqual((self.ended()[-1].reason, self.ended()[-1].octets), (reason, 9))

    def test_a_loop_by_hops_and_a_loop_by_mailbox(self):
        """RFC 5321 6.3: 554 ends it; one hop less passes, another's Delivered-To passes."""
        for header, words in (
            (b"Received: x\n" * 100, codes.LOOPING),
            (b"Delivered-To: DEMO@example.org\n", codes.LOOPING),
            (b"Received: x\n" * 99 + b"Delivered-To: ann@example.org\n", None),
            (b"\nDelivered-To: demo@example.org\n", None),
        ):
            self.begin()
            answer = self.send(header)
            if words is None:
                self.assertEqual(self.successResultOf(answer).code, 250, header[:40])
            else:
                self.assertEqual(answer, with_id(words, self.receiver.id))
                self.assertIs(self.ended()[-1].reason, Reason.LOOP)
                self.assertEqual(self.message.ending, "abort")

    def test_chunks_are_acknowledged_and_make_one_message(self):
        """RFC 3030 2."""
        self.begin()
        self.receiver.take(Block(b"a"))
        self.assertEqual(self.receiver.answer(EndOfChunk(octets=1, size=1, fault=None)), codes.CHUNK_RECEIVED)
        self.receiver.take(Block(b"b"))
        self.successResultOf(self.receiver.answer(EndOfData(size=2, fault=None)))
        self.assertEqual(len(self.stage.acceptance.messages), 1)
        self.assertEqual(self.message.content, b"ab")

    def test_a_message_that_begins_with_a_blank_does_not_continue_our_received_field(self):
        """Else a stranger writes into the one field that everybody believes."""
        for first in (b" by mx.bank.example with ESMTPS\n", b"\tx\n", b" "):
            self.begin()
            self.send(first, b" more\n")
            self.assertEqual(self.message.content, b"\n" + first + b" more\n")
        self.begin()
        self.send(b"X: y\n", b" folded\n")
        self.assertEqual(self.message.content, b"X: y\n folded\n")

    def test_a_full_disk_asks_the_peer_to_wait(self):
        """What the disk cannot take yet must not be held in memory."""
        self.begin()
        self.receiver.answer(Data())
        self.assertIsNone(self.receiver.take(Block(b"x")))
        self.stage.acceptance.full = True
        waiting = self.receiver.take(Block(b"y"))
        self.assertNoResult(waiting)
        self.stage.acceptance.drain()
        self.successResultOf(waiting)


class TestTheEndInBetween(Base):
    def test_a_look_up_is_cancelled_and_nobody_hears_of_it(self):
        """Thousands hang up in the middle of a look-up; each traceback would be a line too many."""
        self.stage.mailboxes.late = True
        self.receiver.answer(mail())
        answer = self.receiver.answer(rcpt())
        heard = []
        answer.addBoth(heard.append)
        self.receiver.ended(None)
        self.stage.mailboxes.answer_all()
        self.assertEqual(heard, [])
        self.assertEqual(self.flushLoggedErrors(), [])
        told = [event for event in self.stage.events if isinstance(event, NobodyAccepted)]
        self.assertEqual([(event.transactions, event.refused.count) for event in told], [(1, 0)])

    def test_a_message_that_is_just_being_committed_is_told_as_it_went(self):
        """It may be safe already: saying it was lost would be untrue."""
        self.stage.acceptance.hold = True
        self.begin()
        self.send(b"x\n")
        self.receiver.ended(None)
        self.assertEqual(self.ended(), [])
        self.assertEqual(self.message.ending, "commit")
        self.stage.acceptance.release()
        self.assertEqual([event.reason for event in self.ended()], [Reason.ACCEPTED])

    def test_content_that_is_half_there_is_aborted(self):
        """A message without its end is no message."""
        self.begin()
        self.receiver.answer(Data())
        self.receiver.take(Block(b"x\n"))
        self.receiver.ended(None)
        self.assertEqual(self.message.ending, "abort")
        self.assertIsNone(self.ended()[0].verdict)


class TestVocabulary(SynchronousTestCase):
    def test_mail_and_rcpt_of_these_tests_are_what_they_seem(self):
        """A typing error above would make its test say nothing."""
        self.assertIsInstance(mail(), Mail)
        self.assertIsInstance(rcpt(), Rcpt)
