"""POSIX extended regular expressions (regex(7)), put into the words of RE2, on octets, in any case.

RE2 takes time in proportion to the subject, whatever the expression: the subject is a peer's. `re`, and the C library's regexec,
try again what failed, so that one address against `.*@.*\\..*$` stops a server.

Only whether there is a match counts, so that POSIX' leftmost longest and RE2's leftmost first are one. As glibc compiles them
without REG_NEWLINE in the C locale: `.` is any octet, `^` and `$` are the ends of the subject wherever they stand, a `)` without a
`(` is itself; of glibc's additions `\\w \\W \\s \\S \\b \\B`, and `\\<` and `\\>` beside a letter, a digit or `_`.

DIFFERENCES, for no time in proportion is known for them: no references back; no more than 1,000 repeats, nested ones multiplied; an
expression has an end (`_MEMORY`). What is refused for it is told.
"""

import re
import string
import sys
from typing import Final, Protocol

# At the start: a server that has given up root may not be able to read where Python is.
try:
    import re2
except ImportError:
    # There is no wheel of it for PyPy, on which no qmail host is served. Elsewhere no server may run whose lists hit nothing.
    if sys.implementation.name == "cpython":
        raise
    re2 = None

_DEPTH: Final = 50  # groups in groups
# Octets that one expression and what RE2 remembers of it may take. It bounds its states too: with thousands of them the longest
# address takes some ten milliseconds.
_MEMORY: Final = 262_144
_MISSING: Final = "google-re2 is not installed; docs/dependencies.md says what it is for"
_REPEATS: Final = 32_767  # RE_DUP_MAX of glibc
_CLASSES: Final = {
    name: frozenset(text.encode())
    for name, text in {
        b"alpha": string.ascii_letters,
        b"digit": string.digits,
        b"alnum": string.ascii_letters + string.digits,
        # In any case: REG_ICASE makes one of both.
        b"upper": string.ascii_letters,
        b"lower": string.ascii_letters,
        b"punct": string.punctuation,
        b"space": " \t\n\r\f\v",
        b"blank": " \t",
        b"xdigit": string.hexdigits,
        b"cntrl": "".join(map(chr, [*range(32), 127])),
        b"print": "".join(map(chr, range(32, 127))),
        b"graph": "".join(map(chr, range(33, 127))),
    }.items()
}
_WORDS: Final = {b"`": rb"\A", b"'": rb"\z", b"b": rb"\b", b"B": rb"\B"}
_ANCHORS: Final = {b"^": rb"\A", b"$": rb"\z"}
# RE2's own `\s` lacks VT.
_SETS: Final = {b"w": rb"\w", b"W": rb"\W", b"s": rb"[\t-\r ]", b"S": rb"[^\t-\r ]"}
_is_word = re.compile(rb"[A-Za-z0-9_]").fullmatch
_is_word_said_once = re.compile(rb"[A-Za-z0-9_](?![*?{])").match
_braces = re.compile(rb"\{(?:([0-9]+)(,)?([0-9]*)|(,)([0-9]*))\}")


class BadExpression(ValueError):
    """It is none. The text says why."""


class Expression(Protocol):
    """One that is compiled."""

    def search(self, subject: bytes, /) -> object | None:
        """None where nothing in `subject` matches. Takes time in proportion to its length."""


def translate(expression: bytes) -> Expression:
    """Compiled. Raises BadExpression."""
    written = _Translation(expression).whole()
    if re2 is None:
        raise BadExpression(_MISSING)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    # RE2 would fold the case of Latin-1's letters too: both cases are written out.
    options.case_sensitive = True
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled: Expression = re2.compile(written, options)
    except re2.error as error:
        why = error.args[0] if error.args else b""
        raise BadExpression(why.decode("ascii", "backslashreplace") if isinstance(why, bytes) else str(why)) from None
    return compiled


