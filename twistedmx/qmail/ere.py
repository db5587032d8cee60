"""POSIX extended regular expressions (regex(7)), put into the words of Python's `re`, on octets, in any case.

Only whether there is a match counts, so that POSIX' leftmost longest and Python's leftmost first are one. As glibc compiles
them without REG_NEWLINE in the C locale: `.` is any octet, `^` and `$` are the ends of the subject wherever they stand, a `)`
without a `(` is itself; of glibc's additions `\\w \\W \\s \\S \\b \\B \\< \\>` and references back.
"""

import re
import string
import warnings
from typing import Final

_DEPTH: Final = 50  # groups in groups; `re` compiles them by recursion
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
_WORDS: Final = {b"<": rb"\b(?=\w)", b">": rb"\b(?<=\w)", b"`": rb"\A", b"'": rb"\Z", b"b": rb"\b", b"B": rb"\B"}
_ANCHORS: Final = {b"^": rb"\A", b"$": rb"\Z"}
_braces = re.compile(rb"\{(?:([0-9]+)(,)?([0-9]*)|(,)([0-9]*))\}")


class BadExpression(ValueError):
    """It is none. The text says why."""


def translate(expression: bytes) -> re.Pattern[bytes]:
    """Compiled. Raises BadExpression."""
    written = _Translation(expression).whole()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(written, re.IGNORECASE | re.DOTALL)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise BadExpression(str(error)) from None


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
            self._settle(re.escape(octet))

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
        return b"{" + least + (b"," + most if comma else b"") + b"}"

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
        elif octet in b"wWsS":
            self._settle(b"\\" + octet)
        elif octet in b"123456789":
            # In a group of its own, so that a digit behind it is no part of its number.
            self._settle(b"(?:\\" + octet + b")")
        else:
            self._settle(re.escape(octet))

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
