"""How many attackers there are, who comes back, and what is counted."""

from collections import Counter
from random import Random

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.wire import PLAN, Server, good, run
from twistedmx.drill.counts import Counts, counts_from
from twistedmx.drill.crowd import Crowd
from twistedmx.drill.sieges import SIEGES


def hangs_up_after_nine(connection, line):
    """As a server with [conduct] bad_recipients = 10."""
    guesses = sum(line[:4] == b"RCPT" for line in connection.lines)
    if line[:4] == b"RCPT" and guesses == 10:
        return b"421 4.7.0 too many\r\n"
    return good(connection, line) if guesses < 10 else None


class TestCrowd(SynchronousTestCase):
    def besiege(self, seconds, behaviour=good, siege=1, greeting=b"220 mx\r\n", pace=(0.02, 0.2), **more):
        self.clock = Clock()
        self.server = Server(self.clock, behaviour, greeting)
        plan = attrs.evolve(PLAN, siege=siege, **more)
        crowd = Crowd(attrs.evolve(SIEGES[siege], pace=pace), plan, self.server.connect, self.clock, Random(1))
        crowd.begin()
        run(self.clock, seconds, step=0.01)
        self.addCleanup(crowd.end)
        return crowd

    def test_there_are_never_more_sessions_than_were_allowed(self):
        """The load is bounded by what the operator said."""
        crowd = self.besiege(20, sessions=10)
        self.assertEqual((crowd.counts.open, crowd.counts.most_open, len(self.server.open)), (10, 10, 10))

    def test_connections_come_at_no_higher_rate_than_was_allowed(self):
        """However fast the server gets rid of them."""
        crowd = self.besiege(10, greeting=None, rate=50.0)
        self.assertLessEqual(crowd.counts.connections, 50 * 10 + 5)
        self.assertGreater(crowd.counts.connections, 400)
        self.assertEqual(crowd.counts.turned_away, crowd.counts.ended)

    def test_who_is_hung_up_on_comes_back_and_new_hosts_come_too(self):
        """Siege 1: neither 421 nor a closed connection impresses anybody."""
        crowd = self.besiege(30, hangs_up_after_nine, rate=50.0, sessions=100)
        visits = Counter(connection.source for connection in self.server.connections)
        self.assertGreater(max(visits.values()), 30)
        self.assertGreater(len(visits), 20)
        self.assertEqual(crowd.counts.hosts, len(visits))
        self.assertEqual(crowd.counts.hung_up, crowd.counts.ended)
        self.assertEqual(crowd.counts.last_words, {"421 4.7.0": crowd.counts.hung_up})

    def test_a_guess_is_counted_when_its_answer_tells_something(self):
        """421 tells nothing of the name: nine are answered, the tenth is not."""
        crowd = self.besiege(30, hangs_up_after_nine)
        self.assertEqual(crowd.counts.most_guesses, 9)
        self.assertEqual(crowd.counts.guesses, crowd.counts.refused)

    def test_a_host_has_no_more_sessions_than_it_may(self):
        """Siege 1: up to twenty."""
        self.besiege(20, hosts=3, sessions=500)
        self.assertEqual(set(Counter(connection.source for connection in self.server.open).values()), {20})

    def test_bots_come_from_one_address_after_another(self):
        """Siege 2: one message each and always another address."""
        self.besiege(5, siege=2, pace=(0.0, 0.0), rate=10.0)
        sources = [connection.source for connection in self.server.connections]
        self.assertEqual(len(set(sources)), len(sources))

    def test_what_was_put_off_and_what_was_let_in_are_counted_apart(self):
        """Neither should be."""

        def puts_off(connection, line):
            return b"450 4.7.1 greylisted\r\n" if line[:4] == b"RCPT" else good(connection, line)

        def lets_in(connection, line):
            return b"250 ok\r\n" if line[:4] == b"RCPT" else good(connection, line)

        crowd = self.besiege(10, puts_off, siege=2)
        self.assertGreater(crowd.counts.deferred, 5)
        self.assertEqual(crowd.counts.accepted, 0)
        self.assertEqual(crowd.counts.left, crowd.counts.ended)
        crowd = self.besiege(10, lets_in, siege=2)
        self.assertGreater(crowd.counts.accepted, 5)
        self.assertGreater(crowd.counts.messages, 0.9 * crowd.counts.accepted)

    def test_a_server_that_is_gone_is_counted_and_asked_again(self):
        """It may come back."""
        crowd = self.besiege(1)
        self.server.listens = False
        for connection in list(self.server.open):
            connection.answer(None)
        run(self.clock, 1, step=0.01)
        self.assertGreater(crowd.counts.not_connected, 10)
        self.assertEqual(crowd.counts.open, 0)

    def test_at_the_end_nobody_is_left(self):
        """And nothing is counted that we did ourselves."""
        crowd = self.besiege(2)
        ended = crowd.counts.ended
        crowd.end()
        self.assertEqual((crowd.counts.open, self.server.open, self.clock.getDelayedCalls()[1:]), (0, [], []))
        self.assertEqual(crowd.counts.ended, ended)


class TestCounts(SynchronousTestCase):
    def test_they_pass_from_one_process_to_the_other(self):
        """As JSON."""
        counts = Counts(connections=5, last_words={"421 4.7.0": 2})
        self.assertEqual(counts_from(attrs.asdict(counts)), counts)

    def test_words_of_the_server_are_told_apart_by_their_codes_within_a_bound(self):
        """Each client may hear its own id."""
        counts = Counts()
        for number in range(100):
            counts.closed_with(f"554 5.7.1 blocked, id {number}")
            counts.closed_with("closed without a word")
            counts.closed_with(f"{400 + number} x")
        self.assertEqual((counts.last_words["554 5.7.1"], counts.last_words["no words"]), (100, 100))
        self.assertEqual(len(counts.last_words), 20)
