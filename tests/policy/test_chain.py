"""The chain of policies: its table, as properties and one by one."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import PolicyFailed, VerdictInShadow
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import ACCEPT, CONTINUE, Action, Reason, Verdict, verdict
from twistedmx.policy.chain import Chain, Entry, OnFailure
from twistedmx.policy.rulings import NOTHING_SAID, Ruling, Rulings
from twistedmx.settings import Settings
from twistedmx.smtp.reply import reply
from twistedmx.testing.policies import FakePolicy, contexts
from twistedmx.testing.stage import Stage as Server

CONTEXT = next(contexts(Stage.RCPT))
REJECT = verdict(reply(550, "5.7.1", "No"), Reason.POLICY)
DEFER = verdict(reply(450, "4.7.1", "Later"), Reason.POLICY)
DOUBT = verdict(reply(451, "4.3.0", "Who knows"), Reason.POLICY, provisional=True)
SAID = {"continue": CONTINUE, "accept": ACCEPT, "defer": DEFER, "reject": REJECT, "doubt": DOUBT}


@attrs.frozen
class Asked:
    """What a policy does: says one of SAID, or "raises", "nonsense", "never" (answers); and how it is asked."""

    does: str
    late: bool = False
    shadow: bool = False
    defers: bool = False


class Doing(FakePolicy):
    """Does it, and may be a coroutine."""

    def __init__(self, asked):
        super().__init__(SAID.get(asked.does, CONTINUE))
        self._does = asked

    def decide(self, context):
        self.asked.append(context)
        return self._later() if self._does.late or self._does.does == "never" else self._now()

    def _now(self):
        if self._does.does == "raises":
            raise OSError("on fire")
        return None if self._does.does == "nonsense" else self.says

    async def _later(self):
        if self._does.does == "never":
            await Deferred()
        await succeed(None)
        return self._now()


class Base(SynchronousTestCase):
    def setUp(self):
        self.server = Server(Settings(host="mx.example.org"))
        self.clock = self.server.clock
        self.rulings = Rulings(self.server.site.ports)

    def chain(self, *asked):
        self.policies = [Doing(each) if isinstance(each, Asked) else each.policy for each in asked]
        entries = [
            Entry(
                name=f"p{number}",
                policy=policy,
                stages=frozenset((Stage.RCPT,)),
                time_limit=5.0,
                on_failure=OnFailure.DEFER if each.defers else OnFailure.CONTINUE,
                shadow=each.shadow,
            )
            if isinstance(each, Asked)
            else each
            for number, (each, policy) in enumerate(zip(asked, self.policies, strict=True))
        ]
        ports = self.server.site.ports
        return Chain(entries, clock=self.clock, now=ports.now, events=ports.events)

    def decide(self, chain, doubt=NOTHING_SAID):
        answer = chain.decide(CONTEXT, self.rulings, doubt)
        if isinstance(answer, Ruling):
            return answer
        for _ in chain.entries:
            self.clock.advance(5.1)
        return self.successResultOf(answer)

    def told(self, kind):
        return [event for event in self.server.events if isinstance(event, kind)]


ASKED = st.builds(
    Asked,
    does=st.sampled_from([*SAID, "raises", "nonsense", "never"]),
    late=st.booleans(),
    shadow=st.booleans(),
    defers=st.booleans(),
)


def model(asked):
    """The table in the chain's docstring: (action that is said, who says it, how many were asked in earnest)."""
    doubt = (Action.CONTINUE, "")
    for number, each in enumerate(asked):
        if each.shadow:
            continue
        said = SAID.get(each.does)
        name = f"p{number}"
        if said is REJECT or said is DEFER:
            return said.action, name, number + 1
        if said is ACCEPT:
            return *doubt, number + 1
        failed = said is None and each.defers
        if (said is DOUBT or failed) and not doubt[1]:
            doubt = Action.DEFER, name
    return *doubt, len(asked)


