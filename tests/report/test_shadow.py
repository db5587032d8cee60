"""What policies in shadow would have done, summed up so that an operator can decide whether to take one out of it."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import AT, EVENTS, IN_SHADOW
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Action, Reason
from twistedmx.report.shadow import ShadowTally


def from_(address, **others):
    return attrs.evolve(IN_SHADOW, peer=Peer(address=address, port=1), **others)


class TestShadowTally(SynchronousTestCase):
    def test_only_verdicts_in_shadow_are_counted(self):
        """What was refused in earnest is in the counters."""
        tally = ShadowTally()
        for event in EVENTS:
            tally(event)
        (row,) = tally.told()
        self.assertEqual((row.policy, row.action, row.reason), ("greeter", Action.DEFER, Reason.CHECK_LATE))
        self.assertEqual((row.count, row.hosts, row.proven, row.more), (7, 1, 0, False))
        self.assertEqual((row.since, row.last), (AT, AT))

    def test_hosts_are_counted_once_and_those_of_good_record_apart(self):
        """Five of good record among six are five reasons not to switch it on."""
        asked = []

        def proven(address):
            asked.append(address)
            return address.startswith("192.")

        tally = ShadowTally(proven)
        for address in (
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "203.0.113.1",
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:0:1::",
        ):
            tally(from_(address, count=2))
        (row,) = tally.told()
        self.assertEqual((row.count, row.hosts, row.proven), (14, 5, 2))
        self.assertEqual(row.named, ("192.0.2.1", "192.0.2.2"))
        self.assertEqual(len(asked), 5)

    def test_rows_and_hosts_are_bounded(self):
        """A botnet has more addresses than we have memory."""
        tally = ShadowTally()
        for number in range(1500):
            tally(from_(f"192.0.{number // 250}.{number % 250}", count=1))
        (row,) = tally.told()
        self.assertEqual((row.count, row.hosts, row.more), (1500, 1000, True))
        for number in range(1000):
            tally(attrs.evolve(IN_SHADOW, policy=f"policy-{number}"))
        self.assertEqual(len(tally.told()), 256)

    def test_the_first_ten_of_good_record_are_named_and_all_counted(self):
        """Somebody has to ask them, or to look at their mail; more than ten say that the limit is wrong."""
        tally = ShadowTally(lambda address: True)
        for number in range(12):
            tally(from_(f"192.0.2.{number}"))
        (row,) = tally.told()
        self.assertEqual((row.proven, row.named), (12, tuple(f"192.0.2.{number}" for number in range(10))))

    def test_the_most_frequent_comes_first(self):
        """It is read from the top."""
        tally = ShadowTally()
        tally(attrs.evolve(IN_SHADOW, policy="rare", count=1))
        tally(attrs.evolve(IN_SHADOW, policy="frequent", count=5))
        self.assertEqual([row.policy for row in tally.told()], ["frequent", "rare"])

    def test_a_reload_forgets_what_is_in_shadow_no_more(self):
        """Old figures beside new ones would be added in the head."""
        tally = ShadowTally()
        for name in ("a", "b"):
            tally(attrs.evolve(IN_SHADOW, policy=name))
        tally.keep({"b"})
        self.assertEqual([row.policy for row in tally.told()], ["b"])
