"""Whom we do not talk to: how long, whom never, and what stays when there are too many."""

import math
from ipaddress import IPv4Network
from random import Random

import attrs
import hypothesis
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.model.block import Block
from twistedmx.policy.block_record import packed, unpacked
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import network_of
from twistedmx.policy.records_by_id import RecordsById

HOUR, DAY = 3600.0, 86_400.0
HOST, NETWORK = network_of("192.0.2.1"), network_of("192.0.2.0/24")
SETTINGS = BlocklistSettings(never=("198.51.100.0/24", "2001:db8:ffff::/48"))


class Blocks(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1e9)
        self.told = []
        self.build(SETTINGS)

    def build(self, settings):
        self.blocklist = Blocklist(settings, self.clock.seconds, Random(1))
        self.blocklist.on_block = self.told.append

    def block(self, network=HOST, **more):
        """As conduct does it."""
        network = network_of(network) if isinstance(network, str) else network
        said = {"reason": "bad-recipients", "evidence": "35 of 35", "origin": "conduct"}
        return self.blocklist.block(network, **(said | more))

    def refused(self, network, **more):
        """The words in which it is."""
        return str(self.assertRaises(ValueError, self.block, network, **more))

    def left(self, block):
        """Seconds until it expires."""
        return block.expiry - self.clock.seconds()


class TestFind(Blocks):
    def test_an_entry_holds_until_it_expires(self):
        """Addresses change their owners."""
        block = self.block()
        self.assertEqual(self.blocklist.find("192.0.2.1"), block)
        self.assertIsNone(self.blocklist.find("192.0.2.2"))
        self.clock.advance(HOUR)
        self.assertIsNone(self.blocklist.find("192.0.2.1"))

    def test_of_two_the_smaller_is_found_while_it_holds(self):
        """What is told is the host's own entry; when it has expired, the network is still blocked."""
        host, network = self.block(), self.block(NETWORK, seconds=DAY)
        self.assertEqual(self.blocklist.find("192.0.2.1"), host)
        self.clock.advance(2 * HOUR)
        self.assertEqual(self.blocklist.find("192.0.2.1"), network)

    def test_who_has_no_address_is_not_blocked(self):
        """The peer of a Unix socket."""
        self.assertIsNone(self.blocklist.find(""))

    def test_an_ipv6_host_has_64_bits(self):
        """RFC 4291 2.5.4: it would come back from another of its addresses."""
        self.block("2001:db8::1")
        self.assertEqual(self.blocklist.find("2001:db8::dead:beef").network, network_of("2001:db8::/64"))

    def test_a_clock_that_is_put_back_makes_no_block_longer(self):
        """One that had been a year ahead would otherwise block the hosts of that day for a year."""
        self.block()
        self.clock.rightNow -= 365 * DAY
        self.assertEqual(self.left(self.blocklist.find("192.0.2.1")), HOUR)
        self.clock.advance(HOUR)
        self.assertIsNone(self.blocklist.find("192.0.2.1"))


