"""Networks and attacks where several workers serve: noticed as in one process, and told once."""

import json
import os
import subprocess
import sys
from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import NOBODY, UNKNOWN
from tests.service.workers.machine import Machine
from tests.service.workers.pair import Pair
from twistedmx.mailbox.keys import domain_key
from twistedmx.model.envelope import Refused
from twistedmx.model.event import AttackBegan, AttackEnded, FloodBegan, FloodEnded, FloodGoesOn
from twistedmx.model.network_event import NetworkBlocked, NetworkWouldBeBlocked
from twistedmx.model.peer import Peer
from twistedmx.policy.attack_summing import AttackSumming
from twistedmx.policy.attacks import Attacks
from twistedmx.policy.networks import network_of
from twistedmx.service.opinion import opinion
from twistedmx.service.workers.attack_sides import hash_environment
from twistedmx.service.workers.attack_words import said_sums, sums_heard
from twistedmx.service.workers.network_reports import NetworkReports

NETWORK = "203.0.114.0/24"


class Conduct(Machine):
    def offend(self, hosts):
        """Each once, at one of the workers. After how many the network was blocked; None: it was not."""
        for number in hosts:
            self.hung_up(self.workers[number % len(self.workers)], f"203.0.114.{number}")
            self.pump()
            if NETWORK in self.blocked:
                return number
        return None


class TestNetworks(Conduct):
    def test_hosts_of_several_workers_condemn_their_network(self):
        """After as many as in a single process; everywhere, and told once."""
        self.assertEqual(self.offend(range(1, 20)), 5)
        (told,) = self.heard(NetworkBlocked)
        self.assertEqual((str(told.block.network), told.block.reason), (NETWORK, "bad-hosts"))
        self.assertTrue(told.block.evidence.startswith("5 hosts hung up on"), told.block.evidence)
        self.assertEqual([worker.blocked for worker in self.workers], [[NETWORK]] * 4)
        self.assertTrue(all(NETWORK in worker.hung_up for worker in self.workers))

    def test_one_host_again_and_again_is_one(self):
        """It is blocked itself, and its network is not."""
        for _ in range(20):
            self.hung_up(self.workers[1], "203.0.114.9")
            self.pump()
        self.assertEqual(self.blocked, ["203.0.114.9/32"])

    def test_mail_of_another_host_saves_the_network(self):
        """At whichever worker: an innocent neighbour is a reason not to."""
        self.sends(self.workers[3], "203.0.114.200")
        self.assertIsNone(self.offend(range(1, 20)))
        self.assertEqual(self.side.blocking.reputation.networks.get(b"\xcb\0\x72").good, 1.0)

    def test_mail_of_who_offends_saves_nobody(self):
        """One message, and then what it came for."""
        self.sends(self.workers[1], "203.0.114.1")
        self.hung_up(self.workers[1], "203.0.114.1", times=2)
        self.assertEqual(self.offend(range(2, 20)), 5)

    def test_workers_know_of_no_networks(self):
        """What holds for the machine is in one place; a worker that is killed loses nothing of it."""
        self.offend(range(1, 4))
        for worker in self.workers:
            self.assertEqual(len(worker.blocking.reputation.networks), 0)
        self.kill(self.workers[0])
        self.assertEqual(self.offend(range(4, 20)), 5)


class TestTold(Conduct):
    """What the operator asks of the supervisor."""

    def test_a_workers_opinion_is_of_the_whole_network(self):
        """It is told before it is asked."""
        self.offend(range(1, 4))
        worker = self.workers[1]
        self.side.before_opinion(worker.number, "203.0.114.1")
        self.side.before_opinion(worker.number, "no address")
        self.side.before_opinion(99, "203.0.114.1")
        self.pump()
        told = opinion(worker.blocking.reputation, worker.blocking.blocklist, "203.0.114.1")
        self.assertEqual(told["network"]["offenders"], [f"203.0.114.{number}/32" for number in range(1, 4)])

    def test_status_and_attacks_are_put_right(self):
        """Workers have copies of the blocklist, and know nothing of networks or attacks."""
        self.offend(range(1, 6))
        told = self.side.put_right("status", {"blocklist": {"entries": 4, "turned_away": 7}, "pid": 1})
        self.assertEqual((told["blocklist"]["entries"], told["blocklist"]["turned_away"], told["pid"]), (1, 7, 1))
        self.assertEqual((told["governor"]["limit"], told["reputation"]["networks"]), (140, 1))
        attacks = self.side.put_right("attacks", {"campaigns": [1], "under_attack": []})
        self.assertEqual((attacks["campaigns"], attacks["flooded"]), ([1], []))
        json.dumps([told, attacks])
        self.assertEqual(self.side.put_right("why", {"a": 1}), {"a": 1})
        self.assertEqual({name: gauge() for name, gauge in self.side.gauges().items()}["blocked"], 1)
        self.assertEqual(len(self.side.commands["list"]({})["blocks"]), 1)

    def test_hashes_are_the_same_in_all_that_have_the_environment(self):
        """Else one name at two workers would be two."""
        environment = {**os.environ, **hash_environment(Random(1))}
        program = [sys.executable, "-c", "print(hash(b'nobody@example.org'))"]
        told = {subprocess.run(program, env=environment, capture_output=True, check=True).stdout for _ in range(2)}
        self.assertEqual(len(told), 1)


