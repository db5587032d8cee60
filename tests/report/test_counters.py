"""The counters: every total is right, and no peer can make a label."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import (
    AT,
    ATTACK_BEGAN,
    ATTACK_ENDED,
    DISK_FULL,
    DROPPED,
    EVENTS,
    FAILED,
    FLOOD_BEGAN,
    FLOOD_ENDED,
    FLOOD_GOES_ON,
    GIVEN_UP,
    KEPT,
    LOADED,
    NOBODY,
    OPENED,
    RECOVERED,
    RELOADED,
    SECURED,
    SESSION,
    SETTINGS_KEPT,
    TRANSACTION,
    UNKNOWN,
)
from twistedmx.model.envelope import Refused
from twistedmx.model.peer import Tls
from twistedmx.model.verdict import Action, Reason
from twistedmx.report.counters import Counters, Histogram
from twistedmx.report.rates import LastMinute, Rates


def counted(*events):
    counters = Counters()
    for event in events:
        counters(event)
    return counters


class TestCounters(SynchronousTestCase):
    def test_sessions(self):
        """Greeted, ended and why, and how long they took."""
        counters = counted(OPENED, OPENED, SESSION, attrs.evolve(SESSION, reason=Reason.IDLE))
        self.assertEqual(counters.sessions_opened, 2)
        self.assertEqual((counters.sessions[Reason.QUIT], counters.sessions[Reason.IDLE]), (1, 1))
        self.assertEqual((sum(counters.session_seconds.counts), counters.session_seconds.sum), (2, 3.0))

    def test_messages_are_counted_by_what_was_said_to_them(self):
        """And those that never came to that by themselves."""
        counters = counted(TRANSACTION, TRANSACTION, DISK_FULL, GIVEN_UP)
        self.assertEqual(counters.messages[Action.ACCEPT, Reason.ACCEPTED], 2)
        self.assertEqual(counters.messages[Action.DEFER, Reason.DISK_FULL], 1)
        self.assertEqual(counters.without_message[Reason.LOST], 1)
        self.assertEqual(counters.message_octets, {Action.ACCEPT: 2468, Action.DEFER: 1234, Action.REJECT: 0})
        self.assertEqual(sum(counters.transaction_seconds.counts), 4)

    def test_every_refused_recipient_is_counted_once_and_under_its_reason(self):
        """A transaction names a hundred; a guesser tries thousands."""
        unknown, late = (Action.REJECT, Reason.UNKNOWN_MAILBOX), (Action.DEFER, Reason.LOOKUP_LATE)
        many = attrs.evolve(
            TRANSACTION,
            refused=Refused(
                count=5000,
                runs=((UNKNOWN, (b"nobody@example.org",) * 100),),
                others=((*unknown, 4000), (*late, 30)),
            ),
        )
        counters = counted(many)
        self.assertEqual(counters.recipients[Action.ACCEPT, Reason.ACCEPTED], 2)
        self.assertEqual(counters.recipients[unknown], 4100)
        self.assertEqual(counters.recipients[late], 30)
        self.assertEqual(counters.recipients[Action.DEFER, None], 870)
        self.assertEqual(sum(counters.recipients.values()), 5002)

    def test_handshakes_are_counted_by_protocols_that_we_know(self):
        """Whatever OpenSSL will call the next one."""
        old = attrs.evolve(SECURED, tls=Tls(protocol="TLSv1", cipher="x"))
        counters = counted(SECURED, old, attrs.evolve(old, tls=Tls(protocol="surprise", cipher="x")))
        self.assertEqual(counters.handshakes, {"TLSv1.2": 0, "TLSv1.3": 1, "other": 2})

    def test_tables_and_backends_are_as_they_were_told_last(self):
        """Up again is up."""
        counters = counted(LOADED, KEPT, FAILED)
        self.assertEqual((counters.addresses, counters.usable), ({"/etc/boxes": 3}, {"/etc/boxes": False}))
        self.assertEqual((counters.backends, counters.backend_failures), ({"people": False}, 1))
        counters(RECOVERED)
        counters(LOADED)
        self.assertEqual((counters.backends, counters.usable), ({"people": True}, {"/etc/boxes": True}))
        self.assertEqual(counters.loaded_at, {"/etc/boxes": AT})

    def test_a_table_that_a_reload_took_away_is_not_shown_for_ever(self):
        """It would wake somebody every night."""
        counters = counted(LOADED, attrs.evolve(KEPT, source="/etc/old"))
        counters.keep_sources(["/etc/boxes"])
        self.assertEqual((counters.addresses, counters.usable), ({"/etc/boxes": 3}, {"/etc/boxes": True}))

    def test_a_backend_that_was_down_before_a_reload_is_not_down_for_ever(self):
        """The one in its place tells when it fails, and has nothing to recover from."""
        counters = counted(FAILED)
        counters.keep_sources([FAILED.source])
        self.assertEqual(counters.backends, {})

    def test_sources_are_bounded(self):
        """No fault of ours may fill the memory of two programs."""
        counters = counted(*(attrs.evolve(LOADED, source=str(number)) for number in range(300)))
        self.assertEqual(len(counters.addresses), 256)

    def test_reloads_and_subscribers(self):
        """What an operator did, and what we lost."""
        counters = counted(RELOADED, SETTINGS_KEPT, SETTINGS_KEPT, DROPPED)
        self.assertEqual(counters.reloads, {"taken": 1, "kept": 2})
        self.assertEqual((counters.reloaded_at, counters.subscribers_dropped), (AT, 1))

    def test_attacks_and_floods_are_counted_when_they_begin(self):
        """Once each, however long they last."""
        counters = counted(ATTACK_BEGAN, ATTACK_ENDED, FLOOD_BEGAN, FLOOD_GOES_ON, FLOOD_GOES_ON, FLOOD_ENDED)
        self.assertEqual((counters.attacks, counters.floods), (1, 1))

    def test_what_the_log_is_silent_of_is_counted_all_the_same(self):
        """Else a flood would look like calm."""
        loud, silent = counted(NOBODY, SESSION), Counters()
        for event in (NOBODY, SESSION):
            silent(attrs.evolve(event, flooded=True))
        self.assertEqual(silent.recipients, loud.recipients)
        self.assertEqual(silent.sessions, loud.sessions)
        self.assertEqual(silent.without_message, loud.without_message)

    def test_every_event_is_taken(self):
        """An event that nobody counts is a decision, and this is where it shows."""
        for event in EVENTS:
            self.assertIn(type(event), Counters()._count)

    def test_rates_are_of_the_last_minute(self):
        """What `status` shows."""
        counters = counted(OPENED, OPENED, TRANSACTION, DISK_FULL, attrs.evolve(TRANSACTION, refused=Refused(count=40)))
        self.assertEqual(counters.rates(AT + 30), Rates(sessions=2, messages=2, refused_recipients=42))
        self.assertEqual(counters.rates(AT + 61), Rates(sessions=0, messages=0, refused_recipients=0))


class TestHistogram(SynchronousTestCase):
    def test_a_bound_belongs_to_the_values_below_it(self):
        """`le` is less or equal."""
        histogram = Histogram(1, 2)
        for value in (0, 1, 1.5, 2, 2.1, 100):
            histogram.observe(value)
        self.assertEqual(histogram.counts, [2, 2, 2])
        self.assertAlmostEqual(histogram.sum, 106.6)


class TestLastMinute(SynchronousTestCase):
    def test_a_second_is_forgotten_after_sixty(self):
        """Each by itself."""
        minute = LastMinute()
        for second in range(100):
            minute.add(1000 + second)
        self.assertEqual(minute.total(1099), 60)
        self.assertEqual(minute.total(1100), 59)
        self.assertEqual(minute.total(1158), 1)
        self.assertEqual(minute.total(1159), 0)

    def test_a_long_silence_costs_no_more_than_a_short_one(self):
        """The first event after a night."""
        minute = LastMinute()
        minute.add(1.0)
        minute.add(1e9)
        self.assertEqual(minute.total(1e9), 1)

    def test_a_clock_that_is_put_back_a_little_loses_nothing(self):
        """NTP does it."""
        minute = LastMinute()
        minute.add(1000, 2)
        minute.add(995, 3)
        self.assertEqual(minute.total(1001), 5)

    def test_a_clock_that_is_put_back_far_begins_anew(self):
        """Else nothing would be forgotten until it has caught up."""
        minute = LastMinute()
        minute.add(5000)
        minute.add(1000)
        self.assertEqual((minute.total(1000), minute.total(1061)), (1, 0))
