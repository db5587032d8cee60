"""The blocklist's entries in memory, and the suite that whatever keeps them must pass."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, succeed

from twistedmx.model.block import Block
from twistedmx.store.blocks import Blocks
from twistedmx.store.jobs import Done, NotDone, Outcome

if TYPE_CHECKING:
    from unittest import TestCase as _Test
else:
    _Test = object

T = TypeVar("T")


class FakeBlocks:
    """As `store.blocks.Blocks`, at once. `kept`: by id; what outlives a restart. `fault`: while it is not "", nothing is done."""

    def __init__(self, kept: dict[str, Block]) -> None:
        self.kept = kept
        self.fault = ""

    def load(self, take: Callable[[Sequence[Block]], None], *, expired_before: float) -> Deferred[Outcome]:
        if not self.fault:
            for block in tuple(self.kept.values()):
                if block.expiry is not None and block.expiry < expired_before:
                    del self.kept[block.id]
            take(tuple(self.kept.values()))
        return self._outcome()

    def put(self, block: Block) -> Deferred[Outcome]:
        return self.put_all((block,))

    def put_all(self, blocks: Iterable[Block]) -> Deferred[Outcome]:
        if not self.fault:
            self.kept.update((block.id, block) for block in blocks)
        return self._outcome()

    def remove(self, *ids: str) -> Deferred[Outcome]:
        if not self.fault:
            for id in ids:
                self.kept.pop(id, None)
        return self._outcome()

    def _outcome(self) -> Deferred[Outcome]:
        return succeed(NotDone(detail=self.fault) if self.fault else Done())


def block(id: str, network: str = "192.0.2.7/32", **fields: Any) -> Block:
    """An entry as conduct would make it."""
    values: dict[str, Any] = {"reason": "bad-recipients", "origin": "conduct", "since": 1e9, "expiry": 2e9}
    return Block(id=id, network=ip_network(network), **values | fields)


class BlocksSuite(_Test):
    """A mixin for a `SynchronousTestCase`. `restart` is called before anything else."""

    blocks: "Blocks | FakeBlocks"

    def restart(self) -> None:
        """Let `blocks` be those of a server that was stopped, if one ran, and started again."""
        raise NotImplementedError

    def finish(self, deferred: "Deferred[T]") -> T:
        """What it fires with."""
        raise NotImplementedError

    def loaded(self, *, expired_before: float = 0.0) -> list[Block]:
        """All that a start would be given, by id."""
        self.restart()
        blocks: list[Block] = []
        self.assertEqual(self.finish(self.blocks.load(blocks.extend, expired_before=expired_before)), Done())
        return sorted(blocks, key=lambda block: block.id)

    def test_what_was_put_is_there_after_a_restart_in_every_field(self) -> None:
        """A block that a restart shortens is what an attacker waits for; one that loses its reason nobody can explain."""
        kept = [
            block("a"),
            block("b", "198.51.100.0/24", expiry=None, evidence="12 unknown of 13 \N{BULLET} 'x' \0 \n", relapse=7),
            block("c", "2001:db8:1:2::/64", since=1.25, expiry=1e9 + 0.125, origin="import drop.txt"),
            block("d", "0.0.0.0/0"),
            block("e", "::/0"),
            block("f", "2001:db8::1/128"),
        ]
        self.restart()
        for one in kept:
            self.assertEqual(self.finish(self.blocks.put(one)), Done())
        self.assertEqual(self.loaded(), kept)

    def test_at_first_there_is_none(self) -> None:
        """The first start of all finds no file."""
        self.assertEqual(self.loaded(), [])

    def test_one_of_the_same_id_takes_the_place(self) -> None:
        """A block that is made longer is the same one to whoever was told its id."""
        self.restart()
        self.finish(self.blocks.put(block("a", relapse=1)))
        self.finish(self.blocks.put(block("a", relapse=2)))
        self.assertEqual(self.loaded(), [block("a", relapse=2)])

    def test_what_was_removed_stays_away(self) -> None:
        """Who was forgiven must not be blocked again by a restart."""
        self.restart()
        self.finish(self.blocks.put_all(map(block, "abcd")))
        self.assertEqual(self.finish(self.blocks.remove("b")), Done())
        self.assertEqual(self.finish(self.blocks.remove("c", "d", "nobody")), Done())
        self.assertEqual(self.loaded(), [block("a")])

    def test_changes_take_effect_in_their_order(self) -> None:
        """Ban, unban, ban: the operator's last word holds, also when all three wait in one queue."""
        self.restart()
        self.blocks.put(block("a"))
        self.blocks.remove("a")
        self.blocks.put(block("a", relapse=1))
        self.blocks.put(block("b"))
        self.finish(self.blocks.remove("b"))
        self.assertEqual(self.loaded(), [block("a", relapse=1)])

    def test_many_are_put_as_one(self) -> None:
        """An import is thousands."""
        many = [block(f"{number:05}", f"10.{number >> 8}.{number & 255}.0/24") for number in range(2500)]
        self.restart()
        self.assertEqual(self.finish(self.blocks.put_all(iter(many))), Done())
        self.assertEqual(self.finish(self.blocks.put_all(())), Done())
        self.assertEqual(self.loaded(), many)

    def test_what_expired_long_ago_is_forgotten_and_the_rest_is_not(self) -> None:
        """What expired lately is remembered: a relapse is blocked for longer."""
        self.restart()
        self.finish(self.blocks.put_all([block("a", expiry=99.0), block("b", expiry=100.0), block("c", expiry=None)]))
        self.assertEqual([one.id for one in self.loaded(expired_before=100.0)], ["b", "c"])
        self.assertEqual([one.id for one in self.loaded()], ["b", "c"])