class _Translation:
    # `_atom`: what a repeat would repeat; None where there is nothing, b"" never.

    def __init__(self, expression: bytes) -> None:
        self._rest = expression
        self._done: list[bytes] = []
        self._atom: bytes | None = None
        self._open: list[list[bytes]] = []

    def whole(self) -> bytes:
        while self._rest:
            self._step()
        if self._open:
            raise BadExpression("a ( without its )")
        self._settle()
        return b"".join(self._done)

    def _take(self, octets: int) -> bytes:
        taken, self._rest = self._rest[:octets], self._rest[octets:]
        return taken

    def _settle(self, atom: bytes | None = None) -> None:
        # What stood before is not repeated any more.
        if self._atom is not None:
            self._done.append(self._atom)
        self._atom = atom

    def _step(self) -> None:
        here = self._rest[:1]
        if here in (b"*", b"+", b"?"):
            self._repeat(self._take(1))
        elif here == b"{":
            self._repeat(self._interval())
        elif here == b"(":
            self._begin()
        elif here == b")" and self._open:
            self._end()
        elif here == b"[":
            self._settle(self._bracket())
        elif here == b"\\":
            self._escape()
        elif here == b".":
            self._settle(self._take(1))
        else:
            self._plain(self._take(1))

    def _plain(self, octet: bytes) -> None:
        if octet == b"|":
            self._settle()
            self._done.append(octet)
        elif octet in _ANCHORS:
            self._settle()
            self._done.append(_ANCHORS[octet])
        else:
            self._settle(_literal(octet))

    def _repeat(self, how: bytes) -> None:
        if self._atom is None:
            raise BadExpression("a repeat (* + ? {) of nothing")
        # In a group: `a+?` is (a+)? there, and something else here.
        self._atom = b"(?:" + self._atom + b")" + how

    def _interval(self) -> bytes:
        braces = _braces.match(self._rest)
        if braces is None:
            raise BadExpression("a { without numbers and }")
        self._take(braces.end())
        least, comma, most = braces[1] or b"0", braces[2] or braces[4], braces[3] or braces[5] or b""
        if (most and not comma) or max(int(least[:9]), int(most[:9] or b"0")) > _REPEATS:
            raise BadExpression(f"more than {_REPEATS} repeats")
        if most and int(most) < int(least):
            raise BadExpression("repeats from more to less")
        # Without the zeros that may lead: with them, RE2 takes the whole for letters.
        return b"{%d%b%b}" % (int(least), b"," if comma else b"", b"%d" % int(most) if most else b"")

    def _begin(self) -> None:
        self._take(1)
        if len(self._open) == _DEPTH:
            raise BadExpression(f"more than {_DEPTH} groups in each other")
        self._settle()
        self._open.append(self._done)
        self._done = []

    def _end(self) -> None:
        self._take(1)
        self._settle()
        group = b"(" + b"".join(self._done) + b")"
        self._done = self._open.pop()
        self._atom = group

    def _escape(self) -> None:
        octet = self._take(2)[1:]
        if not octet:
            raise BadExpression("a \\ at the end")
        if octet in _WORDS:
            self._settle()
            self._done.append(_WORDS[octet])
        elif octet in (b"<", b">"):
            self._edge(octet)
        elif octet in _SETS:
            self._settle(_SETS[octet])
        elif octet in b"123456789":
            raise BadExpression("a reference back, which nothing finds in bounded time")
        else:
            self._settle(_literal(octet))

    @property
    def _ends_in_word(self) -> bool:
        return self._atom is not None and self._atom in _WORD_OCTETS

    def _edge(self, octet: bytes) -> None:
        """Of a word: beside one of its octets it is `\\b`, and RE2 cannot look further."""
        is_beside = _is_word_said_once(self._rest) if octet == b"<" else self._ends_in_word
        self._settle()
        if not is_beside:
            raise BadExpression(r"a \< not before, or a \> not behind, a letter, digit or _: write \b")
        self._done.append(rb"\b")

    def _bracket(self) -> bytes:
        self._take(1)
        negated = self._rest.startswith(b"^")
        self._take(negated)
        members: set[int] = set()
        first = True
        while first or not self._rest.startswith(b"]"):
            if not first and self._rest.startswith(b"-") and self._rest[1:2] != b"]":
                raise BadExpression("a - between what is no range's ends")
            first = False
            members |= self._member()
        self._take(1)
        members |= {ord(octet.swapcase()) for octet in map(_octet, members) if octet.isalpha()}
        listed = b"".join(b"\\x%02x" % member for member in sorted(members))
        return b"[" + b"^" * negated + listed + b"]"

    def _member(self) -> frozenset[int] | set[int]:
        if self._rest.startswith(b"[:"):
            name, end, self._rest = self._rest[2:].partition(b":]")
            if not end or name not in _CLASSES:
                raise BadExpression("a [: without the name of a class and :]")
            return _CLASSES[name]
        begin = self._single()
        if self._rest.startswith(b"-") and self._rest[1:2] not in (b"]", b""):
            self._take(1)
            last = self._single()
            if last < begin:
                raise BadExpression("a range from more to less")
            return set(range(begin, last + 1))
        return {begin}

    def _single(self) -> int:
        for mark in (b".", b"="):
            if self._rest.startswith(b"[" + mark):
                name, end, self._rest = self._rest[2:].partition(mark + b"]")
                if not end or len(name) != 1:
                    raise BadExpression("the name of more than one character")
                return name[0]
        octet = self._take(1)
        if not octet:
            raise BadExpression("a [ without its ]")
        return octet[0]


def _octet(number: int) -> bytes:
    return bytes((number,))


def _literal(octet: bytes) -> bytes:
    """That octet, in any case."""
    if octet.isalpha():
        return b"[" + octet.lower() + octet.upper() + b"]"
    return octet if _is_word(octet) else b"\\x%02x" % ord(octet)


_WORD_OCTETS: Final = frozenset(_literal(octet) for octet in map(_octet, range(256)) if _is_word(octet))
