"""One blocklist for all workers: whom one condemns all hang up on, and it is kept and told once."""

from ipaddress import ip_network

import attrs

from tests.report.facts import BLOCK
from tests.service.workers.machine import Machine
from twistedmx.model.network_event import NetworkBlocked, NetworkUnblocked
from twistedmx.service.block_commands import allow, ban, unban

HOST = "203.0.114.9"


class TestBlocks(Machine):
    def test_whom_one_worker_condemns_all_turn_away(self):
        """At once, without a clock that goes on: and it is told once, with one id everywhere."""
        self.hung_up(self.workers[0], HOST, times=3)
        self.assertEqual(self.workers[0].blocked, [f"{HOST}/32"], "before anybody was asked")
        self.pump()
        self.assertEqual([worker.blocked for worker in self.workers], [[f"{HOST}/32"]] * 4)
        self.assertTrue(all(f"{HOST}/32" in worker.hung_up for worker in self.workers))
        (told,) = self.heard(NetworkBlocked)
        self.assertEqual(self.blocked, [f"{HOST}/32"])
        ids = {worker.blocking.blocklist.find(HOST).id for worker in self.workers}
        self.assertEqual(ids, {told.block.id})
        self.assertFalse(any(isinstance(event, NetworkBlocked) for worker in self.workers for event in worker.told))

    def test_two_who_condemn_it_in_the_same_moment_agree(self):
        """Where steering falls back, a host is at several: the supervisor's entry is everybody's, and it is told once."""
        for worker in self.workers:
            self.hung_up(worker, HOST, times=3)
        self.pump()
        (told,) = self.heard(NetworkBlocked)
        found = [worker.blocking.blocklist.find(HOST).id for worker in self.workers]
        self.assertEqual(found, [told.block.id] * 4)
        self.assertEqual([len(worker.blocking.blocklist) for worker in self.workers], [1] * 4)

    def test_the_next_block_of_a_host_is_a_relapse_at_whichever_worker(self):
        """What has expired is known to all as long as it is remembered, also to one that came after it."""
        self.hung_up(self.workers[0], HOST, times=3)
        self.pump()
        (first,) = self.side.blocking.blocklist
        self.wait(first.expiry - first.since + 1, step=600)
        self.assertEqual((self.blocked, self.workers[2].blocked), ([], []))
        for number, worker in enumerate((self.workers[2], self.join()), 1):
            self.hung_up(worker, HOST, times=3)
            self.pump()
            (block,) = self.side.blocking.blocklist
            self.assertEqual((block.relapse, block.id), (number, first.id))
            self.wait(block.expiry - block.since + 1, step=3600)

    def test_what_the_operator_says_all_workers_hear(self):
        """Ban, unban, allow, and an allowance that expires."""
        blocking = self.side.blocking
        ban(blocking, {"networks": ["198.51.100.0/24"]})
        self.pump()
        self.assertEqual([worker.blocked for worker in self.workers], [["198.51.100.0/24"]] * 4)
        allow(blocking, {"networks": ["198.51.100.9"], "seconds": 60})
        self.pump()
        for worker in self.workers:
            blocklist = worker.blocking.blocklist
            self.assertEqual([bool(blocklist.find(f"198.51.100.{n}")) for n in (8, 9)], [True, False])
            worker.hung_up.clear()
        self.wait(62, step=1)
        for worker in self.workers:
            self.assertTrue(worker.blocking.blocklist.find("198.51.100.9"))
            self.assertEqual(worker.hung_up, ["198.51.100.9/32"])
        unban(blocking, {"what": "198.51.100.0/24"})
        self.pump()
        self.assertEqual([worker.blocked for worker in self.workers], [[]] * 4)
        self.assertEqual((len(self.heard(NetworkBlocked)), len(self.heard(NetworkUnblocked))), (1, 1))
        self.assertEqual([worker.told for worker in self.workers], [[]] * 4)

    def test_whom_the_operator_has_just_allowed_nobody_blocks(self):
        """The worker did not know yet when it proposed."""
        allow(self.side.blocking, {"networks": [HOST]})
        self.hung_up(self.workers[0], HOST, times=3)
        self.pump()
        self.assertEqual((self.blocked, self.workers[0].blocked, self.heard(NetworkBlocked)), ([], [], []))

    def test_a_worker_that_joins_late_knows_all(self):
        """In pieces, and what comes meanwhile too; then it says so."""
        blocking = self.side.blocking
        ban(blocking, {"networks": [f"198.18.{n // 250}.{n % 250}" for n in range(1050)]})
        allow(blocking, {"networks": ["198.18.0.7", "203.0.113.0/24"]})
        worker = self.join()
        worker.side.known.addCallback(worker.told.append)
        self.assertEqual(worker.told, [None])
        self.assertEqual(worker.blocked, self.blocked)
        self.assertEqual(len(worker.blocked), 1050)
        self.assertEqual(len(worker.blocking.allowing.allowed), 2)
        self.assertIsNone(worker.blocking.blocklist.find("198.18.0.7"))

    def test_what_changes_while_a_worker_learns_is_true_in_the_end(self):
        """Removed, lengthened and new, between any two pieces."""
        blocking = self.side.blocking
        networks = [f"198.18.{n // 250}.{n % 250}" for n in range(600)]
        ban(blocking, {"networks": networks, "seconds": 60})
        joining = self.join_without_pumping()
        for number in range(6):
            unban(blocking, {"what": networks[100 * number]})
            ban(blocking, {"networks": [networks[100 * number + 50]], "seconds": 3600})
            ban(blocking, {"networks": [f"203.0.114.{number}"]})
            self.pump_a_little(joining)
        self.pump()
        mine = {str(block.network): block for block in blocking.blocklist}
        self.assertEqual({str(block.network): block for block in joining.blocking.blocklist}, mine)
        self.assertEqual(len(mine), 600)

    def join_without_pumping(self):
        pump, self.pump = self.pump, lambda: None
        try:
            return self.join()
        finally:
            self.pump = pump

    def pump_a_little(self, worker):
        """One line in each direction."""
        for end, hearing in zip(worker.pair._ends, (worker.pair.other, worker.pair.one), strict=True):
            if end.sent:
                hearing.dataReceived(end.sent.popleft())

    def test_a_full_blocklist_is_full_for_all(self):
        """What the supervisor evicts, and what it does not take, nobody has."""
        for worker in (*self.workers, self.side):
            worker.blocking.blocklist._settings = _with_most(worker.blocking.blocklist._settings, 3)
        for number in range(1, 6):
            self.hung_up(self.workers[number % 4], f"203.0.114.{number}", times=3)
            self.wait(60, step=30)
        self.assertEqual(len(self.blocked), 3)
        self.assertEqual([worker.blocked for worker in self.workers], [self.blocked] * 4)

    def test_it_is_kept_by_the_supervisor_alone(self):
        """A store for each worker would be as many truths."""
        self.hung_up(self.workers[0], HOST, times=3)
        self.pump()
        for worker in self.workers:
            self.assertNotIn(b"bad-recipients", self.stored(worker.blocking))
        self.assertIn(b"bad-recipients", self.stored(self.side.blocking))

    def stored(self, blocking):
        self.reactor.finish(blocking.stop())
        octets = b""
        for suffix in ("", "-wal"):
            try:
                with open(blocking.store.path + suffix, "rb") as file:
                    octets += file.read()
            except FileNotFoundError:
                pass
        return octets

    def test_nonsense_is_heard_by_nobody(self):
        """A worker that has gone mad: the supervisor says so in its log, and goes on."""
        for said in (None, {}, [1], [["AAAAAAAA", None]], [["B" * 8]], [["B" * 8, {"id": "C" * 8}]]):
            self.workers[0].pair.other.tell("block-proposed", said)
            self.pump()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 6)
        self.assertEqual(self.blocked, [])

    def test_a_worker_that_does_not_read_has_no_more_than_a_piece_before_it(self):
        """However many change: it hears what is so when it reads again."""
        worker = self.workers[0]
        worker.pair.stop_reading(0)
        for number in range(2000):
            self.side.blocking.blocklist.block(_block(number).network, reason="x", evidence="", origin="operator")
        self.assertLess(worker.pair.one._unsent, 2000)
        worker.pair.read_again(0)
        self.pump()
        self.assertEqual(worker.blocked, self.blocked)


def _with_most(settings, most):
    return attrs.evolve(settings, most=most)


_SIGNS = "BCDFGHJKLM"


def _block(number):
    id_ = "".join(_SIGNS[int(digit)] for digit in f"{number:08}")
    return attrs.evolve(BLOCK, id=id_, network=ip_network((0xCB007200 + number, 32)), expiry=None)
