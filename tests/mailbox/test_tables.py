"""Mailboxes from a file: the port's suite in both formats, and an edit that is live at the next connection."""

import os
import tempfile
from collections.abc import Callable

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.mailbox.faults import BadTable
from twistedmx.mailbox.snapshot import Snapshot
from twistedmx.mailbox.tables import TableMailboxes
from twistedmx.model.event import Event, MailboxesKept, MailboxesLoaded
from twistedmx.model.mailbox import DISABLED, OVER_QUOTA, UNKNOWN, Lookup, Outcome
from twistedmx.smtp.path import parse_path
from twistedmx.testing.mailboxes import FakeMailboxes, Household, MailboxesSuite, found

TEMPLATE = "/srv/mail/{domain}/{local}"
ANN = parse_path(b"ann@example.org")
BOB = parse_path(b"bob@example.org")


class Told:
    """The port Events: a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


def at_once(reading: Callable[[], Snapshot]) -> Deferred[Snapshot]:
    """A thread that is done before anybody looks."""
    try:
        return succeed(reading())
    except Exception:
        return fail(Failure())


@attrs.define
class Thread:
    """A thread that works when the test says so."""

    begun: list[tuple[Callable[[], Snapshot], Deferred[Snapshot]]] = attrs.field(factory=list)

    def run(self, reading: Callable[[], Snapshot]) -> Deferred[Snapshot]:
        result: Deferred[Snapshot] = Deferred()
        self.begun.append((reading, result))
        return result

    def work(self) -> None:
        reading, result = self.begun.pop(0)
        at_once(reading).chainDeferred(result)


class TableTestCase(SynchronousTestCase):
    """A table in a directory of its own."""

    def setUp(self) -> None:
        self.path = os.path.join(self.mktemp(), "mailboxes")
        os.makedirs(os.path.dirname(self.path))
        self.told = Told()
        self.thread = Thread()

    def write(self, text: str) -> None:
        """As a careful editor does: a new file, renamed over the old."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path + ".new", self.path)

    def table(self, run: Callable[[Callable[[], Snapshot]], Deferred[Snapshot]] = at_once) -> TableMailboxes:
        return TableMailboxes(
            path=self.path, maildirs=TEMPLATE, run_in_thread=run, now=iter(range(1000, 2000)).__next__, events=self.told
        )

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.told.events]


class TestStart(TableTestCase):
    """load(): before there are connections."""

    def test_a_good_table_is_told_with_its_size(self) -> None:
        """The log says which file holds, and that it is not the empty one."""
        self.write("ann@example.org\nbob@example.org\n")
        mailboxes = self.table()
        mailboxes.load()
        self.assertEqual(self.told.events, [MailboxesLoaded(at=1001, source=self.path, addresses=2, seconds=1)])
        self.assertIs(mailboxes.find(ANN).outcome, Outcome.FOUND)

    def test_a_bad_table_stops_the_start_with_every_fault(self) -> None:
        """A server that starts with half a table refuses mail for the other half."""
        self.write("ann@example.org mailbx\nbob@\n")
        with self.assertRaises(BadTable) as caught:
            self.table().load()
        self.assertEqual([fault.place for fault in caught.exception.faults], [1, 2])
        self.assertIn(f"{self.path}:1: unknown word 'mailbx'", str(caught.exception))

    def test_a_missing_table_stops_the_start(self) -> None:
        """The path in the settings is wrong, and only now is somebody there to mend it."""
        self.assertRaises(FileNotFoundError, self.table().load)

    def test_a_template_that_joins_all_mailboxes_is_refused(self) -> None:
        """So are a relative one, an unknown placeholder and one with '..'."""
        for template in (
            "/srv/mail/{domain}",
            "srv/{local}",
            "/srv/{user}/{local}",
            "/srv/../{local}",
            "/srv/{local",
            "",
        ):
            with self.assertRaises(ValueError, msg=template):
                TableMailboxes(path="x", maildirs=template, run_in_thread=at_once, now=float, events=self.told)

    def test_before_anything_is_read_nothing_can_be_told(self) -> None:
        """Not knowing is 451, never 550: the mail comes again when the table is there."""
        mailboxes = self.table()
        mailboxes.refresh()
        self.assertIs(mailboxes.find(ANN).outcome, Outcome.COULD_NOT_TELL)


