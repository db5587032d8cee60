"""A query as the operator writes it, with :local, :domain and :address, made into what a driver takes. Values are bound by the
driver, never put into the text.

What stands in a string, a quoted name or a comment is no placeholder, nor is the `::` of a cast.

BUGS: a comment within a comment is refused, which PostgreSQL would take. The slice of an array, a[1:n], is taken for a
placeholder n; write a[1 : n].
"""

import re
from typing import Final

import attrs

from twistedmx.mailbox.faults import shown

PLACEHOLDERS: Final = ("local", "domain", "address")

# SQLite takes "::" into a name, and what stands in parentheses right behind it.
_SQLITE_NAME = r"(?:[A-Za-z0-9_$\x80-\U0010ffff]|::)+"
_OPEN = r"(?P<open>['\"`]|/\*)"  # of what is never closed: all that is closed was matched before
_COMMON = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*(?P<comment>(?:[^*]|\*(?!/))*)\*/"
_SQLITE: Final = re.compile(
    rf"{_COMMON}|`(?:[^`]|``)*`|\[[^\]]*\]|{_OPEN}"
    rf"|(?P<other>\?|[$@#]{_SQLITE_NAME}|:{_SQLITE_NAME}\()|:(?P<word>{_SQLITE_NAME})",
    re.DOTALL,
)
_POSTGRESQL: Final = re.compile(
    # E'...' knows backslashes, $tag$...$tag$ nothing but its end
    r"(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*'|(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"
    rf"|{_COMMON}|::|:(?P<word>[^\W\d]\w*)|{_OPEN}|(?P<other>(?<![\w$])\$(?:\d+|(?:[^\W\d]\w*)?\$))",
    re.DOTALL,
)


class BadQuery(ValueError):
    """The text is for the operator."""


@attrs.frozen(kw_only=True)
class Query:
    """`text`: for the driver. `placeholders`: those in it."""

    text: str
    placeholders: frozenset[str]


def sqlite_query(written: str) -> Query:
    """For `sqlite3`, which has the same placeholders. Raises BadQuery."""
    return Query(text=written, placeholders=_placeholders(written, _SQLITE))


def postgresql_query(written: str) -> Query:
    """For psycopg, which has %(local)s, and %% for %. Raises BadQuery."""

    def translated(found: re.Match[str]) -> str:
        return f"%({found['word']})s" if found["word"] else found[0].replace("%", "%%")

    placeholders = _placeholders(written, _POSTGRESQL)
    parts: list[str] = []
    done = 0
    for found in _POSTGRESQL.finditer(written):
        parts += (written[done : found.start()].replace("%", "%%"), translated(found))
        done = found.end()
    return Query(text="".join(parts) + written[done:].replace("%", "%%"), placeholders=placeholders)


def _placeholders(written: str, pattern: re.Pattern[str]) -> frozenset[str]:
    if "\0" in written:
        raise BadQuery("the query has a NUL octet; remove it")
    words = set()
    for found in pattern.finditer(written):
        if found["open"]:
            raise BadQuery(f"the query has {shown(found['open'])} that is never closed; close it")
        if found["other"]:
            raise BadQuery(f"the query has {shown(found['other'])}; write {_named()}")
        if "/*" in (found["comment"] or ""):
            raise BadQuery("the query has a comment within a comment; take it out")
        if found["word"]:
            words.add(found["word"])
    for word in sorted(words.difference(PLACEHOLDERS)):
        raise BadQuery(f"the query has {shown(':' + word)}; the placeholders are {_named()}")
    if not words & {"local", "address"}:
        raise BadQuery("the query has neither :address nor :local, so that its answer would be everybody's; add one")
    return frozenset(words)


def _named() -> str:
    return ", ".join(f":{word}" for word in PLACEHOLDERS)
