"""Blocks and allowances as supervisor and workers say them to each other: JSON. Every reader raises ValueError for what is none."""

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

from twistedmx.model.allowance import Allowance
from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.policy.block_files import block_of
from twistedmx.policy.block_table import is_id
from twistedmx.policy.networks import network_of

T = TypeVar("T")

_WORD, _EVIDENCE = 100, 400  # characters that are said: a piece of them must fit into a line
_MOST: Final = 1000  # of a list


def said_block(block: Block) -> dict[str, Any]:
    """As `block_of` reads it; texts as far as a blocklist keeps them, nearly."""
    return {
        "id": block.id,
        "network": str(block.network),
        "reason": block.reason[:_WORD],
        "evidence": block.evidence[:_EVIDENCE],
        "origin": block.origin[:_WORD],
        "since": block.since,
        "expiry": block.expiry,
        "relapse": block.relapse,
    }


def said_change(id_: str, block: Block | None) -> list[Any]:
    """An entry is another one; None: it is no more."""
    return [id_, None if block is None else said_block(block)]


def change_heard(said: Any) -> tuple[str, Block | None]:
    """As `said_change`."""
    id_, entry = _pair(said)
    if not is_id(id_):
        raise ValueError(f"{id_[:20]!r} is no id of an entry")
    if entry is None:
        return id_, None
    block = block_of(entry)
    if block.id != id_:
        raise ValueError(f"{id_} is said to be the entry {block.id[:20]!r}")
    return id_, block


def said_allowance(network: Network, allowance: Allowance | None) -> list[Any]:
    """What is said of a network; None: nothing any more."""
    if allowance is None:
        return [str(network), None]
    return [str(network), {"evidence": allowance.evidence, "since": allowance.since, "expiry": allowance.expiry}]


def allowance_heard(said: Any) -> tuple[Network, Allowance | None]:
    """As `said_allowance`."""
    text, words = _pair(said)
    network = network_of(text)
    if words is None:
        return network, None
    if (
        not isinstance(words, dict)
        or set(words) != {"evidence", "since", "expiry"}
        or type(words["evidence"]) is not str
    ):
        raise ValueError("an allowance has evidence, since and expiry")
    expiry = None if words["expiry"] is None else number_heard(words["expiry"])
    since = number_heard(words["since"])
    return network, Allowance(network=network, evidence=words["evidence"], since=since, expiry=expiry)


def each_heard(said: Any, heard: Callable[[Any], T]) -> list[T]:
    """A list of what `heard` reads."""
    if not isinstance(said, list) or len(said) > _MOST:
        raise ValueError(f"it is no list of at most {_MOST}")
    return [heard(one) for one in said]


def number_heard(said: Any) -> float:
    """One that is finite."""
    if type(said) not in (int, float):
        raise ValueError("it is no number")
    try:
        number = float(said)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("it is no finite number")
    return number


def count_heard(said: Any, most: int) -> int:
    """A whole number from 0 to `most`."""
    if type(said) is not int or not 0 <= said <= most:
        raise ValueError(f"it is no whole number from 0 to {most}")
    return said


def _pair(said: Any) -> tuple[str, Any]:
    if not isinstance(said, list) or len(said) != 2 or type(said[0]) is not str:
        raise ValueError("it is no pair of a text and what is said of it")
    return said[0], said[1]
