"""Other lines of sagredo's qmail-smtpd: what its lists, its plugins and AUTH decided. Their head is `qmail-smtpd[PID]: `.

A word between brackets is a word of the peer's. Texts are the original's to the letter, for people search for them.
"""

from enum import Enum
from typing import Final

from twistedmx.qmail.log_lines import ADDRESS, line, safe, safe_text

# Where logit has no word for something.
_NOTHING: Final = b"(null)"


class Found(Enum):
    """What a list or a program says of an address, in the words of the line."""

    VALID = b"validrcptto: accepted address"
    NOT_VALID = b"validrcptto: drop address"
    ACCEPTED = b"rcptcheck: accepted address"
    DROPPED = b"rcptcheck: drop address"
    IGNORED = b"rcptcheck: ignore address"
    OVER_LIMIT = b"rcptcheck: overlimit sender"


def denied_line(pid: int, name: bytes, word: bytes, remote_ip: bytes, pattern: bytes | None = None) -> bytes:
    """A word that a list denies. `name`: badhelo, badmailfrom, badrcptto. `pattern`: that matches, where LOGREGEX is set."""
    if pattern is None:
        return _line(pid, name, b": ", _bracketed(word), b" at ", safe(remote_ip))
    return _line(pid, name, b": ", _bracketed(word), b" matches pattern: ", safe_text(pattern, most=ADDRESS))


def found_line(pid: int, found: Found, address: bytes, remote_ip: bytes) -> bytes:
    """What validrcptto or RCPTCHECK says of a recipient."""
    return _line(pid, found.value, b" ", _bracketed(address), b" at ", safe(remote_ip))


def excessive_line(pid: int, remote_ip: bytes) -> bytes:
    """brtlimit is reached."""
    return _line(pid, b"badrcptto: excessive rcptto violations hanging up on ", safe(remote_ip))


def rcptcheck_line(pid: int, reply: bytes) -> bytes:
    """What RCPTCHECK's program says itself, on descriptor 4."""
    return _line(pid, b"RCPTCHECK error: ", safe_text(reply, most=1024))


def early_line(pid: int, remote_ip: bytes, ignored: bool) -> bytes:
    """The client did not wait. `ignored`: what it sent is thrown away, and the session goes on."""
    text = b"client sent data before greeting" + (b". ignoring" if ignored else b"")
    return _line(pid, b"GREETDELAY from ", safe(remote_ip), b": ", text)


def auth_line(pid: int, success: bool, method: bytes, user: bytes) -> bytes:
    """AUTH was tried. `method`: login, plain, cram-md5, as the command had it."""
    result = b"auth-success" if success else b"auth-failed"
    return _line(pid, b"auth: ", result, b" type=", safe(method), b" user=", _bracketed(user))


def told_line(
    message: bytes,
    *,
    reason: bytes | None = None,
    sender: bytes | None,
    remote_ip: bytes | None,
    rcpt: bytes | None,
    helo: bytes | None,
) -> bytes:
    """What logit tells: `qmail-smtpd: read failed (timeout): a@example.net from 192.0.2.1 to b@example.org helo client.example`.

    None: there has been none so far. An empty address is none of these.
    """
    why = b"" if reason is None else b" (" + safe_text(reason) + b")"
    return line(
        b"qmail-smtpd: ", safe_text(message), why, b": ", _or_nothing(sender, ADDRESS), b" from ", _or_nothing(remote_ip),
        b" to ", _or_nothing(rcpt, ADDRESS), b" helo ", _or_nothing(helo),
    )  # fmt: skip


def _line(pid: int, *words: bytes) -> bytes:
    return line(b"qmail-smtpd[%d]: " % pid, *words)


def _bracketed(word: bytes) -> bytes:
    return b"<" + safe(word, never=b"<>", most=ADDRESS) + b">"


def _or_nothing(word: bytes | None, most: int = 255) -> bytes:
    return _NOTHING if word is None else safe(word, most=most)