class TestHowLong(Blocks):
    def test_each_relapse_lasts_longer_up_to_the_longest(self):
        """1 h, 4 h, 16 h ... 30 d: a hijacked machine that was mended is soon back, one that was not is not."""
        lengths = []
        for _ in range(8):
            block = self.block()
            lengths.append(self.left(block) / HOUR)
            self.clock.advance(self.left(block))
        self.assertEqual(lengths, [1, 4, 16, 64, 256, 720, 720, 720])
        self.assertEqual(self.block().relapse, 8)

    def test_a_relapse_is_remembered_for_a_time(self):
        """Nobody is a relapser for ever; swept or not makes no difference."""
        for swept in (False, True):
            self.build(SETTINGS)
            self.block()
            self.clock.advance(HOUR + SETTINGS.remember - 1)
            self.assertEqual(self.block().relapse, 1)
            self.clock.advance(4 * HOUR + SETTINGS.remember + 60)
            if swept:
                self.assertEqual(self.blocklist.sweep(), 1)
                self.assertEqual(len(self.blocklist), 0)
            self.assertEqual(self.block().relapse, 0)

    def test_what_is_blocked_is_lengthened_and_has_not_relapsed(self):
        """Twenty sessions of a host end in the same second: it gets an hour, not thirty days."""
        first = self.block()
        self.clock.advance(60)
        again = self.block(reason="junk")
        self.assertEqual((again.id, again.since, again.relapse), (first.id, first.since, 0))
        self.assertEqual((again.reason, self.left(again)), ("junk", HOUR))
        self.assertEqual(list(self.blocklist), [again])
        self.assertEqual(self.block(seconds=60), again)

    def test_a_time_of_its_own_or_none(self):
        """The operator says how long."""
        self.assertEqual(self.left(self.block(seconds=5)), 5)
        self.assertIsNone(self.block(seconds=math.inf).expiry)
        self.clock.advance(1e9)
        self.assertIsNotNone(self.blocklist.find("192.0.2.1"))
        for seconds in (0, -1, math.nan):
            self.assertIn("more than 0 seconds", self.refused(HOST, seconds=seconds))

    def test_the_operators_word_stays(self):
        """What conduct does meanwhile must not make his entry one that may go, nor one whose reason is not his."""
        self.block(origin="operator", reason="spam", seconds=60)
        again = self.block()
        self.assertEqual((again.origin, again.reason, self.left(again)), ("operator", "spam", HOUR))
        self.block("192.0.2.9", seconds=DAY)
        taken = self.block("192.0.2.9", origin="operator", reason="spam", seconds=60)
        self.assertEqual((taken.origin, taken.reason, self.left(taken)), ("operator", "spam", DAY))


class TestNever(Blocks):
    def test_the_list_wins_always(self):
        """A network around it may be blocked by force; what is on the list stays open."""
        self.block("198.51.0.0/16", force=True)
        self.assertIsNotNone(self.blocklist.find("198.51.99.1"))
        self.assertIsNone(self.blocklist.find("198.51.100.1"))

    def test_what_touches_it_is_refused_with_the_reason(self):
        """In words for the operator who tried."""
        for network in ("198.51.100.7", "198.51.0.0/16", "2001:db8::/32", "2001:db8:ffff:1::"):
            self.assertIn("which is never blocked ([blocklist] never)", self.refused(network))
        self.assertEqual(list(self.blocklist), [])

    def test_loopback_is_on_it_unless_a_drill_is_to_come(self):
        """We would not talk to ourselves; but a drill attacks from there."""
        for network in ("127.0.0.1", "127.5.0.0/16", "::1"):
            self.assertIn("(loopback)", self.refused(network))
        self.blocklist.configure(BlocklistSettings(loopback=True))
        self.block("127.0.0.1")
        self.assertIsNotNone(self.blocklist.find("127.0.0.1"))

    def test_a_reload_holds_at_once(self):
        """An operator who puts a partner on the list wants his mail now."""
        self.block()
        self.blocklist.configure(BlocklistSettings(never=("192.0.2.0/24",)))
        self.assertIsNone(self.blocklist.find("192.0.2.1"))

    def test_a_source_may_be_put_beside_it(self):
        """The networks of a provider, from its SPF record."""
        self.block()
        self.blocklist.never.replace("provider example.com", [NETWORK])
        self.assertIsNone(self.blocklist.find("192.0.2.1"))
        self.assertEqual([never.network for never in self.blocklist.never][-1], NETWORK)
        self.blocklist.never.replace("provider example.com", [])
        self.assertIsNotNone(self.blocklist.find("192.0.2.1"))

    def test_hosts_of_good_record_are_not_blocked_with_their_network(self):
        """Nor by themselves, unless the operator forces it: then he knows more than their record does."""
        self.block(NETWORK)
        self.blocklist.proven = lambda address: address == "192.0.2.1"
        self.assertIsNone(self.blocklist.find("192.0.2.1"))
        self.assertIsNotNone(self.blocklist.find("192.0.2.2"))
        self.assertIn("good record", self.refused(HOST))
        self.block(force=True)
        self.assertIsNone(self.blocklist.find("192.0.2.1"))
        self.block(origin="operator", force=True)
        self.assertIsNotNone(self.blocklist.find("192.0.2.1"))

    def test_half_the_internet_is_refused(self):
        """A slip of the pen: /2 for /22."""
        for network in ("192.0.0.0/7", "0.0.0.0/0", "2000::/18"):
            self.assertIn("wider than a /", self.refused(network))
        self.block("192.0.0.0/7", force=True)
        self.block("45.0.0.0/8")
        self.block("2a00::/19")


