"""How one limit is dealt out to the processes that serve: to each a part that follows what it holds and what it is asked for.

    what each holds          first: nobody who is in has to go because another process wants his place
    a little                 each has it, so that whoever comes there finds a place before it is dealt anew
    what each is asked for   of what is left
    the rest                 evenly: nobody knows where the next one comes

The parts are the limit, exactly. Where more is held than the limit, all fall in proportion.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

_LITTLE: Final = 4  # each has this part of an even share


class Need(NamedTuple):
    """Of one process. `held`: sessions of strangers by now. `wanted`: how many more there would be, if there were places."""

    held: int
    wanted: int


def deal(limit: int, needs: Sequence[Need]) -> list[int]:
    """A part of `limit`, which is 0 or more, for each of `needs`, in their order."""
    if not needs:
        return []
    little = limit // (_LITTLE * len(needs)) or min(limit // len(needs), 1)
    parts = [little] * len(needs)
    left = limit - sum(parts)
    for asked in ([need.held for need in needs], [need.held + need.wanted for need in needs]):
        more = [max(one - part, 0) for one, part in zip(asked, parts, strict=True)]
        given = more if sum(more) <= left else _in_proportion(left, more)
        parts = [part + one for part, one in zip(parts, given, strict=True)]
        left -= sum(given)
    return [part + one for part, one in zip(parts, _in_proportion(left, [1] * len(parts)), strict=True)]


def _in_proportion(number: int, weights: Sequence[int]) -> list[int]:
    """`number` in whole parts, each less than one from its share; of those who have as much left over, the first has it."""
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    parts = [number * weight // total for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda at: -(number * weights[at] % total))
    for at in remainders[: number - sum(parts)]:
        parts[at] += 1
    return parts
