"""Samples of what was refused: bounded by reason, so that no flood pushes out what else there was."""

from itertools import pairwise
from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.report.facts import AT, DISK_FULL, EVENTS, NOBODY, POLICY_REFUSED, TRANSACTION, UNKNOWN
from twistedmx.model.beginning import Beginning
from twistedmx.model.envelope import Refused
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.ration import sample_ration
from twistedmx.report.samples import Samples, SampleSettings
from twistedmx.smtp import codes
from twistedmx.smtp.path import parse_path
from twistedmx.smtp.reply import reply

LOOP = verdict(codes.LOOPING, Reason.LOOP)
LARGE = verdict(codes.TOO_LARGE, Reason.TOO_LARGE)
VERDICTS = (UNKNOWN, LOOP, LARGE, verdict(codes.NOT_OURS, Reason.NOT_OURS))


def guesses(session, *names, at=AT, decided=UNKNOWN):
    """Recipients that were refused, of one session."""
    names = names or (b"nobody@example.org",)
    return attrs.evolve(NOBODY, session=session, refused=Refused(count=len(names), runs=((decided, names),)), at=at)


def message(session, content=b"Subject: x\n", at=AT, decided=LOOP, is_whole=True):
    """One that was refused."""
    return attrs.evolve(
        TRANSACTION,
        session=session,
        queue_id=f"{session}.1",
        verdict=decided,
        reason=decided.reason,
        refused=Refused(),
        beginning=Beginning(octets=content, is_whole=is_whole),
        octets=len(content) + content.count(b"\n"),
        at=at,
    )


class Base(SynchronousTestCase):
    def samples(self, *events, ration=lambda: lambda at: True, **settings):
        samples = Samples(SampleSettings(**settings), AT, ration)
        for event in events:
            samples(event)
        return samples


class TestWhatIsKept(Base):
    def test_a_message_is_kept_with_its_envelope_and_its_beginning(self):
        """What was refused, of whom, for whom, and what did it say?"""
        (sample,) = self.samples(message("0123456789"))
        self.assertEqual((sample.id, sample.session, sample.stage), ("0123456789.1", "0123456789", Stage.MESSAGE))
        self.assertEqual((sample.verdict, sample.peer.address, sample.helo), (LOOP, "192.0.2.7", "client.example"))
        self.assertEqual(sample.reverse_paths, (b"a@client.example",))
        self.assertEqual((sample.recipients, sample.count), ((b"demo@example.org", b"ann@example.org"), 2))
        self.assertEqual((sample.content, sample.octets, sample.is_whole), (b"Subject: x\n", 12, True))

    def test_recipients_are_kept_without_content(self):
        """They were refused before there was any."""
        (sample,) = self.samples(guesses("0123456789", *[b"%d@example.org" % number for number in range(300)]))
        self.assertEqual((sample.id, sample.stage, sample.content), ("0123456789", Stage.RCPT, None))
        self.assertEqual((len(sample.recipients), sample.count), (20, 300))
        self.assertEqual(sample.reverse_paths, (b"a@client.example", b""))

    def test_recipients_and_content_of_one_transaction_are_two(self):
        """Each with its reason."""
        samples = self.samples(attrs.evolve(message("0123456789"), refused=NOBODY.refused))
        self.assertEqual(
            [sample.verdict.reason for sample in samples.of("0123456789.1")], [UNKNOWN.reason, LOOP.reason]
        )
        (refused, _) = samples.of("0123456789.1")
        self.assertEqual((refused.id, refused.reverse_paths), ("0123456789.1", (b"a@client.example",)))

    def test_of_a_policy_only_what_no_transaction_tells(self):
        """What it refused at RCPT or at the end of the message comes with the transaction, whole."""
        nobody, recipient = None, parse_path(b"demo@example.org")
        for stage, to, kept in (
            (Stage.CONNECT, nobody, True),
            (Stage.HELO, nobody, True),
            (Stage.HELO, recipient, False),
            (Stage.MAIL, nobody, True),
            (Stage.RCPT, recipient, False),
            (Stage.REFUSED, recipient, True),
            (Stage.DATA, nobody, True),
            (Stage.MESSAGE, nobody, False),
        ):
            event = attrs.evolve(POLICY_REFUSED, stage=stage, recipient=to)
            self.assertEqual([sample.stage for sample in self.samples(event)], [stage] * kept, stage)

    def test_where_nothing_was_refused_nothing_is_kept(self):
        """Mail that was accepted is its recipient's, what is in shadow nobody heard."""
        told = (type(NOBODY), type(POLICY_REFUSED), type(TRANSACTION))
        accepted = attrs.evolve(TRANSACTION, refused=Refused())
        nothing = attrs.evolve(NOBODY, refused=Refused(count=3))  # beyond the limit of recipients
        self.assertEqual(list(self.samples(*(e for e in EVENTS if type(e) not in told), accepted, nothing)), [])
        self.assertEqual(len(list(self.samples(DISK_FULL))), 2)

    def test_a_cut_is_told(self):
        """Nobody should think that he has seen all of it."""
        for event, whole in (
            (message("0", b"x\n" * 50), True),
            (message("0", b"x\n" * 51), False),
            (message("0", b"a\nb\r\n", is_whole=False), False),
            (message("0", b"", is_whole=False), False),
            (message("0", b""), True),
        ):
            (sample,) = self.samples(event, octets=100)
            self.assertIs(sample.is_whole, whole, event)


