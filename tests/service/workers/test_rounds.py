"""Dealing anew in answer to workers has an end."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service.workers.rounds import Rounds


class TestRounds(SynchronousTestCase):
    def test_so_many_are_there_between_two_looks(self):
        rounds = Rounds()
        first = sum(rounds.another() for _ in range(10_000))
        self.assertGreater(first, 100)
        rounds.begin()
        self.assertEqual(sum(rounds.another() for _ in range(10_000)), first)
