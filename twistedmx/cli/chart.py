"""A chart of text that follows the limit of sessions: a column for each look, the newest to the right.

    580               ================+:.              of strangers' sessions: the limit is a line,
                    ==################=###:..          those that are there are what is filled
                  -=###################=#####+:.
                 =######################==#######+:.
               ==#########################==########
            ===#############################==######
        -===##################################====##
      0 :#########################################==
waiting #++:::...                                      the most in view fill their line
   load .................................::::+++++++   for each CPU; the highest in view does, or 1
"""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

_LABEL: Final = 9  # columns, with the space behind


@attrs.frozen(kw_only=True)
class Look:
    """At the server. `words`: all of it on a line. `load`: for each CPU, None where it is not known."""

    words: str
    limit: int
    strangers: int
    waiting: int
    load: float | None


@attrs.frozen(kw_only=True)
class Marks:
    """What is drawn with. `levels`: a cell that is empty, then fuller ones up to a full one. `limit`: the line; `both`: where it
    lies on what is filled."""

    levels: str
    limit: str
    both: str


BLOCKS: Final = Marks(levels=" ▁▂▃▄▅▆▇█", limit="─", both="━")
ASCII: Final = Marks(levels=" .:+#", limit="-", both="=")


def columns(width: int) -> int:
    """Looks that find room in so many columns of a terminal, of which the last is left free: some wrap a line behind it."""
    return max(width - 1 - _LABEL, 1)


def chart(looks: Sequence[Look], width: int, height: int, marks: Marks) -> list[str]:
    """Lines of less than `width`; one and `height` and two of them. `looks`: one at least; the newest find room."""
    shown = looks[-columns(width) :]
    top = max(1, *(max(look.limit, look.strangers) for look in shown))
    lines = [shown[-1].words]
    for row in reversed(range(height)):
        label = str(top) if row == height - 1 else "0" if not row else ""
        lines.append(_labelled(label, (_cell(look, row, height / top, marks) for look in shown)))
    most = max(1, *(look.waiting for look in shown))
    busiest = max(1.0, *(look.load or 0.0 for look in shown))
    lines.append(_labelled("waiting", (_level(look.waiting / most, marks) for look in shown)))
    lines.append(
        _labelled("load", ("?" if look.load is None else _level(look.load / busiest, marks) for look in shown))
    )
    return [line[: max(width - 1, 1)] for line in lines]


def _cell(look: Look, row: int, scale: float, marks: Marks) -> str:
    """`scale`: rows for each session."""
    filled = _level(look.strangers * scale - row, marks)
    # The limit lies in the row that its upper end is in; none at all is in the lowest.
    if max(-(-look.limit * scale // 1) - 1, 0) != row:
        return filled
    return marks.limit if filled == marks.levels[0] else marks.both


def _level(share: float, marks: Marks) -> str:
    """Of a cell; what is not nothing is seen."""
    fullest = len(marks.levels) - 1
    if share <= 0:
        return marks.levels[0]
    return marks.levels[min(max(int(share * fullest + 0.5), 1), fullest)]


def _labelled(label: str, cells: Iterable[str]) -> str:
    return f"{label:>{_LABEL - 1}} {''.join(cells)}".rstrip()