class TestEdit(TableTestCase):
    """refresh(): at each connection."""

    def setUp(self) -> None:
        super().setUp()
        self.write("ann@example.org\n")
        self.mailboxes = self.table(self.thread.run)
        self.mailboxes.load()
        self.told.events.clear()

    def test_what_was_not_edited_is_not_read(self) -> None:
        """A thousand connections a second cost a thousand stats, not a thousand readings."""
        self.mailboxes.refresh()
        self.mailboxes.refresh()
        self.assertEqual((self.thread.begun, self.told.events), ([], []))

    def test_whoever_connects_after_an_edit_meets_it(self) -> None:
        """An operator adds a mailbox, sends a message to it, and it is there."""
        self.write("ann@example.org\nbob@example.org\n")
        self.mailboxes.refresh()
        answer = self.mailboxes.find(BOB)
        self.assertNoResult(answer)
        self.thread.work()
        self.assertIs(self.successResultOf(answer).outcome, Outcome.FOUND)
        self.assertIsInstance(self.mailboxes.find(BOB), Lookup)
        self.assertEqual(self.names(), ["MailboxesLoaded"])

    def test_who_stops_waiting_disturbs_nobody(self) -> None:
        """A peer that hangs up during a reading must not take the reading or another peer's answer with it."""
        self.write("bob@example.org\n")
        self.mailboxes.refresh()
        gone, staying = self.mailboxes.find(BOB), self.mailboxes.find(BOB)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.assertNoResult(staying)
        self.thread.work()
        self.assertIs(self.successResultOf(staying).outcome, Outcome.FOUND)

    def test_an_edit_during_a_reading_is_met_by_who_connects_after_it(self) -> None:
        """The reading under way has the first edit at best; who came with the second waits for the next."""
        self.write("bob@example.org\n")
        self.mailboxes.refresh()
        early = self.mailboxes.find(ANN)
        first = self.thread.begun[0][0]()  # the octets of the first edit are read ...
        self.write("ann@example.org disabled\n")  # ... and then comes the second
        self.mailboxes.refresh()
        self.mailboxes.refresh()
        late = self.mailboxes.find(ANN)
        self.assertEqual(len(self.thread.begun), 1)
        self.thread.begun.pop(0)[1].callback(first)
        self.assertEqual(self.successResultOf(early), UNKNOWN)
        self.assertNoResult(late)
        self.thread.work()
        self.assertEqual(self.successResultOf(late), DISABLED)
        self.mailboxes.refresh()
        self.assertEqual(self.thread.begun, [])

    def test_an_edit_that_the_reading_missed_is_seen_by_the_next_connection(self) -> None:
        """The version is noted before the octets are read, so that a later one always looks new."""
        self.write("bob@example.org\n")
        self.mailboxes.refresh()
        first = self.thread.begun[0][0]()
        self.write("carl@example.org\n")
        self.thread.begun.pop(0)[1].callback(first)
        self.mailboxes.refresh()
        self.assertEqual(len(self.thread.begun), 1)

    def test_a_broken_version_is_told_once_and_the_last_good_one_stays(self) -> None:
        """An operator's slip of the pen must not bounce a domain's mail, and must not fill the log either."""
        self.write("ann@example.org\nbob\n")
        for _ in range(3):
            self.mailboxes.refresh()
            if self.thread.begun:
                self.thread.work()
        self.assertIs(self.mailboxes.find(ANN).outcome, Outcome.FOUND)
        self.assertEqual(self.names(), ["MailboxesKept"])
        self.assertIn(f"{self.path}:2: 'bob'", self.told.events[0].fault)

    def test_who_waits_for_a_broken_version_gets_the_answer_of_the_good_one(self) -> None:
        """Waiting ends with every reading, however that ends."""
        self.write("bob\n")
        self.mailboxes.refresh()
        answer = self.mailboxes.find(ANN)
        self.thread.work()
        self.assertIs(self.successResultOf(answer).outcome, Outcome.FOUND)

    def test_each_broken_version_is_told_and_a_mended_one_loads(self) -> None:
        """The operator who tries again reads what is still wrong."""
        for text in ("bob\n", "bob@\n", "bob@example.org\n"):
            self.write(text)
            self.mailboxes.refresh()
            self.thread.work()
        self.assertEqual(self.names(), ["MailboxesKept", "MailboxesKept", "MailboxesLoaded"])

    def test_a_table_that_was_taken_away_is_told_once_and_its_return_is_noticed(self) -> None:
        """Between unlink and rename there is no file; that is no reason to refuse everybody."""
        os.rename(self.path, self.path + ".away")
        for _ in range(3):
            self.mailboxes.refresh()
            if self.thread.begun:
                self.thread.work()
        self.assertEqual(
            self.told.events,
            [MailboxesKept(at=1003, source=self.path, fault=f"{self.path}: No such file or directory")],
        )
        self.assertIs(self.mailboxes.find(ANN).outcome, Outcome.FOUND)
        os.rename(self.path + ".away", self.path)
        self.mailboxes.refresh()
        self.thread.work()
        self.assertEqual(self.names(), ["MailboxesKept", "MailboxesLoaded"])

    def test_a_reading_that_the_machine_refused_is_tried_again_and_told_once(self) -> None:
        """A siege takes the last file descriptor; the edit of that moment must not be lost for good."""
        self.write("bob@example.org\n")
        for _ in range(2):
            self.mailboxes.refresh()
            self.thread.begun.pop(0)[1].errback(OSError(24, "Too many open files"))
        self.assertEqual(self.names(), ["MailboxesKept"])
        self.mailboxes.refresh()
        self.thread.work()
        self.assertIs(self.mailboxes.find(BOB).outcome, Outcome.FOUND)

    def test_a_fault_of_our_own_in_a_reading_is_told_and_survived(self) -> None:
        """Whatever goes wrong there, sessions go on with the last good table."""
        self.write("bob@example.org\n")
        self.mailboxes.refresh()
        answer = self.mailboxes.find(ANN)
        self.thread.begun.pop(0)[1].errback(ZeroDivisionError("oh"))
        self.assertIs(self.successResultOf(answer).outcome, Outcome.FOUND)
        self.assertIn("a fault of ours: ZeroDivisionError('oh')", self.told.events[0].fault)

    def test_a_thread_that_cannot_begin_does_not_raise_into_the_connection(self) -> None:
        """refresh() never raises."""

        def refuse(reading: Callable[[], Snapshot]) -> Deferred[Snapshot]:
            raise RuntimeError("no more threads")

        mailboxes = self.table(refuse)
        mailboxes.refresh()
        self.assertIs(mailboxes.find(ANN).outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(self.names(), ["MailboxesKept"])


class TableSuite(MailboxesSuite):
    """The suite on a file of one format."""

    suffix: str

    def text(self, household: Household) -> str:
        raise NotImplementedError

    def build(self, household: Household) -> TableMailboxes:
        path = os.path.join(tempfile.mkdtemp(dir=os.getcwd()), "mailboxes" + self.suffix)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text(household))
        mailboxes = TableMailboxes(path=path, maildirs=TEMPLATE, run_in_thread=at_once, now=float, events=Told())
        mailboxes.load()
        return mailboxes


