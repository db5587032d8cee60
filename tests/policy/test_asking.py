"""What a policy is told at each stage, and what a session does with its answers beside what dialogues show."""

import gc

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import PolicyRefused, SessionEnded, SessionOpened
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Reason, verdict
from twistedmx.policy.asking import AskingAboutGuesses, AskingReceiver, receiver_of
from twistedmx.policy.chain import Chain, Entry
from twistedmx.policy.conduct import ConductSettings
from twistedmx.policy.receiver import Receiver
from twistedmx.settings import Settings
from twistedmx.smtp import codes
from twistedmx.smtp.command import Data, Ehlo, Rset, parse_command
from twistedmx.smtp.reply import reply, with_id
from twistedmx.smtp.session import Block, EndOfData, Session
from twistedmx.testing.policies import FakePolicy
from twistedmx.testing.stage import Stage as Server

PEER = Peer(address="192.0.2.7", port=1024)
TLS = Tls(protocol="TLSv1.3", cipher="TLS_FAKE")
SETTINGS = Settings(host="mx.example.org", conduct=ConductSettings(bad_recipients=(2, 2, 2)))
NO = verdict(reply(550, "5.7.1", "No"), Reason.POLICY)
GO_AWAY = verdict(reply(554, "5.7.1", "Go away", closes=True), Reason.POLICY)


class Base(SynchronousTestCase):
    def setUp(self):
        self.server = Server(SETTINGS)
        self.policy = FakePolicy()

    def receiver(self, *stages):
        ports = self.server.site.ports
        entry = Entry(name="fake", policy=self.policy, stages=frozenset(stages or Stage))
        chain = Chain([entry], clock=ports.clock, now=ports.now, events=ports.events)
        session = Session(limits=SETTINGS.limits.by_posture()[0], starttls=True, secure=False)
        return receiver_of(attrs.evolve(self.server.site, chain=chain), session, PEER)

    def told(self, kind):
        return [event for event in self.server.events if isinstance(event, kind)]


class TestDelay(Base):
    def test_a_refusal_is_kept_back_as_long_as_its_verdict_says(self):
        """A tarpit of a policy's own; who leaves meanwhile is told nothing more."""
        self.policy.says = attrs.evolve(NO, delay=3.0)
        for leaves in (False, True):
            receiver = self.receiver(Stage.RCPT)
            receiver.greeting()
            receiver.answer(Ehlo(domain="client.example"))
            receiver.answer(parse_command(b"MAIL FROM:<>"))
            held = receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
            self.server.clock.advance(2.9)
            self.assertNoResult(held)
            if leaves:
                receiver.ended(None)
            self.server.clock.advance(0.1)
            if leaves:
                self.assertNoResult(held)
            else:
                self.assertEqual(self.successResultOf(held), with_id(NO.reply, receiver.id))

    def test_words_that_a_policy_took_the_place_of_are_not_cancelled_once_more_at_the_end(self):
        """A traceback in the log for each session of a guesser, were it so."""
        delaying = ConductSettings(delay=1.0, delay_from=(1, 1, 1))
        self.server.site = attrs.evolve(self.server.site, conduct=delaying)
        self.policy.says = NO
        receiver = self.receiver(Stage.REFUSED)
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        receiver.answer(parse_command(b"MAIL FROM:<>"))
        words = receiver.answer(parse_command(b"RCPT TO:<nobody@example.org>"))
        self.assertEqual(words, with_id(NO.reply, receiver.id))
        receiver.ended(None)
        del receiver
        gc.collect()  # a Deferred tells of its failure when it goes
        self.assertEqual(self.flushLoggedErrors(), [])