class TestTheTable(Base):
    @given(st.lists(ASKED, max_size=6))
    def test_the_chain_does_what_its_table_says(self, asked):
        """Late or at once, in whatever order: what is said depends on what the policies say alone."""
        self.setUp()
        chain = self.chain(*asked)
        ruling = self.decide(chain)
        action, who, how_many = model(asked)
        self.assertEqual((ruling.verdict.action, ruling.policy), (action, who))
        self.assertEqual([len(policy.asked) for policy in self.policies[how_many:]], [0] * (len(asked) - how_many))
        self.rulings.ended()
        self.flushLoggedErrors(OSError, TypeError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @given(st.lists(ASKED, max_size=6))
    def test_reject_beats_a_provisional_defer_whatever_their_order(self, asked):
        """A doubt must not keep a forger coming back for five days."""
        self.setUp()
        asked = [each for each in asked if each.does not in ("accept", "defer") or each.shadow]
        ruling = self.decide(self.chain(*asked))
        rejects = any(each.does == "reject" and not each.shadow for each in asked)
        self.assertEqual(ruling.verdict.action is Action.REJECT, rejects)
        self.flushLoggedErrors(OSError, TypeError)
        self.rulings.ended()

    @given(st.lists(ASKED.filter(lambda each: each.does in ("raises", "nonsense", "never")), max_size=6))
    def test_a_check_that_fails_never_refuses_for_good_and_never_accepts_for_good(self, asked):
        """A fault of ours is nobody's guilt and nobody's merit."""
        self.setUp()
        said = self.decide(self.chain(*asked)).verdict
        self.assertIn(said.action, (Action.CONTINUE, Action.DEFER))
        self.assertEqual(said.provisional, said.action is Action.DEFER)
        # Nor does it keep a policy behind it from speaking.
        self.assertIs(self.decide(self.chain(*asked, Asked("reject"))).verdict, REJECT)
        self.flushLoggedErrors(OSError, TypeError)
        self.rulings.ended()

    def test_a_doubt_of_an_earlier_stage_counts_as_one_of_this(self):
        """It was kept until RCPT to be weighed here."""
        kept = Ruling(policy="early", stage=Stage.MAIL, verdict=DOUBT)
        for asked, who in (
            ([], "early"),
            ([Asked("doubt")], "early"),
            ([Asked("accept")], "early"),
            ([Asked("reject")], "p0"),
        ):
            self.assertEqual(self.decide(self.chain(*asked), kept).policy, who)


class TestAtOnce(Base):
    def test_nobody_waits_where_all_answer_at_once(self):
        """A Deferred costs more than the question."""
        chain = self.chain(Asked("continue"), Asked("doubt"), Asked("continue", shadow=True))
        self.assertIs(type(chain.decide(CONTEXT, self.rulings)), Ruling)

    def test_a_stage_without_entries_asks_nobody(self):
        """One look in a table, and that is all it costs."""
        chain = self.chain(Asked("reject"))
        self.assertEqual([stage for stage in Stage if chain.asks_at(stage)], [Stage.RCPT])
        other = attrs.evolve(CONTEXT, stage=Stage.MAIL)
        self.assertIs(chain.decide(other, self.rulings), NOTHING_SAID)


class TestWaiting(Base):
    def late(self, says=REJECT, **how):
        return Entry(name="late", policy=FakePolicy(says, late=True), stages=frozenset((Stage.RCPT,)), **how)

    def test_the_time_limit_is_that_of_the_entry(self):
        """By the clock that is given."""
        entry = self.late(time_limit=3.0, on_failure=OnFailure.DEFER)
        answer = self.chain(entry).decide(CONTEXT, self.rulings)
        self.clock.advance(2.9)
        self.assertNoResult(answer)
        self.clock.advance(0.2)
        said = self.successResultOf(answer).verdict
        self.assertEqual((said.action, said.reason, said.provisional), (Action.DEFER, Reason.CHECK_LATE, True))
        self.assertEqual(entry.policy.cancelled, 1)

    def test_cancelling_reaches_the_policy_and_is_no_fault(self):
        """A botnet hangs up in the middle all day."""
        entry = self.late()
        answer = self.chain(Asked("continue", late=True), entry).decide(CONTEXT, self.rulings)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual((entry.policy.cancelled, self.told(PolicyFailed)), (1, []))
        self.assertEqual((self.flushLoggedErrors(), self.clock.getDelayedCalls()), ([], []))

    def test_a_policy_that_catches_its_cancellation_is_not_waited_for(self):
        """CancelledError is an Exception: "try again after any of these" is easily written."""

        class Stubborn:
            async def decide(self, context):
                while True:
                    try:
                        return await Deferred()
                    except Exception:
                        continue

        entry = Entry(name="stubborn", policy=Stubborn(), stages=frozenset((Stage.RCPT,)))
        answer = self.chain(entry).decide(CONTEXT, self.rulings)
        self.clock.advance(5.1)
        self.assertIs(self.successResultOf(answer), NOTHING_SAID)

    def test_a_policy_that_gives_something_else_later_has_failed(self):
        """As one that does at once."""
        entry = Entry(name="odd", policy=FakePolicy(late=True), stages=frozenset((Stage.RCPT,)))
        answer = self.chain(entry).decide(CONTEXT, self.rulings)
        entry.policy._waiting.popleft().callback("550 no")
        self.assertIs(self.successResultOf(answer), NOTHING_SAID)
        self.assertIn("which is no Verdict", self.told(PolicyFailed)[0].fault)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class TestFailures(Base):
    def test_failures_are_told_once_and_then_with_their_number(self):
        """A policy that fails at each RCPT of a flood must not fill the disk with tracebacks."""
        chain = self.chain(Asked("raises"))
        for _ in range(1000):
            self.decide(chain)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.clock.advance(61)
        self.decide(chain)
        told = self.told(PolicyFailed)
        self.assertEqual([event.count for event in told], [1, 1000])
        self.assertEqual((told[0].policy, told[0].stage, told[0].fault), ("p0", Stage.RCPT, "OSError: on fire"))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class TestShadow(Base):
    def test_what_would_have_been_said_is_told_and_not_said(self):
        """With who, where and in which words."""
        chain = self.chain(Asked("reject", shadow=True), Asked("accept"))
        self.assertIs(self.decide(chain), NOTHING_SAID)
        (event,) = self.told(VerdictInShadow)
        self.assertEqual(
            (event.policy, event.stage, event.verdict, event.peer), ("p0", Stage.RCPT, REJECT, CONTEXT.peer)
        )
        self.assertEqual((event.reverse_path, event.recipient), (CONTEXT.reverse_path, CONTEXT.recipient))

    def test_an_answer_in_shadow_is_not_waited_for(self):
        """Else a slow one could not be tried without harm."""
        entry = Entry(name="slow", policy=FakePolicy(REJECT, late=True), stages=frozenset((Stage.RCPT,)), shadow=True)
        chain = self.chain(entry)
        self.assertIs(chain.decide(CONTEXT, self.rulings), NOTHING_SAID)
        self.assertEqual(self.told(VerdictInShadow), [])
        entry.policy.answer_all()
        self.assertEqual(len(self.told(VerdictInShadow)), 1)

    def test_a_session_has_so_many_unanswered_ones_and_ends_them_with_itself(self):
        """A hundred RCPTs in a packet must not be a hundred questions at once."""
        entry = Entry(name="slow", policy=FakePolicy(REJECT, late=True), stages=frozenset((Stage.RCPT,)), shadow=True)
        chain = self.chain(entry)
        for _ in range(100):
            chain.decide(CONTEXT, self.rulings)
        self.assertEqual(len(entry.policy.asked), 8)
        self.rulings.ended()
        self.assertEqual((entry.policy.cancelled, self.clock.getDelayedCalls()), (8, []))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_kind_is_told_at_once_and_then_at_the_end_with_its_number(self):
        """A line of the log for each try is what an attack should not be able to ask for."""
        chain = self.chain(Asked("reject", shadow=True), Asked("defer", shadow=True))
        for _ in range(50):
            self.decide(chain)
        self.assertEqual([event.count for event in self.told(VerdictInShadow)], [1, 1])
        self.rulings.ended()
        self.assertEqual([event.count for event in self.told(VerdictInShadow)], [1, 1, 49, 49])


class TestTheWordsAbove(SynchronousTestCase):
    def test_every_verdict_here_is_one(self):
        """A typing error above would make the properties say nothing."""
        self.assertTrue(all(isinstance(said, Verdict) for said in SAID.values()))
