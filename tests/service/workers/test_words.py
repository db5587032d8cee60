"""What supervisor and workers say: it is heard as it was meant, it fits into a line, and nonsense is ValueError, nothing else."""

import contextlib
import json
from ipaddress import IPv4Network, IPv6Network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.model.allowance import Allowance
from twistedmx.model.block import Block
from twistedmx.model.verdict import Reason
from twistedmx.policy.attack_sums import AttackSums, DomainSum, FloodSum
from twistedmx.policy.distinct import Sample
from twistedmx.policy.handshakes import Part
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.service.workers import (
    attack_words,
    block_words,
    demand_words,
    handshake_words,
    network_reports,
    share_words,
)
from twistedmx.service.workers.channel import LONGEST

_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=500)
_times = st.floats(0, 1e11, allow_nan=False)
_networks = st.builds(IPv4Network, st.tuples(st.integers(0, 2**32 - 1), st.just(32))) | st.builds(
    IPv6Network, st.tuples(st.integers(0, 2**64 - 1).map(lambda number: number << 64 | 1 << 127), st.just(64))
)
_ids = st.text("0123456789BCDFGHJKLMNPQRSTVWXYZ", min_size=8, max_size=8)
_blocks = st.builds(
    Block,
    id=_ids,
    network=_networks,
    reason=st.sampled_from(("operator", "bad-recipients")),
    evidence=_texts,
    origin=st.sampled_from(("operator", "conduct")),
    since=_times,
    expiry=st.none() | _times,
    relapse=st.integers(0, 9),
)
_allowances = st.builds(Allowance, network=_networks, evidence=_texts, since=_times, expiry=st.none() | _times)
_counts = st.integers(0, 10**9)
_names = st.binary(max_size=320)
_samples = st.builds(Sample, st.integers(0, 20), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20).map(tuple))
_sums = st.builds(
    AttackSums,
    domains=st.lists(
        st.builds(DomainSum, _names, _counts, _samples, _samples, _samples, st.lists(_names, max_size=5).map(tuple)),
        max_size=4,
    ).map(tuple),
    tries=st.lists(st.tuples(_names, _counts), max_size=4).map(tuple),
    floods=st.lists(st.builds(FloodSum, _names, _counts, _samples), max_size=4).map(tuple),
    hung_up=st.lists(st.tuples(st.sampled_from(Reason), _counts), max_size=4).map(tuple),
)
_demands = st.builds(
    demand_words.Demand,
    left=st.integers(-1000, 10**6),
    lag=st.none() | st.floats(0, 100),
    **dict.fromkeys(
        ("strangers", "heard_out", "proven", "used", "missed", "queued", "may_go", "displaced"), st.integers(0, 10**6)
    ),
    **dict.fromkeys(("waiting", "refused"), st.dictionaries(st.sampled_from(("failed", "host")), st.integers(0, 9))),
)
_seen = st.builds(
    network_reports.MailSeen,
    host=st.binary(min_size=4, max_size=4) | st.binary(min_size=8, max_size=8),
    prefix=st.none() | _networks,
    messages=st.integers(1, 10**9),
    good_share=st.booleans(),
) | st.builds(
    network_reports.SessionSeen,
    host=st.binary(min_size=4, max_size=4),
    prefix=st.none() | _networks,
    offends=st.booleans(),
    at=_times,
)

_words = (
    *(
        "host",
        "prefix",
        "offends",
        "at",
        "messages",
        "good_share",
        "domains",
        "tries",
        "floods",
        "hung_up",
        "addresses",
    ),
    *("part", "whole", "under_load", "kept", "burst", "rate", "spent", "evidence", "since", "expiry", "id", "network"),
)
_nonsense = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(("192.0.2.0/24", "BBBBBBBB", "c0000207", "bad-recipients", "1" * 5000)),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(_words), inner, max_size=6),
    max_leaves=15,
)


def through(said):
    """As the other side hears it."""
    line = json.dumps(said)
    assert len(line) < LONGEST
    return json.loads(line)