class TestWhatItIsTold(Base):
    def test_each_stage_has_what_is_known_at_it(self):
        """What a policy may rely on: the table in docs/policies.md."""
        receiver = self.receiver()
        receiver.greeting()
        receiver.secured(TLS)
        receiver.answer(Ehlo(domain="client.example"))
        receiver.answer(parse_command(b"MAIL FROM:<a@client.example> SIZE=1000 BODY=8BITMIME"))
        receiver.answer(parse_command(b"RCPT TO:<nobody@example.org>"))
        receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
        receiver.answer(parse_command(b"RCPT TO:<demo@example.org>"))
        receiver.answer(Data())
        receiver.take(Block(b"Subject: x\n\nHello.\n"))
        self.successResultOf(receiver.answer(EndOfData(size=21, fault=None)))
        asked = {context.stage: context for context in self.policy.asked}
        stages = [context.stage for context in self.policy.asked]
        connect, helo, mail, rcpt, refused, data, message = Stage
        self.assertEqual(stages, [connect, helo, mail, refused, rcpt, rcpt, data, message])
        for context in self.policy.asked:
            self.assertEqual((context.session, context.peer), (receiver.id, PEER))
            self.assertEqual(context.tls, TLS if context.stage is not connect else None)
        self.assertEqual((asked[connect].helo, asked[connect].envelope), ("", None))
        self.assertEqual(
            (asked[helo].helo, asked[helo].esmtp, asked[helo].reverse_path), ("client.example", True, None)
        )
        self.assertEqual((asked[mail].size, asked[mail].envelope.body), (1000, "8BITMIME"))
        self.assertEqual((asked[mail].reverse_path.address, asked[mail].envelope.recipients), (b"a@client.example", ()))
        self.assertEqual((asked[refused].recipient.address, asked[refused].destinations), (b"nobody@example.org", ()))
        self.assertIs(asked[refused].refused.reply, codes.NO_SUCH_MAILBOX)
        self.assertEqual(asked[refused].counts.refused_recipients, 1)
        self.assertEqual([to.address for to in asked[rcpt].destinations], [b"demo@example.org"])
        self.assertEqual([str(each.path) for each in asked[rcpt].envelope.recipients], ["ann@example.org"])
        self.assertEqual(len(asked[data].envelope.recipients), 2)
        self.assertEqual((asked[data].message, asked[message].size), (None, 21))
        self.assertEqual((asked[message].message.header, asked[message].message.body), (b"Subject: x\n", b"Hello.\n"))

    def test_the_content_of_one_message_is_not_told_with_the_next(self):
        """Nor is anything gathered where nobody asks for it."""
        receiver = self.receiver(Stage.MESSAGE)
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        for body in (b"one\n", b"two\n"):
            receiver.answer(parse_command(b"MAIL FROM:<>"))
            receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
            receiver.answer(Data())
            receiver.take(Block(b"\n" + body))
            self.successResultOf(receiver.answer(EndOfData(size=6, fault=None)))
        self.assertEqual([context.message.body for context in self.policy.asked], [b"one\n", b"two\n"])


class TestWhoAsks(Base):
    def test_without_a_chain_nothing_is_between(self):
        """What is not used costs nothing."""
        session = Session(limits=SETTINGS.limits.by_posture()[0], starttls=True, secure=False)
        self.assertIs(type(receiver_of(self.server.site, session, PEER)), Receiver)
        self.assertIs(type(self.receiver(Stage.RCPT)), AskingReceiver)
        self.assertIs(type(self.receiver(Stage.REFUSED)), AskingAboutGuesses)

    def test_what_a_fixed_step_refuses_no_policy_is_asked_about(self):
        """Cheap first: the disk is full, the content has a fault, the recipient is not here."""
        receiver = self.receiver(Stage.MAIL, Stage.RCPT, Stage.MESSAGE)
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        self.server.acceptance.free = 0
        self.assertEqual(receiver.answer(parse_command(b"MAIL FROM:<>")).code, 452)
        self.server.acceptance.free = None
        receiver.answer(parse_command(b"MAIL FROM:<>"))
        receiver.answer(parse_command(b"RCPT TO:<nobody@example.org>"))
        receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
        receiver.answer(Data())
        fault = receiver.answer(EndOfData(size=9, fault=codes.BARE_NEWLINE))
        self.assertEqual(fault, with_id(codes.BARE_NEWLINE, receiver.id))
        self.assertEqual([context.stage for context in self.policy.asked], [Stage.MAIL, Stage.RCPT])

    def test_who_is_refused_already_is_asked_about_no_more_before_rcpt(self):
        """A condemned connection costs no further look-up."""
        self.policy.says = attrs.evolve(NO, postpone=True)
        receiver = self.receiver()
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        receiver.answer(parse_command(b"MAIL FROM:<>"))
        words = receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
        self.assertEqual(words, with_id(NO.reply, receiver.id))
        self.assertEqual([context.stage for context in self.policy.asked], [Stage.CONNECT])


