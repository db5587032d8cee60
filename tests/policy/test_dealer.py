"""One number dealt out to processes that hear of it late."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.dealer import Dealer


class Process:
    """Takes what its part allows. `heard`: tellings on their way to it; `said`: what it said that is on its way back."""

    def __init__(self, part=0):
        self.part, self.held, self.heard, self.said = part, 0, [], []

    def take(self, number):
        self.held += min(number, max(self.part - self.held, 0))

    def hear(self):
        """All of it."""
        for telling, part in self.heard:
            self.part = part
            self.said.append((telling, self.held))
        self.heard = []

    def answer(self, number, dealer, wanted):
        for telling, held in self.said:
            dealer.kept(number, telling, held=held)
        self.said = []
        dealer.need(number, held=self.held, wanted=wanted)


class TestDealer(SynchronousTestCase):
    def deal(self, dealer, processes, whole, level=False):
        others = dealer.level(whole, len(processes)) if level else dealer.deal(whole)
        for number, part in others.items():
            self.assertEqual(part, dealer.part(number))
            processes[number].heard.append((dealer.told(number), part))

    def test_what_one_loses_another_has_later(self):
        """First the one is known to keep to less."""
        dealer = Dealer()
        dealer.join(0, part=50)
        dealer.join(1, part=50)
        dealer.need(0, held=10, wanted=90)
        self.assertEqual(dealer.deal(100), {1: 12})
        self.assertTrue(dealer.is_short)
        dealer.kept(1, dealer.told(1), held=30)
        self.assertEqual(dealer.deal(100), {0: 70, 1: 30})
        dealer.kept(1, dealer.told(1) - 1, held=5)
        self.assertEqual(dealer.deal(100), {1: 12})
        dealer.kept(1, dealer.told(1), held=12)
        self.assertEqual(dealer.deal(100), {0: 88})

    def test_who_leaves_holds_nothing(self):
        """The others have it at once; whoever comes anew has nothing before he is told."""
        dealer = Dealer()
        for number in range(2):
            dealer.join(number)
        self.assertEqual(dealer.deal(10), {0: 5, 1: 5})
        dealer.leave(0)
        self.assertEqual(dealer.deal(10), {1: 10})
        dealer.join(0)
        self.assertEqual((dealer.deal(10), dealer.is_short), ({1: 5}, True))
        dealer.kept(1, dealer.told(1), held=0)
        self.assertEqual((dealer.deal(10), dealer.is_short), ({0: 5}, False))
        self.assertNotIn(7, dealer)
        dealer.kept(7, 1, held=3)  # of nobody, nothing
        self.assertEqual((dealer.part(7), dealer.told(7), dealer.wants(7), dealer.held), (0, 0, 0, 0))

    @given(st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 200))
    @settings(max_examples=100, deadline=None)
    def test_all_together_never_hold_more_than_the_whole(self, seed, number, whole):
        """Whoever asks, and whenever anything is heard; and when all is heard, all of it is somebody's."""
        chance, dealer = Random(seed), Dealer()
        processes = [Process(whole // number) for _ in range(number)]
        for at in range(number):
            dealer.join(at, part=whole // number)
        for _ in range(80):
            at = chance.randrange(number)
            process = processes[at]
            process.take(chance.randrange(whole + 2))
            self.assertLessEqual(sum(each.held for each in processes), whole)
            process.held = chance.choice((process.held, chance.randrange(process.held + 1), 0))
            if chance.random() < 0.7:
                process.hear()
            if chance.random() < 0.7:
                process.answer(at, dealer, chance.randrange(100))
            self.deal(dealer, processes, whole, level=chance.random() < 0.2)
        for level in (False, True):
            for process in processes:
                process.held = 0
            for _ in range(8):
                for at, process in enumerate(processes):
                    process.hear()
                    process.answer(at, dealer, 0)
                self.deal(dealer, processes, whole, level=level)
            parts = [process.part for process in processes]
            if level:
                self.assertEqual(parts, [whole // number] * number)
            else:
                self.assertEqual(sum(parts), whole)
            self.assertTrue(dealer.is_settled)