class TestMany(Blocks):
    def setUp(self):
        super().setUp()
        self.build(attrs.evolve(SETTINGS, most=3))

    def hosts(self):
        return [str(block.network.network_address) for block in self.blocklist]

    def test_the_one_nearest_its_expiry_goes(self):
        """A flood of first offenders pushes out itself, and no relapser of thirty days."""
        for number, hours in enumerate((50, 1, 20, 30)):
            self.block(f"192.0.2.{number}", seconds=hours * HOUR)
        self.assertEqual(self.hosts(), ["192.0.2.0", "192.0.2.2", "192.0.2.3"])
        self.assertEqual(self.blocklist.evicted, 1)

    def test_the_expired_go_first(self):
        """To remember a relapse is worth less than to block."""
        self.block("192.0.2.1", seconds=HOUR)
        self.clock.advance(2 * HOUR)
        for number in (2, 3, 4):
            self.block(f"192.0.2.{number}", seconds=60)
        self.assertEqual(self.hosts(), ["192.0.2.2", "192.0.2.3", "192.0.2.4"])
        self.assertEqual(self.blocklist.evicted, 0)

    def test_one_that_was_lengthened_is_judged_by_its_new_expiry(self):
        """It must not go for what it once was."""
        self.block("192.0.2.1", seconds=60)
        self.block("192.0.2.1", seconds=DAY)
        for number in (2, 3, 4):
            self.block(f"192.0.2.{number}", seconds=HOUR)
        self.assertIn("192.0.2.1", self.hosts())

    def test_the_operators_stay(self):
        """And when there is nothing else, he hears so."""
        self.block("192.0.2.1", seconds=60)
        self.block("192.0.2.1", origin="operator", seconds=60)
        self.block("192.0.2.2", origin="operator", seconds=60)
        for number in (3, 4, 5):
            self.block(f"192.0.2.{number}", seconds=DAY)
        self.assertEqual(self.hosts(), ["192.0.2.1", "192.0.2.2", "192.0.2.5"])
        self.block("192.0.2.5", origin="operator", seconds=60)
        self.assertIn("the blocklist is full", self.refused("192.0.2.6"))

    def test_one_that_was_the_operators_once_may_go(self):
        """His entry has expired; what conduct made of it is conduct's."""
        for number in (1, 2, 3):
            self.block(f"192.0.2.{number}", origin="operator", seconds=60)
        self.clock.advance(HOUR)
        self.block("192.0.2.1")
        self.block("192.0.2.9")
        self.assertEqual(self.hosts(), ["192.0.2.9"])

    def test_fewer_may_be_wanted_later(self):
        """The sweep sees to it, some at a time."""
        for number in (1, 2, 3):
            self.block(f"192.0.2.{number}")
        self.blocklist.configure(attrs.evolve(SETTINGS, most=1))
        self.assertEqual((self.blocklist.sweep(1), len(self.blocklist)), (1, 2))
        self.assertEqual((self.blocklist.sweep(), len(self.blocklist)), (1, 1))

    def test_a_sweep_has_an_end(self):
        """However many expire in one minute: the reactor has others to serve."""
        self.build(attrs.evolve(SETTINGS, remember=0.0))
        for number in range(10):
            self.block(f"192.0.2.{number}")
        self.clock.advance(HOUR + 60)
        self.assertEqual([self.blocklist.sweep(4) for _ in range(4)], [4, 4, 2, 0])

    def test_what_is_blocked_and_freed_without_end_takes_no_memory(self):
        """A script of the operator's may do it every second."""
        for _ in range(5000):
            self.block(seconds=60)
            self.blocklist.remove(HOST)
        stale = sum(map(len, self.blocklist._table._expiries._buckets.values()))
        self.assertLess(stale, 1100)


