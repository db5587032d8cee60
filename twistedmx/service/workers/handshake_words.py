"""What a worker says of its handshakes, and what part of their limits it hears: JSON. Every reader raises ValueError for what is
none."""

from typing import Any, Final

import attrs

from twistedmx.policy.handshakes import Part
from twistedmx.service.workers.block_words import count_heard, number_heard

MOST: Final = 2**40


@attrs.frozen(kw_only=True)
class Asked:
    """Of a worker. `under_way`: handshakes; `spent`: tokens of the bucket of all hosts, by now. `beyond`, `too_fast`: how many were
    refused for each of the two since this was said last."""

    under_way: int = 0
    spent: int = 0
    beyond: int = 0
    too_fast: int = 0


_NAMES: Final = frozenset(field.name for field in attrs.fields(Asked))


def said_asked(asked: Asked) -> dict[str, Any]:
    """As JSON."""
    return attrs.asdict(asked)


def asked_heard(said: Any) -> Asked:
    """As `said_asked`."""
    if not isinstance(said, dict) or set(said) != _NAMES:
        raise ValueError(f"it is no object with {', '.join(sorted(_NAMES))}")
    return Asked(**{name: count_heard(value, MOST) for name, value in said.items()})


def said_part(part: Part) -> dict[str, Any]:
    """As JSON."""
    return part._asdict()


def part_heard(said: Any) -> Part:
    """As `said_part`."""
    if not isinstance(said, dict) or set(said) != set(Part._fields):
        raise ValueError(f"it is no object with {', '.join(Part._fields)}")
    rate = number_heard(said["rate"])
    if rate < 0:
        raise ValueError(f"{rate} is no rate")
    return Part(count_heard(said["under_way"], MOST), count_heard(said["burst"], MOST), rate)


def held_heard(said: Any) -> tuple[int, int]:
    """What is held by now of each: [under way, spent]."""
    if not isinstance(said, list) or len(said) != 2:
        raise ValueError("it is no pair of counts")
    return count_heard(said[0], MOST), count_heard(said[1], MOST)
