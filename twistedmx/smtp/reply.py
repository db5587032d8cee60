"""A reply as RFC 5321 4.2 writes it, with the enhanced status code of RFC 2034 and 3463.

A Reply is rendered once, when it is made; the constants in `codes` therefore cost nothing when they are sent.
"""

import re
from functools import lru_cache

import attrs

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
# RFC 5321 4.2: textstring = 1*(%d09 / %d32-126); RFC 6531 3.7.4.2 allows UTF-8 after SMTPUTF8, which we never need.
_TEXT = re.compile(r"[\t\x20-\x7e]*")
# RFC 5321 4.5.3.1.5: a reply line has at most 512 octets with its code and CRLF.
_TEXT_OCTETS = 512 - len("250-5.123.123 \r\n")


def _check_lines(reply: "Reply", attribute: "attrs.Attribute[tuple[str, ...]]", lines: tuple[str, ...]) -> None:
    if not lines and not reply.closes:
        raise ValueError("a reply needs at least one line of text, unless it closes without a word")
    for line in lines:
        if not _TEXT.fullmatch(line) or len(line) > _TEXT_OCTETS:
            raise ValueError(f"a reply line is printable ASCII of at most {_TEXT_OCTETS} octets, not {line!r}")


@lru_cache(maxsize=256)
def _goes_with(code: int, enhanced: str) -> str:
    """What is wrong with them, or "". Remembered: they are few, and every message that is accepted has a reply of its own."""
    if not 200 <= code <= 559 or code // 10 % 10 > 5:
        return f"no reply code of RFC 5321 4.2.1: {code}"
    if enhanced and (not _ENHANCED.fullmatch(enhanced) or enhanced[0] != str(code)[0]):
        return f"enhanced status code {enhanced!r} does not go with {code} (RFC 2034 4)"
    return ""


@attrs.frozen(kw_only=True)
class Reply:
    """What the peer hears.

    `code`: 200 to 559. `enhanced`: "5.1.1" (class as the code's first digit), or "" where RFC 2034 3 wants none
    (greeting, EHLO, 3yz). `lines`: the text, one item a line; none: nothing is said. `closes`: the session ends when this is
    sent. `octets`: all of it as sent. Raises ValueError for what may not be sent.
    """

    code: int = attrs.field()
    enhanced: str = ""
    lines: tuple[str, ...] = attrs.field(validator=_check_lines)
    closes: bool = False
    octets: bytes = attrs.field(init=False, repr=False, eq=False)

    @code.validator
    def _check_code(self, attribute: "attrs.Attribute[int]", code: int) -> None:
        wrong = _goes_with(code, self.enhanced)
        if wrong:
            raise ValueError(wrong)

    @octets.default
    def _render(self) -> bytes:
        start = f"{self.enhanced} " if self.enhanced else ""
        last = len(self.lines) - 1
        if not last:
            return f"{self.code} {start}{self.lines[0]}\r\n".encode("ascii")
        return "".join(
            f"{self.code}{' ' if number == last else '-'}{start}{line}\r\n" for number, line in enumerate(self.lines)
        ).encode("ascii")

    def __str__(self) -> str:
        return self.octets[:-2].decode("ascii").replace("\r\n", " / ")


def with_id(words: Reply, session: str) -> Reply:
    """`words`, and behind their first line the name of a session, which `twistedmx why` takes; as they are where it stands there
    already, finds no room, or nothing is said."""
    if not words.lines:
        return words
    first, *rest = words.lines
    named = f"{first} (id {session})"
    if session in first or len(named) > _TEXT_OCTETS:
        return words
    return Reply(code=words.code, enhanced=words.enhanced, lines=(named, *rest), closes=words.closes)


def reply(code: int, enhanced: str, *lines: str, closes: bool = False) -> Reply:
    """A Reply in the order in which it is read aloud: `reply(550, "5.1.1", "No such mailbox here")`."""
    return Reply(code=code, enhanced=enhanced, lines=lines, closes=closes or code in (221, 421))
