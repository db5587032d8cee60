"""What becomes of each thing of a qmail host, as a table for people: grouped by its standing, what needs a look first."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

# By qmail.standings.Standing: what an operator must look at, then what he need not. A newer one is shown behind them.
_TITLES: Final = {
    "not supported": "not supported",
    "unknown": "unknown",
    "not yet active": "known, but not active yet",
    "with a difference": "honoured, with a difference",
    "honoured": "honoured",
    "elsewhere": "read by other programs, as before",
}
_QUIET: Final = ("honoured", "elsewhere")
_SHORT: Final = {"control": "control/", "users": "users/"}
_WIDEST: Final = 32  # of a name; behind longer ones the words begin later


def table(report: Mapping[str, Any], *, whole: bool, columns: int | None) -> Iterator[str]:
    """The lines. `report`: as service.check_qmail has it. `whole`: with each that is honoured, in place of how many there are.
    `columns`: of a terminal, to stay within; None: a line each."""
    who = f"{report['user']} (uid {report['uid']})" if report["user"] else f"uid {report['uid']}"
    yield f"{report['home']}, for a server that is {who}"
    kind = report["badmailfrom"]
    if kind is not None:
        yield f"control/badmailfrom holds {kind['holds']}, {kind['why']}"
    if report["rules"]:
        yield f"rules: {report['rules']}"
    for standing, title in _TITLES.items():
        named = [each for each in report["names"] if each["standing"] == standing]
        if named and (whole or standing not in _QUIET):
            yield ""
            yield f"{title}:"
            yield from _rows(named, columns)
    quiet = [f"{number} {_TITLES[standing]}" for standing, number in _counts(report["names"]) if standing in _QUIET]
    yield ""
    if quiet and not whole:
        yield f"{', '.join(quiet)} (--all shows them)"


def _counts(names: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    for standing in _TITLES:
        number = sum(each["standing"] == standing for each in names)
        if number:
            yield standing, number


def _rows(named: Sequence[Mapping[str, Any]], columns: int | None) -> Iterator[str]:
    """By where they stand; control/NAME in one word, for that is what is looked for."""
    width = max(min(len(_name(each)), _WIDEST) for each in named)
    for place, group in groupby(named, key=lambda each: str(each["place"])):
        if place not in _SHORT:
            yield f"  {place}"
        for each in group:
            row = f"  {_name(each):<{width}}  {each['words']}"
            if columns is None:
                yield row
            else:
                behind = " " * (width + 4)
                yield from textwrap.wrap(
                    row, max(columns, width + 40), subsequent_indent=behind, break_on_hyphens=False
                )


def _name(each: Mapping[str, Any]) -> str:
    return f"{_SHORT.get(each['place'], '  ')}{each['name']}"