class TestShadow(Conduct):
    document = {"reputation": {"shadow": True}}

    def test_in_shadow_it_is_told_once(self):
        """And nobody is blocked."""
        self.offend(range(1, 20))
        (told,) = self.heard(NetworkWouldBeBlocked)
        self.assertEqual((str(told.network), self.blocked), (NETWORK, []))
        self.assertEqual([one for worker in self.workers for one in worker.told if type(one) is type(told)], [])


class TestOneIsEnough(Conduct):
    """What four notice one does: the same numbers."""

    number = 1

    def test_one_worker_condemns_after_as_many(self):
        """As `test_hosts_of_several_workers_condemn_their_network`."""
        self.assertEqual(self.offend(range(1, 20)), 5)


class TestReports(SynchronousTestCase):
    """What goes over the channel of mail."""

    def setUp(self):
        self.heard = []
        self.pair = Pair({}, {"network-evidence": self.heard.extend})
        self.reports = NetworkReports(self.pair.one)

    def sends(self, now, good=True):
        self.reports.mail(b"\xcb\0\x72\x09", None, messages=2, good_share=good, now=now)
        self.pair.pump()

    def test_mail_of_a_host_is_told_once_a_minute(self):
        """A newsletter of a hundred thousand is two lines, and all of it is counted."""
        for second in range(90):
            self.sends(1000 + second)
        self.assertEqual([one["messages"] for one in self.heard], [2, 120])

    def test_after_an_offence_it_is_told_at_once(self):
        """Else what makes up for it would come too late."""
        self.sends(1000)
        self.reports.session(b"\xcb\0\x72\x09", None, offends=True, at=1001.5, now=1001)
        self.sends(1002)
        self.assertEqual([one.get("messages") for one in self.heard], [2, None, 2])

    def test_a_prefix_is_told(self):
        """Where routes are known."""
        self.reports.session(b"\xcb\0\x72\x09", network_of("203.0.112.0/20"), offends=True, at=1.0, now=1)
        self.pair.pump()
        self.assertEqual(self.heard[0]["prefix"], "203.0.112.0/20")

    def test_a_flood_of_it_is_bounded(self):
        """Where the supervisor does not answer."""
        for number in range(30_000):
            self.reports.session(number.to_bytes(4, "big"), None, offends=True, at=1.0, now=1)
        self.assertEqual(self.reports._outbox.lost, 30_000 - 10_000 - 1)


class Attacked(Machine):
    document = {"attacks": {"names": 60, "tries": 60, "calm": 10.0}}

    def guess(self, numbers, domain=b"example.org"):
        """Names, each at another worker and of another host."""
        for number in numbers:
            worker = self.workers[number % len(self.workers)]
            self.refuses(worker, [b"guess%d@%b" % (number, domain)], host=f"192.0.2.{number % 250}")


