"""The legitimate mail: at its rate whatever happens, and counted from the moment when it was to begin."""

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.wire import PLAN, Server, good, run
from twistedmx.drill.hosts import attacking, innocent
from twistedmx.drill.latencies import Failures, Latencies
from twistedmx.drill.sender import PATIENCE, RATE, Sender
from twistedmx.drill.sieges import SIEGES


class TestSender(SynchronousTestCase):
    def send(self, seconds, behaviour=good, siege=1, greeting=b"220 mx\r\n"):
        self.clock = Clock()
        self.server = Server(self.clock, behaviour, greeting)
        plan = attrs.evolve(PLAN, siege=siege)
        sender = Sender(SIEGES[siege], plan, self.server.connect, self.clock)
        sender.begin()
        run(self.clock, seconds)
        return sender

    def test_one_whole_transaction_on_each_connection_at_a_fixed_rate(self):
        """With nothing wrong, all are answered."""
        sender = self.send(10.1)
        done = sender.end()
        run(self.clock, 1)
        self.successResultOf(done)
        self.assertEqual((sender.latencies.sent, len(sender.latencies.seconds), sender.latencies.failed), (51, 51, 0))
        self.assertEqual(len(self.server.connections), 51)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_server_that_hangs_does_not_slow_the_sender_down(self):
        """Coordinated omission: those who would have come while it hung have waited as well."""
        hung = []

        def hangs(connection, line):
            if 1 <= self.clock.seconds() < 3:
                hung.append((connection, good(connection, line)))
                return b""
            return good(connection, line)

        sender = self.send(3.0, hangs)
        for connection, reply in hung:
            connection.answer(reply)
        run(self.clock, 1.1)
        self.successResultOf(sender.end())
        self.assertEqual(sender.latencies.sent, 21)
        waited = sum(seconds > 0.1 for seconds in sender.latencies.seconds)
        self.assertGreaterEqual(waited, 2 * RATE - 1)
        self.assertGreater(sender.latencies.percentile(0.99), 1.9)

    def test_who_begins_late_himself_counts_from_when_he_was_to_begin(self):
        """A drill that had no time is no excuse for the server, and is told apart."""
        sender = self.send(1)
        self.clock.advance(2)
        run(self.clock, 1.1)
        self.assertGreater(max(sender.own_lag), 1.5)
        self.assertGreater(sender.latencies.percentile(1.0), 1.5)
        self.assertEqual(sender.latencies.sent, 21)

    def test_innocents_take_turns_and_come_from_addresses_of_their_own(self):
        """Siege 1: Eudora and a newsletter are among them."""
        self.send(2)
        self.assertEqual(self.server.connections[0].source, innocent(0).address)
        self.assertEqual(
            [b"RSET" in connection.lines for connection in self.server.connections[:4]], [False, True, False, False]
        )
        self.assertIn(b"RCPT TO:<nobody.x.3.1@example.org>", self.server.connections[3].lines)

    def test_in_siege_3_mail_servers_that_bounce_deliver_as_well(self):
        """They are innocent: a flooded address alone bans nobody."""
        self.send(2, siege=3)
        attackers = {attacking(3, number).address for number in range(PLAN.hosts)}
        self.assertEqual(
            [connection.source in attackers for connection in self.server.connections[:6]],
            [False, True, True] * 2,
        )
        self.assertEqual(self.server.connections[2].lines[1], b"MAIL FROM:<>")

    def test_every_way_to_fail_is_counted_with_its_words(self):
        """So that nobody has to try again to see what it was."""

        def puts_off(connection, line):
            return b"450 4.7.1 come later\r\n" if line[:4] == b"RCPT" else good(connection, line)

        for behaviour, greeting, words in (
            (puts_off, b"220 mx\r\n", "message: RCPT: 450 4.7.1 come later"),
            (good, b"554 No service for you\r\n", "message: turned away: 554 No service for you"),
            (
                lambda connection, line: None,
                b"220 mx\r\n",
                "message: hung up on: closed without a word behind EHLO mx.company-0.example.com",
            ),
        ):
            sender = self.send(0.1, behaviour, greeting=greeting)
            self.assertEqual(list(sender.latencies.failures), [(words, 1)])
        sender = self.send(0.1, lambda connection, line: b"")
        done = sender.end()
        run(self.clock, PATIENCE + 1, step=0.5)
        self.successResultOf(done)
        ((words, _),) = sender.latencies.failures
        self.assertTrue(words.startswith("message: silent: no answer for 30 s to EHLO"), words)

    def test_a_connection_that_is_refused_is_a_failure(self):
        """The server may be gone."""
        sender = self.send(0.05)
        self.server.listens = False
        run(self.clock, 0.3)
        self.assertEqual(
            [words for words, _ in sender.latencies.failures],
            ["eudora: no connection: Connection was refused by other side."],
        )

    def test_what_is_given_up_is_neither_good_nor_failed(self):
        """The operator has pressed Ctrl-C."""
        sender = self.send(1.1, lambda connection, line: b"")
        done = sender.end()
        sender.give_up()
        self.successResultOf(done)
        self.assertEqual((len(sender.latencies.seconds), sender.latencies.failed), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TestLatencies(SynchronousTestCase):
    def test_a_percentile_is_a_value_that_was_measured(self):
        """The nearest rank: of few, the 99th is the slowest."""
        latencies = Latencies()
        self.assertIsNone(latencies.percentile(0.5))
        for value in range(1, 101):
            latencies.took(float(value))
        self.assertEqual([latencies.percentile(share) for share in (0.5, 0.99, 1.0)], [50.0, 99.0, 100.0])
        few = Latencies()
        few.took(3.0)
        few.took(1.0)
        self.assertEqual((few.percentile(0.5), few.percentile(0.99)), (1.0, 3.0))

    def test_failures_are_of_one_kind_up_to_the_codes_of_the_reply(self):
        """The words of the first are shown; ids and addresses behind the codes differ."""
        failures = Failures()
        failures.add("message: turned away: 554 No service for 127.1.0.1, id A")
        failures.add("message: turned away: 554 No service for 127.2.0.1, id B")
        failures.add("bounce: RCPT: 450 4.7.1 greylisted for 55 s")
        failures.add("bounce: RCPT: 450 4.7.1 greylisted for 54 s")
        failures.add("bounce: RCPT: 450 4.2.0 other")
        failures.add("bounce: no connection: refused")
        self.assertEqual(
            list(failures),
            [
                ("message: turned away: 554 No service for 127.1.0.1, id A", 2),
                ("bounce: RCPT: 450 4.7.1 greylisted for 55 s", 2),
                ("bounce: RCPT: 450 4.2.0 other", 1),
                ("bounce: no connection: refused", 1),
            ],
        )

    def test_kinds_of_failures_are_bounded(self):
        """A server may have different words each time."""
        failures = Failures()
        for number in range(100):
            failures.add(f"words {'x' * number}")
        self.assertEqual((len(list(failures)), failures.total), (21, 100))
        self.assertEqual(list(failures)[-1], ("others", 80))