class TestIds(Blocks):
    def test_an_id_is_short_and_has_no_vowels(self):
        """It is read over the telephone."""
        self.assertRegex(self.block().id, r"\A[0-9B-DF-HJ-NP-TV-Z]{8}\Z")

    def test_an_entry_is_found_by_its_id_in_any_case(self):
        """Also when it has expired: the postmaster asks on Monday."""
        block = self.block()
        self.clock.advance(DAY)
        self.assertEqual(self.blocklist.by_id(block.id.lower()), block)
        for other in ("", "x", "É" * 8, " 1234567", "1_2_3_4_"):
            self.assertIsNone(self.blocklist.by_id(other))

    def test_a_network_keeps_its_id(self):
        """What a peer was told last year still leads to it."""
        block = self.block()
        self.clock.advance(DAY)
        self.assertEqual(self.block().id, block.id)


class TestAdd(Blocks):
    def stored(self, **more):
        said = {"id": "BCDF0001", "network": HOST, "reason": "r", "origin": "conduct", "since": 1e9, "expiry": 1e9 + 60}
        return Block(**(said | more))

    def test_what_was_stored_is_as_it_was(self):
        """A restart changes nothing; what expired meanwhile is remembered."""
        block = self.stored(relapse=2)
        self.assertEqual(self.blocklist.add(block, force=True), block)
        self.assertEqual(self.blocklist.find("192.0.2.1"), block)
        self.clock.advance(HOUR)
        self.build(SETTINGS)
        self.blocklist.add(block, force=True)
        self.assertEqual(self.block().relapse, 3)

    def test_an_import_is_judged_as_a_block_is(self):
        """A list from elsewhere that has our own network on it."""
        self.assertRaises(ValueError, self.blocklist.add, self.stored(network=network_of("198.51.100.1")))

    def test_an_id_that_is_taken_or_none_of_ours_is_replaced(self):
        """Two servers exchange their lists."""
        self.blocklist.add(self.stored())
        for number, id_ in ((2, "BCDF0001"), (3, "x\ny")):
            added = self.blocklist.add(self.stored(id=id_, network=network_of(f"192.0.2.{number}")))
            self.assertNotEqual(added.id, id_)
            self.assertEqual(self.blocklist.by_id(added.id), added)

    def test_one_that_is_there_is_lengthened(self):
        """And keeps the id that its peers were told."""
        block = self.block()
        self.assertEqual(self.blocklist.add(self.stored(origin="import x")), block)
        longer = self.blocklist.add(self.stored(origin="import x", expiry=None))
        self.assertEqual((longer.id, longer.expiry, longer.origin), (block.id, None, "import x"))


