"""What a plugin of qmail-spp writes on its standard output: a line is a letter and its word.

| letter | what it says |
| --- | --- |
| H | add this line to the header of the message |
| C | take this address for that of MAIL or RCPT |
| S, U | set this variable (`name=value`), or unset it, for all programs of the session |
| P | say this to the client; the line `250-...` of a reply that goes on |
| LM, LR, LD | refuse the next MAIL, RCPT or DATA with this reply |
| E, R | refuse the command with this reply; R: and close |
| D | close without a word |
| N | no more plugins for this command |
| O | and the command has passed the checks that are built in, too |
| A | no more plugins in this session; the checks that are built in go on |

From E to A each is the last line that is read. Without any of them the next plugin is asked. Other lines are ignored.

Deviations from qmail-spp.c: the last line need not end in LF (the original loses its last octet). What it passes on as it is,
and what would make a second reply, end the header early or be no variable, is ignored and told: lines of H that are none of a
header, of P that are a whole reply, of S without `=`. An E or R without a reply of 4 or 5 is a plugin that failed: with 250 the
client takes for accepted what is not.
"""

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import attrs

from twistedmx.qmail.log_lines import safe_text
from twistedmx.qmail.spp_file import Stage
from twistedmx.smtp.reply import Reply

MOST_LINES: Final = 1000  # before the last one
ADDRESS: Final = 900  # octets, as qmail-smtpd.c takes them at most
_MOST_FAULTS: Final = 5  # told of one answer
_MOST_REPLY_LINES: Final = 50
_TEXT: Final = 490  # octets: a line of a reply has 512 with its code (RFC 5321 4.5.3.1.5)

_REPLY: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
# RFC 5322 2.2
_FIELD_NAME: Final = re.compile(rb"[!-9;-~]+:")
_ADDRESS: Final = re.compile(rb"[^\0-\x1f\x7f]{0,%d}" % ADDRESS)
_DELAYED: Final = {b"M": Stage.MAIL, b"R": Stage.RCPT, b"D": Stage.DATA}


class BadAnswer(ValueError):
    """A plugin that failed. The text is for the operator."""


class Last(Enum):
    """The letter of the line that was the last to be read."""

    REFUSE = b"E"
    REFUSE_AND_CLOSE = b"R"
    CLOSE = b"D"
    NEXT_COMMAND = b"N"
    OK = b"O"
    NEVER_AGAIN = b"A"


CLOSED: Final = Reply(code=421, lines=(), closes=True)


@attrs.frozen(kw_only=True)
class Said:
    """One answer. `last`: None where the next plugin is to be asked. `reply`: of E, R and D.

    `headers`: lines without their ends. `address`: None where it stays; b"" is the null sender. `changes`: variables and their
    values, None for none, in the order they were said. `printed`: code and text. `delayed`: by the command they refuse.
    """

    last: Last | None = None
    reply: Reply | None = None
    headers: tuple[bytes, ...] = ()
    address: bytes | None = None
    changes: tuple[tuple[bytes, bytes | None], ...] = ()
    printed: tuple[tuple[int, str], ...] = ()
    delayed: Mapping[Stage, Reply] = MappingProxyType({})
    faults: tuple[str, ...] = ()


def parse_spp_answer(octets: bytes) -> Said:
    """All that was said up to the last line that counts. Raises BadAnswer."""
    draft = _Draft()
    for number, line in enumerate(octets.split(b"\n"), 1):
        if number > MOST_LINES:
            raise BadAnswer(f"more than {MOST_LINES} lines")
        draft.take(line)
        if draft.last is not None:
            break
    return draft.said()


def joined(reply: Reply, more: Reply) -> Reply:
    """One reply of both, where they have one code; else the first one: a second reply would be taken for the next command's."""
    if more.code != reply.code:
        return reply
    return attrs.evolve(reply, lines=(*reply.lines, *more.lines)[:_MOST_REPLY_LINES])


def with_printed(printed: tuple[tuple[int, str], ...], reply: Reply) -> Reply:
    """`reply` with the lines that were printed before it, those that have its code."""
    lines = tuple(text for code, text in printed if code == reply.code)[:_MOST_REPLY_LINES]
    return attrs.evolve(reply, lines=(*lines, *reply.lines)) if lines and reply.lines else reply