class TestAttacks(Attacked):
    def test_an_attack_on_all_workers_is_noticed_as_on_one(self):
        """None of them saw sixty; it is told once, and all know it a moment later."""
        self.guess(range(59))
        self.wait(3)
        self.assertEqual(self.heard(AttackBegan), [])
        self.guess([59])
        self.wait(2)
        (told,) = self.heard(AttackBegan)
        self.assertEqual((told.domain, told.pressure.names, told.pressure.hosts), ("example.org", 60, 60))
        for worker in self.workers:
            attacks = worker.watching.alertness.attacks
            self.assertTrue(attacks.any and attacks.under_attack(b"example.org"))
            self.assertFalse(attacks.any_flooded or attacks.under_attack(b"example.net"))
            self.assertEqual(worker.told.count(told), 0)
        self.wait(75)
        (ended,) = self.heard(AttackEnded)
        self.assertEqual((ended.attack.names, ended.attack.hosts, ended.attack.tries), (60, 60, 60))
        self.assertEqual(len(ended.attack.samples), 5)
        self.assertFalse(any(worker.watching.attacks.any for worker in self.workers))

    def test_the_same_names_everywhere_are_the_same(self):
        """Hashes are compared across workers."""
        for worker in self.workers:
            self.refuses(worker, [b"guess%d@example.org" % number for number in range(50)])
        self.wait(2)
        self.assertEqual(self.heard(AttackBegan), [])

    def test_known_names_weigh_wherever_they_were_accepted(self):
        """A large domain has unknown names every day."""
        for number in range(40):
            self.refuses(self.workers[0], [b"first@example.org"])
            self.sends(self.workers[number % 4], "198.51.100.1", b"known%d@example.org" % number)
        self.guess(range(70))
        self.wait(2)
        self.assertEqual(self.heard(AttackBegan), [])
        self.guess(range(70, 90))
        self.wait(2)
        self.assertEqual(len(self.heard(AttackBegan)), 1)

    def test_names_of_who_is_of_good_record_do_not_count(self):
        """Its worker knows that."""
        for worker in self.workers:
            worker.watching.attacks.proven = lambda address: True
        self.guess(range(200))
        self.wait(2)
        self.assertEqual(self.heard(AttackBegan), [])

    def test_what_was_done_against_it_is_told(self):
        """Sessions that workers hung up on, and blocks."""
        self.guess(range(60))
        self.wait(2)
        for number in range(1, 4):
            self.hung_up(self.workers[number], f"203.0.114.{number}", times=3)
        self.wait(2)
        (attack, _), *_ = self.side.watching.attacks.attacks()
        self.assertEqual([(reason.value, count) for reason, count in attack.hung_up], [("bad-recipients", 9)])
        self.assertEqual(attack.blocks, 3)

    def test_a_flood_of_names_is_about_as_many(self):
        """Beyond the bounds of a sum it is a sample, and what is said side by side adds up."""
        for number in range(40):
            names = [b"q%d-%d@example.org" % (number, each) for each in range(500)]
            self.refuses(self.workers[number % 4], names, host=f"192.0.2.{number}")
        self.wait(2)
        ((attack, pressure),) = self.side.watching.attacks.attacks()
        self.assertEqual(attack.tries, 20_000)
        self.assertTrue(15_000 <= pressure.names <= 20_000, pressure)
        self.assertEqual(pressure.hosts, 40)

    def test_a_worker_that_joins_knows_what_is_under_attack(self):
        """At once, not when that changes."""
        self.guess(range(60))
        self.refuses(self.workers[1], [b"nobody@example.org"] * 100)
        self.wait(2)
        attacks = self.join().watching.attacks
        self.assertTrue(attacks.under_attack(b"example.org") and attacks.is_flooded(b"nobody@example.org"))

    def test_a_flood_of_one_address_is_seen_over_all(self):
        """Each worker refuses it fifteen times; hosts are counted from then on."""
        for number in range(60):
            self.refuses(self.workers[number % 4], [b"nobody@example.org"], host=f"192.0.2.{number}")
        self.wait(2)
        (told,) = self.heard(FloodBegan)
        self.assertEqual((told.address, told.tries), ("nobody@example.org", 60))
        self.assertTrue(all(worker.watching.attacks.is_flooded(b"nobody@example.org") for worker in self.workers))
        for second in range(60):
            for worker in self.workers:
                self.refuses(worker, [b"nobody@example.org"], host=f"198.51.100.{second % 30}")
            self.wait(1)
        (goes_on,) = self.heard(FloodGoesOn)
        self.assertEqual((goes_on.hosts, 200 <= goes_on.tries <= 240), (30, True), goes_on)
        self.wait(75)
        (ended,) = self.heard(FloodEnded)
        self.assertEqual((ended.flood.tries, ended.flood.hosts), (300, 30))
        self.assertFalse(any(worker.watching.attacks.any_flooded for worker in self.workers))

    def test_a_flooded_address_is_found_below_a_dictionary(self):
        """What is tried again and again goes first when there is too much."""
        for second in range(20):
            for number, worker in enumerate(self.workers):
                names = [b"d%d-%d-%d@example.org" % (second, number, each) for each in range(3000)]
                self.refuses(worker, [*names, *[b"nobody@example.org"] * 3])
            self.wait(1)
        self.assertEqual([event.address for event in self.heard(FloodBegan)], ["nobody@example.org"])

    def test_a_supervisor_that_judges_no_more_stands_down(self):
        """What nobody would end must not go on, at no worker."""
        self.guess(range(60))
        self.wait(2)
        self.side.watching.attacks.tick = lambda now: 1 / 0
        self.wait(2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertFalse(any(worker.watching.attacks.any for worker in self.workers))


class TestSummed(Attacked):
    number = 0

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 150), st.integers(0, 9)), max_size=200))
    def test_four_sums_are_one(self, guesses):
        """However names are spread over workers, what is judged is what one process would have judged."""
        settings, events = self.settings.attacks, _Deaf()
        one, all_of_them = Attacks(settings, events, domain_key), Attacks(settings, events, domain_key)
        parts = [AttackSumming(settings, domain_key) for _ in range(4)]
        for worker, name, host in guesses:
            event = _guess(b"guess%d@example.org" % name, f"192.0.2.{host}")
            one(event)
            parts[worker](event)
        for part in parts:
            for piece in said_sums(part.take()):
                all_of_them.add(sums_heard(piece))
        for attacks in (one, all_of_them):
            attacks.tick(1_800_000_000.0)
        told = [
            [attrs.astuple(pressure) for _, pressure in attacks.attacks()] + [tries for _, tries in attacks.floods()]
            for attacks in (one, all_of_them)
        ]
        self.assertEqual(*told)
        self.assertEqual(one.marked(), all_of_them.marked())


class _Deaf:
    def tell(self, event):
        pass


def _guess(name, host):
    return attrs.evolve(NOBODY, peer=Peer(address=host, port=1), refused=Refused(count=1, runs=((UNKNOWN, (name,)),)))