class TestBounds(Base):
    def test_a_flood_of_one_reason_leaves_the_others(self):
        """A botnet that guesses names must not hide the one message that loops."""
        flood = [guesses(f"{number:010}") for number in range(1000)]
        samples = self.samples(message("LOOP000000"), *flood)
        self.assertEqual(len(samples.of("LOOP000000")), 1)
        self.assertEqual([sample.id for sample in samples.latest()[-20:]], [f"{each:010}" for each in range(980, 1000)])

    def test_in_a_flood_one_a_second_is_kept_and_in_calm_all(self):
        """A million refusals cost no more than a few, and what is kept is of the last half minute, not of a blink."""
        calm = self.samples(*(guesses(f"{each:010}", at=AT + each) for each in range(10)), ration=sample_ration)
        self.assertEqual(len(list(calm)), 10)
        flood = (guesses(f"{each:010}", at=AT + each / 1000) for each in range(30_000))
        kept = [sample.at for sample in self.samples(*flood, ration=sample_ration)]
        self.assertEqual(len(kept), 20)
        self.assertTrue(all(0.9 < later - at < 1.1 for at, later in pairwise(kept)), kept)

    @EXAMPLES
    @given(
        some.integers(0, 5),
        some.integers(0, 50),
        some.lists(
            some.tuples(some.sampled_from(VERDICTS), some.integers(0, 60), some.integers(0, 60), some.booleans()),
            max_size=60,
        ),
    )
    def test_it_never_grows_beyond_its_bounds_and_keeps_the_latest_of_each_reason(self, keep, octets, refusals):
        """Whatever is refused, in whatever order."""
        events = [
            message(f"{at:010}", b"x" * size, AT + at, decided)
            if is_content
            else guesses(f"{at:010}", at=AT + at, decided=decided)
            for at, (decided, size, _, is_content) in enumerate(refusals)
        ]
        samples = list(self.samples(*events, keep=keep, octets=octets))
        self.assertLessEqual(len(samples), keep * len(VERDICTS))
        self.assertLessEqual(sum(len(sample.content or b"") for sample in samples), keep * octets * len(VERDICTS))
        for decided in VERDICTS:
            told = [AT + at for at, refusal in enumerate(refusals) if refusal[0] is decided]
            kept = [sample.at for sample in samples if sample.verdict is decided]
            self.assertEqual(kept, told[len(told) - min(keep, len(told)) :])

    def test_what_a_peer_says_is_cut(self):
        """An address may have two thousand octets, a HELO as many."""
        long = attrs.evolve(guesses("0123456789", b"x" * 2000), helo="y" * 2000)
        (sample,) = self.samples(long)
        self.assertEqual((len(sample.recipients[0]), len(sample.helo)), (320, 255))

    def test_what_a_policy_says_is_cut(self):
        """It may be somebody else's, and put a whole answer of a scanner there."""
        for long, lines, kept in ((512, 4, (512, 4)), (513, 1, (512, 1)), (100_000, 1000, (512, 4)), (0, 5, (0, 4))):
            words = reply(550, "5.7.1", *["No"] * lines)
            told = attrs.evolve(LOOP, detail="x" * long, reply=words)
            for event in (message("0123456789", decided=told), guesses("0123456789", decided=told)):
                (sample,) = self.samples(event)
                self.assertEqual((len(sample.verdict.detail), len(sample.verdict.reply.lines)), kept)
                self.assertEqual((sample.verdict.reason, sample.verdict.action), (LOOP.reason, LOOP.action))

    def test_other_settings_hold_at_once(self):
        """What is too much goes; 0 switches it off."""
        samples = self.samples(*(message(f"{each:010}", b"x" * 50) for each in range(9)))
        samples.configure(SampleSettings(keep=3, octets=10))
        self.assertEqual([sample.content for sample in samples], [b"x" * 10] * 3)
        samples.configure(SampleSettings(keep=5))
        samples(message("0123456789"))
        self.assertEqual([sample.session for sample in samples][-1:], ["0123456789"])
        samples.configure(SampleSettings(keep=0))
        samples(message("0123456789"))
        self.assertEqual(list(samples), [])


class TestFound(Base):
    def test_by_the_id_of_a_message_or_of_a_session(self):
        """As `why` does; of a transaction in which nobody was accepted there is the session alone."""
        samples = self.samples(message("0123456789"), guesses("0123456789"), guesses("9876543210"))
        self.assertEqual([sample.id for sample in samples.of("0123456789.1")], ["0123456789.1"])
        self.assertEqual([sample.id for sample in samples.of("0123456789")], ["0123456789.1", "0123456789"])
        self.assertEqual([sample.id for sample in samples.of("9876543210.7")], ["9876543210"])
        self.assertEqual(samples.of("0000000000"), [])
        self.assertEqual(set(samples.reasons), {Reason.LOOP, Reason.UNKNOWN_MAILBOX})

    def test_the_newest_is_the_last(self):
        """Whatever their reasons."""
        order = Random(1).sample(range(100), 30)
        samples = self.samples(*(guesses(f"{at:010}", at=AT + at, decided=VERDICTS[at % 4]) for at in order))
        self.assertEqual([sample.at for sample in samples.latest()], sorted(AT + at for at in order))
