"""What a worker says of sessions of networks, and what parts of their shares it hears: JSON. Every reader raises ValueError for
what is none."""

from typing import Any, Final

import attrs

from twistedmx.policy.shared_admission import Counted
from twistedmx.service.workers.block_words import count_heard

MOST: Final = 2**40
_FURTHEST: Final = 2**64  # number of a network
_LIST: Final = 100_000


@attrs.frozen(kw_only=True)
class Use:
    """Of a network, at a worker: `held` sessions; `missed`: who found none left since this was said last."""

    key: Counted
    held: int
    missed: int


@attrs.frozen(kw_only=True)
class Dealt:
    """A worker's `part` of a network's share, None: the even one. `telling`: as `Dealer.told` numbers it."""

    key: Counted
    part: int | None
    telling: int


def said_use(use: Use) -> list[Any]:
    """As JSON."""
    return [*use.key, use.held, use.missed]


def use_heard(said: Any) -> Use:
    """As `said_use`."""
    key, (held, missed) = _of_network(said)
    return Use(key=key, held=count_heard(held, MOST), missed=count_heard(missed, MOST))


def said_dealt(dealt: Dealt) -> list[Any]:
    """As JSON."""
    return [*dealt.key, dealt.part, dealt.telling]


def dealt_heard(said: Any) -> Dealt:
    """As `said_dealt`."""
    key, (part, telling) = _of_network(said)
    return Dealt(key=key, part=None if part is None else count_heard(part, MOST), telling=count_heard(telling, MOST))


def held_heard(said: Any, number: int) -> list[int]:
    """So many counts."""
    if not isinstance(said, list) or len(said) != number:
        raise ValueError(f"they are no {number} counts")
    return [count_heard(one, MOST) for one in said]


def flags_heard(said: Any, number: int) -> list[bool]:
    """So many of them."""
    if not isinstance(said, list) or len(said) != number or any(type(one) is not bool for one in said):
        raise ValueError(f"they are no {number} flags")
    return said


def list_heard(said: Any) -> list[Any]:
    """One that may be long: a worker that begins hears all networks of which something was dealt."""
    if not isinstance(said, list) or len(said) > _LIST:
        raise ValueError(f"it is no list of at most {_LIST}")
    return said


def _of_network(said: Any) -> tuple[Counted, list[Any]]:
    if not isinstance(said, list) or len(said) != 4 or type(said[0]) is not bool or type(said[1]) is not int:
        raise ValueError("it is no list of a network and what is said of it")
    if abs(said[1]) > _FURTHEST:
        raise ValueError("there is no such network")
    return Counted(said[0], said[1]), said[2:]
