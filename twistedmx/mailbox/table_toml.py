"""The TOML format of a table of mailboxes: lists of addresses, and tables from an address to what holds for it.

Each key of the file stands for a keyword of the text format, and obeys the same rules.

BUGS: a fault is told by its key; only one of TOML's own grammar is told by its line, and hides all others.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from twistedmx.mailbox.draft import Draft
from twistedmx.mailbox.faults import shown

# Lines that hold a list, or a part of one, of strings without escapes. tomllib finds the end of '...' at C speed and walks
# through "..." octet by octet: benchmarks/load_tables.py.
_STRING = r"\x22[^\x22\\'\x00-\x1f\x7f]*\x22"  # \x22 is the quote
_plain_lists = re.compile(
    rf"^(?:[a-z_]+[ \t]*=[ \t]*\[)?[ \t]*{_STRING}(?:[ \t]*,[ \t]*{_STRING})*[ \t]*+,?(?=[ \t]*+\]?[ \t\r]*+$)",
    re.MULTILINE,
).sub
_MANY_LINES = ('"""', "'''")


def read_toml(octets: bytes, draft: Draft) -> None:
    """Give `draft` the entries and the faults of a table. `octets`: anything."""
    try:
        text = octets.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = octets[: wrong.start].count(b"\n") + 1
        draft.fault(line, "octets that are not UTF-8", "UTF-8", "save the file in UTF-8")
        return
    try:
        table = tomllib.loads(quicker(text))
    except (ValueError, RecursionError) as wrong:  # ValueError: also a number of too many digits
        draft.fault(0, f"no TOML: {wrong}", "TOML 1.0", "mend the line that is named; addresses are quoted")
        return
    for key, value in table.items():
        if key in KEYS:
            keyword, read = KEYS[key]
            read(draft, key, keyword, value)
        else:
            draft.fault(shown(key), "unknown key", f"one of {', '.join(KEYS)}", "mend it, or remove it")


def quicker(text: str) -> str:
    """The same TOML, character by character in the same place, in strings that tomllib reads faster."""
    # A line can only look like a list and be none inside a string of many lines.
    if any(quotes in text for quotes in _MANY_LINES):
        return text
    return _plain_lists(lambda found: found[0].replace('"', "'"), text)


def _read_list(draft: Draft, key: str, keyword: bytes, value: object) -> None:
    if not isinstance(value, list):
        _tell_wrong_type(draft, key, value, "a list of strings")
        return
    for number, item in enumerate(value, 1):
        place = f"{key}, item {number}"
        if not isinstance(item, str):
            _tell_wrong_type(draft, place, item, "a string")
        elif keyword == b"mailbox":
            draft.take_mailbox(place, item.encode())
        else:
            draft.take(place, item.encode(), keyword)


def _read_table(draft: Draft, key: str, keyword: bytes, value: object) -> None:
    if not isinstance(value, dict):
        _tell_wrong_type(draft, key, value, "a table")
        return
    for subject, item in value.items():
        place = f"{key}.{shown(subject)}"
        items = item if isinstance(item, list) and keyword == b"alias" else [item]
        if all(isinstance(each, str) for each in items):
            draft.take(place, subject.encode(), keyword, tuple(each.encode() for each in items))
        else:
            expected = "a string or a list of strings" if keyword == b"alias" else "a string"
            _tell_wrong_type(draft, place, item, expected)


def _tell_wrong_type(draft: Draft, place: str, value: object, expected: str) -> None:
    draft.fault(place, f"a value of type {type(value).__name__}", expected, "quote strings, put lists into [...]")


_Read = Callable[[Draft, str, bytes, object], None]
KEYS: Final[Mapping[str, tuple[bytes, _Read]]] = MappingProxyType(
    {
        "domains": (b"domain", _read_list),
        "mailboxes": (b"mailbox", _read_list),
        "maildirs": (b"mailbox", _read_table),
        "aliases": (b"alias", _read_table),
        "disabled": (b"disabled", _read_list),
        "over_quota": (b"over-quota", _read_list),
        "reject": (b"reject", _read_table),
    }
)