class TestHeard(SynchronousTestCase):
    @EXAMPLES
    @given(_blocks)
    def test_a_block(self, block):
        id_, heard = block_words.change_heard(through(block_words.said_change(block.id, block)))
        self.assertEqual((id_, heard.network, heard.expiry), (block.id, block.network, block.expiry))
        self.assertTrue(block.evidence.startswith(heard.evidence))

    @EXAMPLES
    @given(_allowances)
    def test_an_allowance(self, allowance):
        said = through(block_words.said_allowance(allowance.network, allowance))
        self.assertEqual(block_words.allowance_heard(said), (allowance.network, allowance))
        gone = through(block_words.said_allowance(allowance.network, None))
        self.assertEqual(block_words.allowance_heard(gone), (allowance.network, None))

    @EXAMPLES
    @given(_sums)
    def test_sums_of_attacks(self, sums):
        heard = [attack_words.sums_heard(through(piece)) for piece in attack_words.said_sums(sums)]
        for field in ("domains", "tries", "floods", "hung_up"):
            self.assertEqual(tuple(one for piece in heard for one in getattr(piece, field)), getattr(sums, field))

    @EXAMPLES
    @given(st.lists(_names, max_size=9).map(tuple), st.lists(_names, max_size=9).map(tuple))
    def test_marks(self, domains, addresses):
        marks = attack_words.Marks(domains, addresses)
        self.assertEqual(attack_words.marks_heard(through(attack_words.said_marks(marks))), marks)

    @EXAMPLES
    @given(_demands)
    def test_a_demand(self, demand):
        self.assertEqual(demand_words.demand_heard(through(demand_words.said_demand(demand))), demand)

    @EXAMPLES
    @given(_seen)
    def test_what_hosts_did(self, seen):
        self.assertEqual(network_reports.heard(through(network_reports.said(seen))), seen)

    def test_what_is_known_of_a_network(self):
        known = NetworkStanding(1.5, 2.0, 1_800_000_000, ((b"\xcb\0\x72\x09", 1_800_000_000),), ())
        said = through(network_reports.standing_said(b"\xcb\0\x72", known))
        self.assertEqual(network_reports.standing_heard(said), (b"\xcb\0\x72", known))


class TestBounds(SynchronousTestCase):
    def test_a_piece_of_blocks_that_are_all_evidence_is_a_line(self):
        """Written so that JSON needs twelve octets for each character."""
        words = "\N{PILE OF POO}" * 1000
        block = Block(
            id="B" * 8,
            network=IPv6Network("2001:db8::/64"),
            reason=words,
            evidence=words,
            origin=words,
            since=0.1,
            expiry=1e9 / 3,
        )
        self.assertLess(len(json.dumps([block_words.said_change(block.id, block)] * 100)), LONGEST)

    def test_sums_of_the_greatest_flood_are_lines(self):
        """A thousand domains, each with as many hashes as are kept, and the longest names."""
        sample, name = Sample(20, tuple(range(-(2**63), -(2**63) + 512))), b"\xff" * 1000
        domain = DomainSum(name, 10**9, sample, sample, sample, (name,) * 5)
        sums = AttackSums(
            domains=(domain,) * 1000, tries=((name, 10**9),) * 1024, floods=(FloodSum(name, 10**9, sample),) * 100
        )
        lengths = [len(json.dumps(piece)) for piece in attack_words.said_sums(sums)]
        self.assertLess(max(lengths), LONGEST // 2)

    def test_marks_beyond_a_line_are_left_out(self):
        """Better some than none."""
        marks = attack_words.Marks((b"\xff" * 255,) * 1000, (b"\xff" * 320,) * 1000)
        said = attack_words.said_marks(marks)
        self.assertLess(len(json.dumps(said)), LONGEST // 2)
        self.assertTrue(attack_words.marks_heard(said).domains)


class TestNonsense(SynchronousTestCase):
    """Whatever is said: it is heard, or ValueError is raised."""

    def hears(self, heard, said):
        with contextlib.suppress(ValueError):
            heard(said)

    @EXAMPLES
    @given(_nonsense)
    def test_whatever_is_said(self, said):
        for heard in (
            block_words.change_heard,
            block_words.allowance_heard,
            lambda said: block_words.each_heard(said, block_words.change_heard),
            attack_words.sums_heard,
            attack_words.marks_heard,
            demand_words.demand_heard,
            demand_words.limit_heard,
            handshake_words.asked_heard,
            handshake_words.part_heard,
            handshake_words.held_heard,
            share_words.use_heard,
            share_words.dealt_heard,
            lambda said: share_words.held_heard(said, 2),
            share_words.list_heard,
            network_reports.heard,
            network_reports.standing_heard,
        ):
            self.hears(heard, said)

    @EXAMPLES
    @given(_sums, _demands, _seen, _blocks, st.data())
    def test_something_true_with_something_else_in_it(self, sums, demand, seen, block, data):
        """One value somewhere within is another one."""
        for heard, said in (
            *((attack_words.sums_heard, piece) for piece in attack_words.said_sums(sums)),
            (demand_words.demand_heard, demand_words.said_demand(demand)),
            (handshake_words.asked_heard, handshake_words.said_asked(handshake_words.Asked(under_way=3, spent=7))),
            (handshake_words.part_heard, handshake_words.said_part(Part(3, 7, 0.5))),
            (share_words.use_heard, [True, -7, 3, 1]),
            (share_words.dealt_heard, [False, 2**40, None, 1]),
            (network_reports.heard, network_reports.said(seen)),
            (block_words.change_heard, block_words.said_change(block.id, block)),
        ):
            self.hears(heard, self.changed(through(said), data))

    def changed(self, said, data):
        keys = list(said) if isinstance(said, dict) else list(range(len(said))) if isinstance(said, list) else []
        if not keys or data.draw(st.booleans()):
            return data.draw(_nonsense)
        key = data.draw(st.sampled_from(keys))
        said[key] = self.changed(said[key], data)
        return said