def reply_of(octets: bytes, *, closes: bool = False) -> Reply:
    """A refusal that a program has written: `550 5.7.1 no`. Raises BadAnswer where it is none, or does not begin with 4 or 5.

    What is not printable ASCII is `?`. A code that RFC 5321 4.2.1 does not have, as the old 571, is its class's 250, 451 or 554.
    """
    code, _, text = _code_and_text(octets)
    if code < 400:
        raise BadAnswer(f"no refusal: {_shown(octets)}")
    return Reply(code=code, lines=(text,), closes=closes)


def _code_and_text(octets: bytes) -> tuple[int, bool, str]:
    found = _REPLY.fullmatch(octets.rstrip(b"\r"))
    if found is None or octets.startswith(b"3"):
        raise BadAnswer(f"no reply: {_shown(octets)}")
    code = int(found[1])
    if code > 559 or code // 10 % 10 > 5:
        code = {2: 250, 4: 451, 5: 554}[code // 100]
    text = re.sub(rb"[^ -~]", b"?", (found[3] or b"")[:_TEXT])
    return code, found[2] == b"-", text.decode("ascii")


class _Draft:
    """An answer that is being read."""

    def __init__(self) -> None:
        self.last: Last | None = None
        self._reply: Reply | None = None
        self._headers: list[bytes] = []
        self._address: bytes | None = None
        self._changes: list[tuple[bytes, bytes | None]] = []
        self._printed: list[tuple[int, str]] = []
        self._delayed: dict[Stage, Reply] = {}
        self._faults: list[str] = []

    def said(self) -> Said:
        return Said(
            last=self.last,
            reply=self._reply,
            headers=tuple(self._headers),
            address=self._address,
            changes=tuple(self._changes),
            printed=tuple(self._printed),
            delayed=MappingProxyType(self._delayed),
            faults=tuple(self._faults[:_MOST_FAULTS]),
        )

    def take(self, line: bytes) -> None:
        """Raises BadAnswer."""
        letter, word = line[:1], line[1:]
        if letter in (b"E", b"R"):
            self._reply = reply_of(word, closes=letter == b"R")
            self.last = Last(letter)
        elif letter in (b"D", b"N", b"O", b"A"):
            self._reply = CLOSED if letter == b"D" else None
            self.last = Last(letter)
        elif letter and not self._took(letter, word):
            self._faults.append(f"a line is ignored: {_shown(line)}")

    def _took(self, letter: bytes, word: bytes) -> bool:
        """Whether the line means anything."""
        if b"\0" in word:
            return False
        if letter == b"H" and b"\r" not in word and (_FIELD_NAME.match(word) or (self._headers and _is_folded(word))):
            self._headers.append(word)
        elif letter == b"C" and _ADDRESS.fullmatch(word):
            self._address = word
        elif letter == b"S" and word.find(b"=") > 0:
            name, _, value = word.partition(b"=")
            self._changes.append((name, value))
        elif letter == b"U" and word and b"=" not in word:
            self._changes.append((word, None))
        elif letter == b"P":
            return self._took_printed(word)
        elif letter == b"L":
            return self._took_delayed(word)
        else:
            return False
        return True

    def _took_printed(self, word: bytes) -> bool:
        try:
            code, goes_on, text = _code_and_text(word)
        except BadAnswer:
            return False
        if goes_on:
            self._printed.append((code, text))
        return goes_on

    def _took_delayed(self, word: bytes) -> bool:
        stage = _DELAYED.get(word[:1])
        try:
            reply = reply_of(word[1:])
        except BadAnswer:
            return False
        if stage is None:
            return False
        self._delayed[stage] = joined(self._delayed[stage], reply) if stage in self._delayed else reply
        return True


def _is_folded(word: bytes) -> bool:
    """The rest of a field; a line of blanks alone is taken for the end of the header by some."""
    return word[:1] in (b" ", b"\t") and bool(word.strip(b" \t"))


def _shown(octets: bytes) -> str:
    return safe_text(octets, most=80).decode()
