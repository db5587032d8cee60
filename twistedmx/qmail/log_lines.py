"""What all lines of the log have in common, so that analysers of qmail's logs go on; and those of chkuser and rblsmtpd.

One line is one `write` of PIPE_BUF octets at most, newline included: many processes share the pipe to multilog, and what is
longer may come out in pieces between the pieces of others (the originals' buffers are 256 and 512 octets, and theirs do). A word
that is too long is cut, and `...` says so. Words come from the peer: no octet of them begins another line, moves a cursor, or
looks like the end of its field. The originals write most of them as they came.

Other lines: `smtpd_lines`, `qlog_lines`, `tcpserver_lines`.
"""

import re
import select
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Final

# Octets of one write to a pipe that no other's come between (POSIX; 4096 on Linux).
LONGEST: Final = select.PIPE_BUF
# Octets of one address, as qmail has them at most, and of any other word.
ADDRESS: Final = 900
WORD: Final = 255

_UNSAFE: Final = re.compile(rb"[^!-~]")
_UNSAFE_BUT_BLANKS: Final = re.compile(rb"[^ -~]")
_MORE: Final = b"..."
_MOST_LINES: Final = 100  # of one program
# The last character, or what is left of it, where it is not ASCII.
_PART: Final = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,3}\Z")


class Dialect(Enum):
    """Of the lines of chkuser. `STOCK`: its author's (2.0.9). `LABELLED`: with labels, as sagredo's qmail has it."""

    STOCK = "stock"
    LABELLED = "labelled"


def safe(octets: bytes, *, never: bytes = b"", most: int = WORD, instead: bytes = b"?", utf8: bool = True) -> bytes:
    """One word: without blanks, control octets and the octets of `never`, in whose place `instead` is; `most` octets or fewer.

    `utf8`: characters that can be printed stay, as in addresses with SMTPUTF8; else what is not ASCII is replaced as well.
    """
    return _replaced(octets, _UNSAFE, never, most, instead, utf8)


def safe_text(octets: bytes, *, never: bytes = b"", most: int = WORD) -> bytes:
    """As `safe`, with blanks: where nothing follows that a blank could be taken for."""
    return _replaced(octets, _UNSAFE_BUT_BLANKS, never, most, b"?", True)


def line(*words: bytes) -> bytes:
    """The words one after the other, and the newline. They are safe already."""
    whole = b"".join(words)
    if len(whole) >= LONGEST:
        whole = _cut(whole, LONGEST - 1)
    return whole + b"\n"


def lines_of(octets: bytes) -> Iterator[bytes]:
    """What a program of the operator has written on standard error, as lines of the log; 100, and dots for more."""
    for number, each in enumerate(octets.rstrip(b"\r\n").split(b"\n", _MOST_LINES)):
        if number == _MOST_LINES:
            yield line(_MORE)
        elif each:
            yield line(safe_text(each, most=LONGEST - 1))


def chkuser_line(
    dialect: Dialect,
    title: bytes,
    text: bytes,
    *,
    sender: bytes,
    remote_info: bytes,
    auth: bytes,
    identify: bytes,
    helo: bytes,
    remote_host: bytes,
    remote_ip: bytes,
    rcpt: bytes,
) -> bytes:
    """What chkuser says of a recipient, or of a sender with `rcpt` b"": its doc/CHKUSER.log_format.

    `title` and `text`: the brief and the extended message. `remote_info`: of TCPREMOTEINFO; `auth`: who has authenticated, who
    takes its place. `identify`: of CHKUSER_IDENTIFY. `helo`: as it was said; left out where it is the remote host's name, as
    qmail-smtpd leaves it out of Received. `remote_host`: b"unknown" where it is. b"" for what there is not.
    """
    if helo.lower() == remote_host.lower():
        helo = b""
    who = auth or remote_info
    if dialect is Dialect.STOCK:
        # The last of three may have colons: an IPv6 address has.
        peer = (
            _field(sender, b":", ADDRESS), b":", _field(who, b":"), b":", _field(identify),
            b"> remote <", _field(helo, b":"), b":", _field(remote_host, b":"), b":", _field(remote_ip),
        )  # fmt: skip
    else:
        peer = (
            _field(sender, b"|", ADDRESS), b"|remoteinfo/auth:", _field(who, b"|"), b"|chkuser-identify:", _field(identify, b"|"),
            b"> remote <helo:", _field(helo, b"|"), b"|remotehostname:", _field(remote_host, b"|"),
            b"|remotehostip:", _field(remote_ip, b"|"),
        )  # fmt: skip
    title = safe_text(title, never=b":<>")
    return line(
        b"CHKUSER ", title, b": from <", *peer, b"> rcpt <", _field(rcpt, b"", ADDRESS), b"> : ", safe_text(text)
    )


def rblsmtpd_line(remote_ip: bytes, pid: int, reply: bytes) -> bytes:
    """A client that was refused: `reply` with its code. The text behind the code is cut at 200 octets (rblsmtpd.c)."""
    return line(
        b"rblsmtpd: ", safe(remote_ip), b" pid %d: " % pid, _UNSAFE_BUT_BLANKS.sub(b"?", reply[: 200 + len(b"451 ")])
    )


def _field(octets: bytes, separator: bytes = b"", most: int = WORD) -> bytes:
    return safe(octets, never=b"<>" + separator, most=most)


def _replaced(octets: bytes, unsafe: re.Pattern[bytes], never: bytes, most: int, instead: bytes, utf8: bool) -> bytes:
    if len(octets) > most:
        octets = _cut(octets, most)
    plain = octets.isascii() or not utf8
    octets = unsafe.sub(instead, octets) if plain else _printable(octets, unsafe, instead)
    return octets.translate(_table(never, instead)) if never else octets


def _printable(octets: bytes, unsafe: re.Pattern[bytes], instead: bytes) -> bytes:
    """UTF-8, and what is none; among what cannot be printed are line separators and what turns the direction of writing."""
    other = instead.decode()
    characters = octets.decode("utf-8", "surrogateescape")
    kept = "".join(character if character.isprintable() else other for character in characters).encode()
    return kept if unsafe is _UNSAFE_BUT_BLANKS else kept.replace(b" ", instead)


def _cut(octets: bytes, most: int) -> bytes:
    """The beginning, `most` octets with the dots; no part of a character."""
    return _PART.sub(b"", octets[: most - len(_MORE)]) + _MORE


@cache
def _table(never: bytes, instead: bytes) -> bytes:
    return bytes.maketrans(never, instead * len(never))