class TestCopy(Blocks):
    """Another blocklist, of which this is a copy, has an entry."""

    def theirs(self, **more):
        said = {"id": "BCDF0001", "network": HOST, "reason": "r", "origin": "conduct", "since": 1e9, "expiry": 1e9 + 30}
        return Block(**(said | more))

    def test_it_is_had_exactly_as_it_is_there(self):
        """Shortened, under another id, with another reason: the other one knows. Nobody is told."""
        mine = self.block(HOST)
        self.told.clear()
        theirs = self.theirs(relapse=2)
        self.blocklist.copy(theirs)
        self.assertEqual(list(self.blocklist), [theirs])
        self.assertIsNone(self.blocklist.by_id(mine.id))
        self.assertEqual(self.blocklist.find("192.0.2.1"), theirs)
        self.assertEqual(self.told, [])

    def test_an_id_that_has_another_network_is_taken_from_it(self):
        """Two that were made at once."""
        self.blocklist.copy(self.theirs())
        moved = self.theirs(network=network_of("203.0.113.0/24"))
        self.blocklist.copy(moved)
        self.assertEqual(list(self.blocklist), [moved])

    def test_what_no_blocklist_has_is_none(self):
        """Half a host, or an id that nobody was told."""
        for wrong in ({"network": network_of("2001:db8::/65")}, {"id": "AEIOU"}):
            self.assertRaises(ValueError, self.blocklist.copy, self.theirs(**wrong))
        self.assertEqual(len(self.blocklist), 0)


class TestTold(Blocks):
    def test_each_that_is_new_or_longer_is_told(self):
        """Its open sessions are closed at once; what changes nothing closes nothing."""
        first = self.block()
        self.block()
        self.clock.advance(1)
        longer = self.block()
        self.blocklist.remove(HOST)
        self.assertEqual(self.told, [first, longer])

    def test_one_that_becomes_the_operators_is(self):
        """It is stored as his, or after a restart it could be pushed out."""
        self.block(seconds=DAY)
        his = self.block(origin="operator", seconds=60)
        self.assertEqual(self.told[1:], [his])

    def test_what_has_expired_is_not(self):
        """It closes nothing."""
        self.blocklist.add(Block(id="00000000", network=HOST, reason="r", origin="o", since=0, expiry=1))
        self.assertEqual(self.told, [])


class TestForgotten(Blocks):
    def test_who_stores_them_is_told_what_was_evicted_and_what_is_remembered_no_more(self):
        """Or they would come back at a start, and the file would grow for ever."""
        forgotten = []
        self.build(attrs.evolve(SETTINGS, most=2))
        self.blocklist.on_forget = forgotten.append
        first, second = self.block("192.0.2.1", seconds=60), self.block("192.0.2.2", seconds=DAY)
        self.block("192.0.2.3", seconds=2 * DAY)
        self.assertEqual(forgotten, [first.id])
        self.clock.advance(DAY + SETTINGS.remember + 60)
        self.blocklist.sweep()
        self.assertEqual(forgotten, [first.id, second.id])

    def test_what_goes_while_all_is_written_down_does_not_come_any_more(self):
        """It would be kept after all."""
        blocks = [self.block(f"192.0.2.{number}") for number in range(3)]
        coming = self.blocklist.with_remembered()
        self.assertEqual(next(coming), blocks[0])
        self.blocklist.remove(blocks[1].network)
        self.assertEqual(list(coming), [blocks[2]])


class TestPages(Blocks):
    def test_those_that_hold_come_page_by_page(self):
        """A page of expired entries has none, and is not the last."""
        for number in range(4):
            self.block(f"192.0.2.{number}", seconds=60)
        kept = [self.block(f"192.0.2.{number}", seconds=DAY) for number in (4, 5)]
        self.clock.advance(60)
        told, after, pages = [], None, 0
        while True:
            blocks, after = self.blocklist.page(after, 2)
            told += blocks
            pages += 1
            if after is None:
                break
        self.assertEqual((told, pages), (kept, 4))

    def test_what_is_known_of_an_address_is_told_whether_it_holds_or_not(self):
        """`why` says that it was blocked, and what a relapse would be."""
        host, network = self.block(seconds=60), self.block(NETWORK, seconds=DAY)
        self.clock.advance(60)
        self.assertEqual(self.blocklist.about(HOST), [host, network])
        self.assertEqual(self.blocklist.about(NETWORK), [network])


