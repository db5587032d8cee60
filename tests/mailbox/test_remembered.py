"""Remembered answers: what is asked of a slow source, how often, and who is answered while it is down."""

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.mailbox.world import Told, means
from twistedmx.mailbox.remembered import Remembered, Remembering, SourceFailed
from twistedmx.model.event import BackendFailed, BackendRecovered
from twistedmx.model.mailbox import DISABLED, OVER_QUOTA, UNKNOWN, Lookup, Outcome
from twistedmx.smtp.path import Path, parse_path
from twistedmx.smtp.reply import reply
from twistedmx.testing.mailboxes import found

ANN = found("ann@example.org")
DEFERRED = Lookup(outcome=Outcome.REFUSED, reply=reply(450, "4.7.1", "Later"))
REFUSED = Lookup(outcome=Outcome.REFUSED, reply=reply(550, "5.7.1", "Never"))
DOWN = SourceFailed("it is  down\nfor good")


def path(number: int | str) -> Path:
    return parse_path(f"{number}@example.org".encode())


class Source:
    """A source that answers when the test says so, or at once. `asked`: local parts, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once: Lookup | Exception | None = None
        self.waiting: list[Deferred[Lookup]] = []

    def look_up(self, path: Path) -> Deferred[Lookup]:
        self.asked.append(path.local_part.decode())
        answer: Deferred[Lookup] = Deferred()
        self.waiting.append(answer)
        if self.at_once is not None:
            self.answer(self.at_once)
        return answer

    def answer(self, answer: Lookup | Exception) -> None:
        """To the last that was asked."""
        waiting = self.waiting.pop()
        if isinstance(answer, Lookup):
            waiting.callback(answer)
        else:
            waiting.errback(answer)


class RememberedTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told = Told()
        self.source = Source()
        self.remembered = self.build(Remembering())

    def build(self, settings: Remembering) -> Remembered:
        world = attrs.evolve(means(clock=self.clock), events=self.told)
        return Remembered(self.source.look_up, settings=settings, means=world, name="sql")

    def ask(self, name: int | str) -> Lookup:
        answer = self.remembered.find(path(name))
        return answer if isinstance(answer, Lookup) else self.successResultOf(answer)

    def ask_later(self, name: int | str) -> Deferred[Lookup]:
        answer = self.remembered.find(path(name))
        assert isinstance(answer, Deferred)
        return answer

    def learn(self, name: int | str, lookup: Lookup) -> None:
        self.source.at_once = lookup
        self.ask(name)
        self.source.at_once = None

    def take_down(self) -> None:
        self.source.at_once = DOWN
        for number in range(3):
            self.ask(f"down-{number}")
        self.source.at_once = None
        self.source.asked.clear()


class TestMemory(RememberedTestCase):
    """While the source answers."""

    def test_an_answer_holds_for_its_time_and_is_then_asked_for_anew(self) -> None:
        """A mailbox that was deleted must be refused in the end, and a new one found soon."""
        for lookup, ttl in ((ANN, 300), (OVER_QUOTA, 300), (DISABLED, 300), (UNKNOWN, 60)):
            self.remembered = self.build(Remembering())
            self.learn("ann", lookup)
            self.source.asked.clear()
            self.clock.advance(ttl - 1)
            self.assertIs(self.remembered.find(path("ANN")), lookup)
            self.assertEqual(self.source.asked, [])
            self.clock.advance(1)
            self.ask_later("ann")
            self.assertEqual(self.source.asked, ["ann"])
            self.source.answer(lookup)

    def test_look_ups_of_one_address_are_one(self) -> None:
        """A spam run asks for one address from a thousand sessions at once."""
        answers = [self.ask_later("ann") for _ in range(3)]
        self.assertEqual(self.source.asked, ["ann"])
        self.source.answer(ANN)
        self.assertEqual([self.successResultOf(answer) for answer in answers], [ANN] * 3)

    def test_who_gives_up_leaves_the_others_alone(self) -> None:
        """One peer hangs up; the other has its answer."""
        gone, stays = self.ask_later("ann"), self.ask_later("ann")
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.source.answer(ANN)
        self.assertIs(self.successResultOf(stays), ANN)

    def test_a_few_are_asked_at_once_and_the_line_has_an_end(self) -> None:
        """A database is not helped by two thousand connections, nor are we by an endless line."""
        self.remembered = self.build(Remembering(most_at_once=2, most_waiting=2))
        answers = [self.ask_later(number) for number in range(4)]
        refused = self.ask(4)
        self.assertIs(refused.outcome, Outcome.COULD_NOT_TELL)
        self.assertIn("2 look-ups wait", refused.detail)
        self.assertEqual(self.source.asked, ["0", "1"])
        self.ask_later(3)  # is in the line already
        for _ in range(4):
            self.source.answer(ANN)
        self.assertEqual(self.source.asked, ["0", "1", "2", "3"])
        self.assertEqual([self.successResultOf(answer) for answer in answers], [ANN] * 4)

    def test_who_gave_up_in_the_line_is_not_asked_for(self) -> None:
        """Late work for nobody makes everybody later."""
        self.remembered = self.build(Remembering(most_at_once=1))
        self.ask_later("first")
        gone = self.ask_later("gone")
        self.ask_later("last")
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.source.answer(ANN)
        self.assertEqual(self.source.asked, ["first", "last"])

    def test_a_long_line_that_is_answered_at_once_is_no_deep_stack(self) -> None:
        """A thousand answers in one turn of the reactor."""
        self.remembered = self.build(Remembering(most_at_once=1, most_waiting=5000))
        first = self.ask_later("first")
        answers = [self.ask_later(number) for number in range(5000)]
        self.source.at_once = ANN
        self.source.answer(ANN)
        self.successResultOf(first)
        self.assertTrue(all(self.successResultOf(answer) is ANN for answer in answers))

    def test_guesses_push_out_guesses_and_no_mailbox(self) -> None:
        """A dictionary attack is millions of names that are not there."""
        self.remembered = self.build(Remembering(remembered=2))
        self.learn("ann", ANN)
        for number in range(10):
            self.learn(number, UNKNOWN)
        self.assertIs(self.remembered.find(path("ann")), ANN)
        self.assertIs(self.remembered.find(path(9)), UNKNOWN)
        self.ask_later(7)
        self.assertIn("1 addresses that are there, 2 that are not", self.remembered.state())

    def test_the_mailbox_asked_for_least_lately_is_forgotten_first(self) -> None:
        """Memory has an end; who gets mail every minute stays in it."""
        self.remembered = self.build(Remembering(remembered=2))
        self.learn("ann", ANN)
        self.learn("bob", ANN)
        self.ask("ann")
        self.learn("eve", ANN)
        self.assertIs(self.remembered.find(path("ann")), ANN)
        self.ask_later("bob")

    def test_a_mailbox_that_is_gone_is_forgotten_as_one_that_was_there(self) -> None:
        """It would otherwise take mail again when the source goes down."""
        self.learn("ann", ANN)
        self.clock.advance(300)
        self.learn("ann", UNKNOWN)
        self.take_down()
        self.clock.advance(60)
        self.ask_later("ann")  # is the one that asks whether the source is back
        self.source.answer(DOWN)
        self.assertIs(self.ask("ann").outcome, Outcome.COULD_NOT_TELL)


class TestFailure(RememberedTestCase):
    """While it does not."""

    def test_one_failure_is_told_to_who_asked_and_is_no_reason_to_stop_asking(self) -> None:
        """An address that the source cannot digest must not take it from everybody."""
        self.source.at_once = DOWN
        answer = self.ask("ann")
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(answer.detail, "sql: it is down for good")
        self.assertEqual(self.told.events, [])
        self.source.at_once = ANN
        self.assertIs(self.ask("ann"), ANN)

    def test_failures_between_answers_do_not_add_up(self) -> None:
        """Three in a row are a source that is down; three in a day are not."""
        for number in range(5):
            self.source.at_once = DOWN
            self.ask(f"bad-{number}")
            self.learn(f"good-{number}", ANN)
        self.assertEqual(self.told.events, [])

    def test_a_source_that_is_down_is_told_and_asked_by_one_look_up_every_few_seconds(self) -> None:
        """A server that comes back is not met by all who waited for it."""
        self.take_down()
        self.assertEqual(self.told.events, [BackendFailed(at=1e9, source="sql", fault="it is down for good")])
        self.assertIs(self.ask("ann").outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(self.source.asked, [])
        self.clock.advance(5)
        waits = self.ask_later("ann")
        self.assertIs(self.ask("bob").outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(self.source.asked, ["ann"])
        also_waits = self.ask_later("ann")
        self.source.answer(DOWN)
        self.assertIs(self.successResultOf(waits).outcome, Outcome.COULD_NOT_TELL)
        self.assertIs(self.successResultOf(also_waits).outcome, Outcome.COULD_NOT_TELL)
        self.clock.advance(4)
        self.ask("bob")
        self.assertEqual(self.source.asked, ["ann"])
        self.assertEqual(len(self.told.events), 1)

    def test_it_is_told_when_it_is_back_and_everybody_is_served_again(self) -> None:
        """The line in the log that lets an operator go to sleep."""
        self.take_down()
        self.clock.advance(7)
        self.learn("ann", ANN)
        self.assertEqual(self.told.events[1:], [BackendRecovered(at=1e9, source="sql", seconds=7)])
        self.ask_later("bob")
        self.assertEqual(self.source.asked, ["ann", "bob"])

    def test_an_old_answer_serves_at_once_while_the_source_is_down(self) -> None:
        """Mail for known mailboxes goes on; also for whoever finds out whether it is back."""
        self.learn("ann", ANN)
        self.clock.advance(3600)
        self.take_down()
        self.assertIs(self.remembered.find(path("ann")), ANN)
        self.clock.advance(5)
        self.assertIs(self.remembered.find(path("ann")), ANN)
        self.assertEqual(self.source.asked, ["ann"])
        self.assertIn("down for 5 s (it is down for good), 2 old answers served", self.remembered.state())
        self.source.answer(ANN)
        self.assertIn("answers;", self.remembered.state())

    def test_an_answer_can_be_too_old(self) -> None:
        """Nobody wants the users of last week."""
        self.learn("ann", ANN)
        self.take_down()
        self.clock.advance(300 + 86_400)
        waits = self.ask_later("ann")
        self.source.answer(DOWN)
        self.assertIs(self.successResultOf(waits).outcome, Outcome.COULD_NOT_TELL)

    def test_no_old_answer_refuses_for_good(self) -> None:
        """The mailbox may have been made, or enabled, since: the peer is to try again."""
        lookups = {"ann": ANN, "full": OVER_QUOTA, "later": DEFERRED, "old": DISABLED, "no": REFUSED, "none": UNKNOWN}
        for name, lookup in lookups.items():
            self.learn(name, lookup)
        self.clock.advance(300)
        self.take_down()
        outcomes = {name: self.ask(name).outcome for name in lookups}
        could_not_tell = dict.fromkeys(("old", "no", "none"), Outcome.COULD_NOT_TELL)
        self.assertEqual(outcomes, {name: lookup.outcome for name, lookup in lookups.items()} | could_not_tell)

    def test_a_fresh_answer_refuses_also_while_the_source_is_down(self) -> None:
        """It was true within the minute."""
        self.learn("none", UNKNOWN)
        self.take_down()
        self.assertIs(self.ask("none"), UNKNOWN)

    def test_a_look_up_that_takes_too_long_is_cancelled_and_has_failed(self) -> None:
        """The peer waits for its reply."""
        late = self.ask_later("ann")
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(late).detail, "sql: no answer within 5 s")
        self.assertTrue(self.source.waiting.pop().called)

    def test_when_the_source_goes_down_nobody_waits_on(self) -> None:
        """Two thousand sessions in a line that does not move."""
        self.learn("ann", ANN)
        self.clock.advance(300)
        for number in range(10):
            self.ask_later(number)  # eight are asked; the two that wait are asked when the first two have failed
        known, unknown = self.ask_later("ann"), self.ask_later("bob")
        for _ in range(3):
            self.source.answer(DOWN)
        self.assertIs(self.successResultOf(known), ANN)
        self.assertIs(self.successResultOf(unknown).outcome, Outcome.COULD_NOT_TELL)
        self.assertNotIn("bob", self.source.asked)

    def test_an_answer_that_cannot_be_used_is_no_failure_and_not_remembered(self) -> None:
        """One row is at fault: the others are not, and it may be mended by now."""
        bad = Lookup(outcome=Outcome.COULD_NOT_TELL, detail="sql: state is 'x'")
        self.source.at_once = bad
        for _ in range(5):
            self.assertIs(self.ask("bad"), bad)
        self.assertEqual(self.told.events, [])
        self.assertEqual(len(self.source.asked), 5)

    def test_a_fault_of_ours_is_told_as_one(self) -> None:
        """A bug in a backend defers mail, and can be found from the log."""
        self.source.at_once = ZeroDivisionError("x" * 1000)
        detail = self.ask("ann").detail
        self.assertTrue(detail.startswith("sql: ZeroDivisionError("), detail)
        self.assertLess(len(detail), 320)

    def test_closed_it_leaves_nobody_waiting_and_no_timer(self) -> None:
        """A reload takes the backend away from under its sessions."""
        self.remembered = self.build(Remembering(most_at_once=1))
        answers = [self.ask_later("ann"), self.ask_later("bob")]
        self.remembered.close()
        for answer in answers:
            self.assertIs(self.successResultOf(answer).outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closed_it_does_not_say_that_the_source_failed(self) -> None:
        """A reload under load must not read in the log as a database that went down, and never came back."""
        answers = [self.ask_later(number) for number in range(5)]
        self.remembered.close()
        details = {self.successResultOf(answer).detail for answer in answers}
        self.assertEqual((self.told.events, details), ([], {"sql: it was closed"}))


class TestSettings(SynchronousTestCase):
    def test_what_makes_no_sense_is_refused(self) -> None:
        """A time limit of nothing fails every look-up."""
        for wrong in ({"ttl": -1}, {"time": 0}, {"most_at_once": 0}, {"remembered": 0}, {"most_waiting": 0}):
            self.assertRaises(ValueError, Remembering, **wrong)
