"""The client's side of a session (RFC 5321 3, 4.2, 4.3.1): what may be said next, and what was answered. Octets in, octets out.

| phase     | what comes                      | then      |
|-----------|---------------------------------|-----------|
| CONNECTED | the greeting                    | READY     |
| READY     | a command is said; DATA is said | OWED; ASKED |
| OWED      | its reply                       | READY     |
| ASKED     | 354; another reply              | CONTENT; READY |
| CONTENT   | the content is said             | OWED      |
| ENDED     | nothing: octets are dropped     |           |

221 and 421 lead to ENDED from anywhere, whether asked for or not (3.8). No command is said while a reply is owed.

What it does not: speak TLS, pipeline, or read what EHLO offers. BUGS: a line of a reply may end in LF alone, which no server should
say and a client need not mind.
"""

import re
from enum import Enum, auto
from typing import Final, NamedTuple

LONGEST_LINE: Final = 2048  # octets; RFC 5321 4.5.3.1.5 promises 512
MOST_LINES: Final = 200  # of one reply
_SERVICE_CLOSING: Final = 421
_CLOSING: Final = (221, _SERVICE_CLOSING)
_GO_AHEAD: Final = 354
_line = re.compile(rb"([2-5][0-5][0-9])(?:([ -])(.*))?", re.DOTALL)


class ClientPhase(Enum):
    """The table is above."""

    CONNECTED = auto()
    READY = auto()
    OWED = auto()
    ASKED = auto()
    CONTENT = auto()
    ENDED = auto()


# What a reply leads to: 354, and any other. Where there is no row, none is owed.
_ANSWERED: Final = {
    ClientPhase.CONNECTED: (None, ClientPhase.READY),
    ClientPhase.OWED: (None, ClientPhase.READY),
    ClientPhase.ASKED: (ClientPhase.CONTENT, ClientPhase.READY),
}


class Answer(NamedTuple):
    """A reply as it was heard. `lines`: what stands behind the codes, octets."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def kind(self) -> int:
        """The first digit (RFC 5321 4.2.1): 2 done, 3 go on, 4 not now, 5 never."""
        return self.code // 100

    def __str__(self) -> str:
        text = b" / ".join(self.lines).decode("ascii", "backslashreplace")
        return f"{self.code} {text}".rstrip()


class BadAnswer(ValueError):
    """The server has said what is no reply, or has said it when none was owed. The text says which."""


class Client:
    """One session. `heeds_closing`: whether 421 ends it; who attacks goes on until the connection is closed."""

    __slots__ = ("_code", "_heard", "_heeds_closing", "_lines", "phase")

    def __init__(self, *, heeds_closing: bool = True) -> None:
        self.phase = ClientPhase.CONNECTED
        self._heeds_closing = heeds_closing
        self._heard = b""
        self._code = 0  # of the reply whose first lines are in `_lines`
        self._lines: list[bytes] = []

    def receive(self, octets: bytes) -> None:
        """What came from the server."""
        if self.phase is not ClientPhase.ENDED:
            self._heard += octets

    def next_answer(self) -> Answer | None:
        """The next whole reply; None while octets are missing. Raises BadAnswer, and the session has ended."""
        while self.phase is not ClientPhase.ENDED:
            line, end, rest = self._heard.partition(b"\n")
            if len(line) > LONGEST_LINE:
                raise self._bad("a line of a reply is too long")
            if not end:
                return None
            self._heard = rest
            answer = self._read(line.removesuffix(b"\r"))
            if answer is not None:
                return answer
        return None

    def command(self, line: bytes) -> bytes:
        """The octets that say it. `line`: without CRLF. Raises ValueError where it is no line, or a reply is owed."""
        if self.phase is not ClientPhase.READY:
            raise ValueError(f"no command can be said now: {self.phase.name}")
        if b"\n" in line or b"\r" in line:
            raise ValueError(f"a command is one line: {line!r}")
        self.phase = ClientPhase.ASKED if line.upper() == b"DATA" else ClientPhase.OWED
        return line + b"\r\n"

    def content(self, octets: bytes) -> bytes:
        """The octets that say it, made transparent (RFC 5321 4.5.2), with the end. `octets`: lines that end in CRLF; b"" is none.

        Raises ValueError unless 354 was answered.
        """
        if self.phase is not ClientPhase.CONTENT:
            raise ValueError(f"no content can be said now: {self.phase.name}")
        self.phase = ClientPhase.OWED
        if octets and not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        stuffed = octets.replace(b"\r\n.", b"\r\n..")
        return (b"." if stuffed[:1] == b"." else b"") + stuffed + b".\r\n"

    def _read(self, line: bytes) -> Answer | None:
        found = _line.fullmatch(line)
        if found is None:
            raise self._bad(f"{_shown(line)} is no line of a reply")
        code = int(found[1])
        if self._lines and code != self._code:  # RFC 5321 4.2.1
            raise self._bad(f"a reply has two codes, {self._code} and {code}")
        self._code = code
        self._lines.append(found[3] or b"")
        if found[2] == b"-":
            if len(self._lines) >= MOST_LINES:
                raise self._bad("a reply has too many lines")
            return None
        answer, self._lines = Answer(code, tuple(self._lines)), []
        self._answered(answer)
        return answer

    def _answered(self, answer: Answer) -> None:
        if answer.code in _CLOSING and (self._heeds_closing or answer.code != _SERVICE_CLOSING):
            self._end()
            return
        if answer.code == _SERVICE_CLOSING and self.phase not in _ANSWERED:
            return
        goes_ahead, otherwise = _ANSWERED.get(self.phase, (None, None))
        after = goes_ahead if answer.code == _GO_AHEAD else otherwise
        if after is None:
            raise self._bad(f"{_shown(str(answer).encode())} answers nothing")
        self.phase = after

    def _bad(self, words: str) -> BadAnswer:
        self._end()
        return BadAnswer(words)

    def _end(self) -> None:
        self.phase = ClientPhase.ENDED
        self._heard = b""


def _shown(octets: bytes) -> str:
    return repr(octets if len(octets) <= 60 else octets[:60] + b"...")