class TestRemove(Blocks):
    def test_it_and_its_relapses_are_forgotten(self):
        """The operator pardons."""
        block = self.block()
        self.clock.advance(DAY)
        self.block()
        self.assertEqual(self.blocklist.remove(HOST).id, block.id)
        self.assertIsNone(self.blocklist.remove(HOST))
        self.assertIsNone(self.blocklist.find("192.0.2.1"))
        self.assertIsNone(self.blocklist.by_id(block.id))
        self.assertEqual(self.block().relapse, 0)

    def test_exactly_this_network(self):
        """Who frees a host of a blocked network hears that there is no entry for it."""
        self.block(NETWORK)
        self.assertIsNone(self.blocklist.remove(HOST))


class TestList(Blocks):
    def test_all_that_hold_in_an_order_that_stays(self):
        """The wide ones first, each as it came."""
        for text in ("192.0.2.9", "2001:db8::/64", "192.0.2.1", "192.0.2.0/24"):
            self.block(text, seconds=DAY)
        self.block("192.0.2.5", seconds=60)
        self.clock.advance(60)
        self.assertEqual(len(list(self.blocklist.with_remembered())), 5)
        texts = [str(block.network) for block in self.blocklist]
        self.assertEqual(texts, ["192.0.2.0/24", "192.0.2.9/32", "192.0.2.1/32", "2001:db8::/64"])
        self.assertEqual(
            [str(block.network) for block in self.blocklist.page(None, 9, NETWORK)[0]][1:],
            ["192.0.2.1/32", "192.0.2.9/32"],
        )

    def test_changes_meanwhile_do_no_harm(self):
        """An export is written some hundred at a time."""
        for number in range(9):
            self.block(f"192.0.2.{number}")
        for block in self.blocklist:
            self.blocklist.remove(block.network)
        self.assertEqual(len(self.blocklist), 0)


class TestRefusal(Blocks):
    def test_one_line_with_the_id_that_closes(self):
        """A postmaster can quote it. RFC 5321 3.1, and no enhanced code in a greeting (RFC 2034 4)."""
        block = self.block()
        refusal = self.blocklist.refusal(block, "192.0.2.1")
        self.assertTrue(refusal.octets.startswith(b"554 No SMTP service for 192.0.2.1: "))
        self.assertTrue(refusal.octets.endswith(f"{block.id}\r\n".encode()))
        self.assertTrue(refusal.closes)

    def test_or_nothing(self):
        """Where even that is too much."""
        self.blocklist.configure(BlocklistSettings(answer="none"))
        self.assertIsNone(self.blocklist.refusal(self.block(), "192.0.2.1"))


class TestSettings(SynchronousTestCase):
    def test_what_cannot_be_is_told(self):
        """With what to write."""
        for wrong, words in {
            ("never", ("192.0.2.1/24",)): "write 192.0.2.0/24",
            ("answer", "421"): 'must be "554" or "none"',
            ("text", "Go away"): "must have {id} in it",
            ("text", "{id} {reason}"): "has {reason}",
            ("text", "{id} Grüße"): "printable ASCII",
            ("text", "{id} {address}" + "x" * 470): "at most 496 octets",
            ("first", 0.5): "1 or more",
            ("longest", 60.0): "must be as long as first",
        }.items():
            fault = self.assertRaises(ValueError, BlocklistSettings, **dict([wrong]))
            self.assertIn(words, str(fault))

    @given(some.integers(0, 1 << 70), some.floats(1, 1e300))
    def test_no_relapse_is_too_much(self, relapse, factor):
        """Also when the longest is reached at once."""
        self.assertTrue(HOUR <= BlocklistSettings(factor=factor).seconds(relapse) <= 30 * DAY)


_blocks = some.builds(
    Block,
    id=some.from_regex(r"[0-9B-Z]{8}", fullmatch=True),
    network=some.ip_addresses().map(lambda address: network_of(str(address))),
    reason=some.text(max_size=60),
    evidence=some.text(max_size=90),
    origin=some.text(max_size=60),
    since=some.floats(0, 1e12),
    expiry=some.none() | some.floats(0, 1e12),
    relapse=some.integers(0, 65_535),
)