class TestTheEnd(Base):
    def test_a_client_that_is_turned_away_was_never_greeted(self):
        """Neither told as opened, nor is any table of mailboxes asked whether it was edited."""
        self.policy.says = GO_AWAY
        receiver = self.receiver()
        words = receiver.greeting()
        self.assertEqual((words.code, words.closes), (554, True))
        receiver.ended(words)
        self.assertEqual((self.told(SessionOpened), self.server.mailboxes.refreshed), ([], 0))
        self.assertIs(self.told(SessionEnded)[0].reason, Reason.POLICY)

    def test_last_words_of_conduct_keep_their_own_reason(self):
        """They may fall together with a policy's refusal."""
        self.policy.says = verdict(codes.NOT_OURS, Reason.NOT_OURS)
        receiver = self.receiver(Stage.RCPT)
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        receiver.answer(parse_command(b"MAIL FROM:<>"))
        receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
        words = receiver.answer(parse_command(b"RCPT TO:<demo@example.org>"))
        receiver.ended(words)
        self.assertIs(self.told(SessionEnded)[0].reason, Reason.BAD_RECIPIENTS)

    def test_what_conduct_ends_no_policy_is_asked_about(self):
        """The session is over."""
        receiver = self.receiver(Stage.REFUSED)
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        receiver.answer(parse_command(b"MAIL FROM:<>"))
        receiver.answer(parse_command(b"RCPT TO:<a@example.org>"))
        words = receiver.answer(parse_command(b"RCPT TO:<b@example.org>"))
        self.assertEqual((words.code, words.closes), (421, True))
        self.assertEqual(len(self.policy.asked), 1)

    def test_every_stage_can_be_cut_off(self):
        """A client leaves while a policy thinks: it is cancelled, and nobody hears of a fault."""
        for stage in Stage:
            self.server = Server(SETTINGS)
            self.policy = FakePolicy(NO, late=True)
            receiver = self.receiver(stage)
            answers = [receiver.greeting(), receiver.answer(Ehlo(domain="client.example"))]
            answers.append(receiver.answer(parse_command(b"MAIL FROM:<>")))
            if stage not in (Stage.CONNECT, Stage.HELO, Stage.MAIL):
                recipient = b"nobody" if stage is Stage.REFUSED else b"ann"
                answers.append(receiver.answer(parse_command(b"RCPT TO:<" + recipient + b"@example.org>")))
                if stage in (Stage.DATA, Stage.MESSAGE):
                    answers.append(receiver.answer(Data()))
                if stage is Stage.MESSAGE:
                    answers.append(receiver.answer(EndOfData(size=0, fault=None)))
            (waiting,) = (answer for answer in answers if isinstance(answer, Deferred))
            receiver.ended(None)
            self.assertNoResult(waiting)
            self.assertEqual((self.policy.cancelled, self.flushLoggedErrors()), (1, []), stage)
            self.assertEqual(self.told(PolicyRefused), [])
            self.assertEqual(self.server.clock.getDelayedCalls(), [])
            self.assertEqual(len(self.told(SessionEnded)), 1)

    def test_a_refusal_is_told_with_the_policy_that_made_it(self):
        """The line of the transaction has the reason alone."""
        self.policy.says = NO
        receiver = self.receiver(Stage.RCPT)
        receiver.greeting()
        receiver.answer(Ehlo(domain="client.example"))
        for _ in range(3):
            receiver.answer(parse_command(b"MAIL FROM:<a@client.example>"))
            receiver.answer(parse_command(b"RCPT TO:<ann@example.org>"))
            receiver.answer(Rset())
        self.policy.says = CONTINUE
        receiver.ended(None)
        told = self.told(PolicyRefused)
        self.assertEqual(
            [(event.policy, event.verdict, event.count) for event in told], [("fake", NO, 1), ("fake", NO, 2)]
        )
        self.assertEqual((str(told[0].reverse_path), str(told[0].recipient)), ("a@client.example", "ann@example.org"))
