"""Entries of the blocklist: the suite on the file and on the fake, and what only a file can show."""

import sqlite3
from ipaddress import IPv4Network, IPv6Network

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.store.opened import Opened
from twistedmx.model.block import Block
from twistedmx.store.blocks import Blocks, _block_of, _row_of
from twistedmx.store.jobs import Done, NotDone
from twistedmx.testing.store import BlocksSuite, FakeBlocks, T, block


class FakeBlocksTests(BlocksSuite, SynchronousTestCase):
    """A fake that says other things than the file would make every test on it worthless."""

    def setUp(self) -> None:
        self.kept: dict[str, Block] = {}

    def restart(self) -> None:
        self.blocks = FakeBlocks(self.kept)

    def finish(self, deferred: "Deferred[T]") -> T:
        return self.successResultOf(deferred)

    def test_what_fails_says_so_and_keeps_nothing(self) -> None:
        """For tests of those who must go on without."""
        self.restart()
        self.blocks.fault = "disk full"
        self.assertEqual(self.finish(self.blocks.put(block("a"))), NotDone(detail="disk full"))
        self.assertEqual(self.kept, {})


class BlocksTests(Opened, BlocksSuite):
    """The suite on a real file, and its ends."""

    def restart(self) -> None:
        if hasattr(self, "running"):
            self.finish(self.running.stop())
        self.running = self.started()
        self.blocks = Blocks(self.running)

    def test_what_is_asked_before_the_start_is_there_when_it_comes_back(self) -> None:
        """The server must know whom it blocks before it takes its first connection."""
        self.restart()
        self.finish(self.blocks.put(block("a")))
        self.finish(self.running.stop())
        self.running = self.database()
        got: list[Block] = []
        loading = Blocks(self.running).load(got.extend, expired_before=0.0)
        self.assertNoResult(loading)
        self.running.start()
        self.assertEqual(self.successResultOf(loading), Done())
        self.assertEqual(got, [block("a")])

    def test_more_than_a_piece_is_given_whole(self) -> None:
        """A million entries as objects are half a gigabyte: they come piece by piece, and none is left out."""
        self.restart()
        many = [block(f"{number:05}") for number in range(10_001)]
        self.finish(self.blocks.put_all(many))
        pieces: list[int] = []
        self.finish(self.blocks.load(lambda piece: pieces.append(len(piece)), expired_before=0.0))
        self.assertEqual(pieces, [10_000, 1])

    def test_an_import_stops_where_it_fails(self) -> None:
        """Who imported a list is told that it is not safe, and the server does not try a million times."""
        self.restart()
        self.finish(self.running.stop())
        self.assertIsInstance(self.finish(self.blocks.put_all(map(block, "abc"))), NotDone)

    def test_a_row_that_is_no_block_costs_no_other(self) -> None:
        """An operator with an SQL shell makes a slip; the others stay blocked."""
        self.restart()
        self.finish(self.blocks.put_all(map(block, "abc")))
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("UPDATE blocks SET network = 'somewhere' WHERE id = 'a'")
        other.execute("UPDATE blocks SET network = x'00ff' WHERE id = 'c'")
        other.execute("UPDATE blocks SET evidence = CAST(x'e9' AS TEXT) WHERE id = 'b'")
        other.close()
        self.assertEqual(self.loaded(), [block("b", evidence="\\xe9")])
        (words,) = self.words()
        self.assertIn("blocks: 2 rows are no blocks and left out; the first: 'a'", words)

    def test_text_that_is_no_unicode_is_kept_in_other_words(self) -> None:
        """Evidence comes from peers, and peers send anything; it must not cost the entry."""
        self.restart()
        self.assertEqual(self.finish(self.blocks.put(block("a", evidence="HELO \udcff"))), Done())
        self.assertEqual(self.loaded()[0].evidence, "HELO \\udcff")


_NETWORKS = st.one_of(
    st.builds(lambda a, n: IPv4Network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(lambda a, n: IPv6Network((a, n), strict=False), st.integers(0, 2**128 - 1), st.integers(0, 128)),
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_TIMES = st.floats(0, 1e12)
_ANY = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary())


class RowTests(SynchronousTestCase):
    """Entry and row."""

    @settings(max_examples=200, deadline=None)
    @given(
        st.builds(
            Block,
            id=_TEXTS,
            network=_NETWORKS,
            reason=_TEXTS,
            evidence=_TEXTS,
            origin=_TEXTS,
            since=_TIMES,
            expiry=st.none() | _TIMES,
            relapse=st.integers(0, 2**31),
        )
    )
    def test_every_entry_comes_back_as_it_was(self, one: Block) -> None:
        """Any network, any words."""
        self.assertEqual(_block_of(*_row_of(one)), one)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(_ANY, min_size=8, max_size=8))
    def test_any_row_is_an_entry_or_is_passed_over(self, row: list[object]) -> None:
        """No column can keep a server from starting."""
        blocks = Blocks(None)._blocks_of([row, _row_of(block("a"))])  # type: ignore[arg-type]
        self.assertEqual(blocks[-1], block("a"))
        for one in blocks[:-1]:
            self.assertIsInstance(one.id + one.evidence, str)
