"""Mailboxes of one user under many names: `ann+lists` and `ann-lists` are ann's when nobody has that name himself."""

from collections.abc import Iterator
from typing import Any, Final

_MOST: Final = 8  # names for one local part: `a-a-a-a-...` shall not cost a look-up for each
_ALLOWED: Final = "+-_.=~#"


def names(local_part: bytes, delimiters: bytes) -> Iterator[bytes]:
    """Whose it may be, the whole name first, then what stands before each delimiter, from the right, as qmail does.

    `local_part`: without quotes. None of the names is empty, unless `local_part` is.
    """
    yield local_part
    if not delimiters:
        return
    end = len(local_part)
    for _ in range(_MOST - 1):
        end = max(local_part.rfind(delimiter, 0, end) for delimiter in (bytes((each,)) for each in delimiters))
        if end <= 0:
            return
        yield local_part[:end]


def are_delimiters(instance: Any, attribute: Any, value: str) -> None:
    """A validator for `setting`."""
    wrong = sorted(set(value) - set(_ALLOWED))
    if wrong:
        raise ValueError(f"may have any of {_ALLOWED} in it, has {''.join(wrong)!r}")
