"""What a qmail has in control/, in users/ and in its environment, and what becomes of each (`standings`).

Of the environment only what somebody of qmail reads; of control/ everything, for a name with a slip in it is found by nobody.
"""

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

import attrs

from twistedmx.qmail.standings import ROWS, Row, Standing, Where

_UNKNOWN: Final = "unknown: nobody reads it here"
_MOST: Final = 10_000  # names of a directory that are looked at


@attrs.frozen(kw_only=True)
class Found:
    """`name`: as it is there. What is no UTF-8 in it is shown by escapes."""

    where: Where
    name: str
    standing: Standing
    words: str


def inventory(home: str, environment: Mapping[bytes, bytes]) -> list[Found]:
    """What is there: control/, then users/, then the environment, each by name. Raises OSError where control/ cannot be read."""
    found = [_found(Where.CONTROL, name) for name in sorted(os.listdir(os.path.join(home, "control")))[:_MOST]]
    try:
        users = sorted(os.listdir(os.path.join(home, "users")))[:_MOST]
    except FileNotFoundError:
        users = []  # qmail runs without
    found += [_found(Where.USERS, name) for name in users]
    variables = [_found(Where.ENVIRONMENT, os.fsdecode(name)) for name in sorted(environment)]
    return found + [variable for variable in variables if variable.standing is not Standing.UNKNOWN]


def row_of(where: Where, name: str) -> Row | None:
    """What the table says of a name; None where it is not in it."""
    return next((row for row in ROWS if row.where is where and fnmatchcase(name, row.name)), None)


def _found(where: Where, name: str) -> Found:
    row = row_of(where, name)
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    if row is None:
        return Found(where=where, name=shown, standing=Standing.UNKNOWN, words=_UNKNOWN)
    return Found(where=where, name=shown, standing=row.standing, words=row.words)