class TestRecord(SynchronousTestCase):
    @EXAMPLES
    @given(_blocks)
    def test_what_is_unpacked_is_what_was_packed(self, block):
        """A million entries are kept as octets."""
        self.assertEqual(unpacked(packed(block)), block)

    def test_long_texts_are_cut_between_characters(self):
        """Evidence holds what strangers said."""
        block = Block(
            id="00000000", network=HOST, reason="é" * 999, evidence="é" * 999, origin="\ud800", since=1, expiry=2
        )
        kept = unpacked(packed(block))
        self.assertEqual((kept.reason, kept.evidence, kept.origin), ("é" * 127, "é" * 200, "\\ud800"))


class TestRecordsById(SynchronousTestCase):
    def test_those_that_share_a_bucket_are_told_apart(self):
        """Four thousand of them in a hundred thousand buckets: some sixty do."""
        records, kept = RecordsById(), {}
        for number in range(4000):
            id_ = f"{number:08d}"
            kept[id_] = packed(Block(id=id_, network=HOST, reason="r", origin="o", since=1, expiry=number))
            self.assertIsNone(records.put(kept[id_]))
        for id_ in list(kept)[::2]:
            records.remove(id_.encode())
            self.assertRaises(KeyError, records.remove, id_.encode())
            del kept[id_]
        for record in kept.values():
            self.assertIs(records.put(record), record)
        self.assertEqual({id_: records.get(id_.encode()) for id_ in kept}, kept)
        self.assertEqual((len(records), records.get(b"00000000")), (2000, None))


class TestAnything(SynchronousTestCase):
    @hypothesis.settings(EXAMPLES, max_examples=100)
    @given(
        some.lists(
            some.tuples(
                some.sampled_from(["block", "add", "remove", "sweep", "wait", "back"]),
                some.integers(0, 5),
                some.sampled_from([30, 31, 32]),
                some.sampled_from([None, 1.0, 3000.0, 1e7, math.inf]),
                some.sampled_from(["conduct", "operator"]),
            ),
            max_size=40,
        )
    )
    def test_it_is_as_a_plain_list_would_be(self, steps):
        """Never more than `most`, each entry found by its id and its network, and `find` what the longest that holds is."""
        clock = Clock()
        blocklist = Blocklist(BlocklistSettings(most=4), clock.seconds, Random(1))
        for verb, number, length, seconds, origin in steps:
            network = IPv4Network((0xC0000200 + number * 2, length), strict=False)
            said = {"reason": "r", "evidence": "", "origin": origin}
            try:
                if verb == "block":
                    block = blocklist.block(network, **said, seconds=seconds)
                    self.assertEqual(blocklist.by_id(block.id), block)
                elif verb == "add":
                    expiry = None if seconds == math.inf else clock.seconds() + (seconds or -1)
                    blocklist.add(Block(id="00000000", network=network, since=clock.seconds(), expiry=expiry, **said))
                elif verb == "remove":
                    blocklist.remove(network)
                elif verb == "sweep":
                    blocklist.sweep(number)
                else:
                    clock.rightNow += (seconds or 60) if verb == "wait" and seconds != math.inf else -5
            except ValueError as full:
                self.assertIn("is full", str(full))
            self.check(blocklist, clock.seconds())

    def check(self, blocklist, now):
        held = list(blocklist)
        self.assertLessEqual(len(held), 4)
        self.assertLessEqual(len(blocklist), 4)
        self.assertEqual(len({block.id for block in held}), len(held))
        for number in range(0, 12, 2):
            address = NETWORK[number]
            around = [block for block in held if address in block.network]
            longest = max(around, key=lambda block: block.network.prefixlen, default=None)
            found = blocklist.find(str(address))
            self.assertEqual(found and found.id, longest and longest.id)
            if found is not None:
                self.assertTrue(found.since <= now or found.expiry is None)