class TestTextTable(TableSuite, TestCase):
    """The port's suite on the text format."""

    suffix = ""

    def text(self, household: Household) -> str:
        lines = [f"{domain} domain" for domain in household.domains]
        lines += household.mailboxes
        lines += [f"{alias} alias {', '.join(targets)}" for alias, targets in household.aliases.items()]
        lines += [f"{address} disabled" for address in household.disabled]
        lines += [f"{address} over-quota" for address in household.over_quota]
        return "\n".join(lines)


class TestTomlTable(TableSuite, TestCase):
    """The port's suite on TOML."""

    suffix = ".toml"

    def text(self, household: Household) -> str:
        lines = [
            f"domains = {list(household.domains)}",
            f"mailboxes = {list(household.mailboxes)}",
            f"disabled = {list(household.disabled)}",
            f"over_quota = {list(household.over_quota)}",
            "[aliases]",
        ]
        lines += [f"'{alias}' = {list(targets)}" for alias, targets in household.aliases.items()]
        return "\n".join(lines)


class TestFakeMailboxes(MailboxesSuite, TestCase):
    """The fake obeys what the real ones obey, or tests with it prove nothing."""

    def build(self, household: Household) -> FakeMailboxes:
        answers = {f"@{domain}": UNKNOWN for domain in household.domains}
        answers |= {address: found(address) for address in household.mailboxes}
        answers |= dict.fromkeys(household.disabled, DISABLED)
        answers |= dict.fromkeys(household.over_quota, OVER_QUOTA)
        for alias, targets in household.aliases.items():
            flat = [each for target in targets for each in household.aliases.get(target, [target])]
            full = set(flat) & set(household.over_quota)
            answers[alias] = OVER_QUOTA if full else found(*dict.fromkeys(flat))
        return FakeMailboxes(answers)

    def test_it_answers_late_and_fails_when_told_to(self) -> None:
        """Sessions must bear both."""
        mailboxes = FakeMailboxes({"ann@example.org": found("ann@example.org")})
        mailboxes.late = True
        first, gone = mailboxes.find(ANN), mailboxes.find(ANN)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        mailboxes.answer_all()
        self.assertEqual(self.successResultOf(first), found("ann@example.org"))
        second = mailboxes.find(ANN)
        mailboxes.failure = OSError("down")
        mailboxes.answer_all()
        self.failureResultOf(second, OSError)
        mailboxes.late = False
        self.assertRaises(OSError, mailboxes.find, ANN)
        self.assertEqual(mailboxes.asked, [ANN] * 4)
