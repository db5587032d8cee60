"""What sessions of one campaign have in common: the shape of the HELO, the order of the verbs, the pipelining habit, the sender,
and the pattern of the recipients. Addresses change, programs do not.

A fingerprint is text, so that an operator can read it: `a-a-9.a.a E(MR)+Q pipelined <> a,a9`. Of a session its first recipients and
its first sender are enough, so that a long one costs no more than a short one.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Final

from twistedmx.smtp.path import Path

_RECIPIENTS: Final = 5  # of a session, the first
_KINDS: Final = 3  # of recipients; more are none
_LONGEST: Final = 12  # characters of the pattern of one local part
_classes = bytes(
    ord("a")
    if chr(octet).isalpha() and octet < 128
    else ord("9")
    if 48 <= octet < 58
    else octet
    if octet < 128
    else ord("u")
    for octet in range(256)
)
_signs = re.compile(rb"([^a9\n])\1+")
_RUNS: Final = ((b"aaaa", b"a"), (b"aa", b"a"), (b"99", b"9"))
_cycle = re.compile(r"(.{2,5}?)\1+")


class Sketch:
    """What is known of a session before its end. `address`: whose. `guesses`: recipients that are not here or not ours. `heard`: a
    recipient was accepted. `messages`: that were, since `since`, and are not counted yet. `null`: no sender was another than <>.
    `sender`, `recipients`: their patterns. `first`: a hash of the first recipient."""

    __slots__ = ("address", "first", "guesses", "heard", "messages", "null", "recipients", "sender", "since")

    def __init__(self, address: str, since: int) -> None:
        self.address = address
        self.since = since
        self.messages = 0
        self.guesses = 0
        self.heard = False
        self.null = True
        self.sender = ""
        self.recipients = ""
        self.first = 0

    def draw(self, sender: Path, recipients: Iterable[bytes], helo: str) -> None:
        """Of its first transactions."""
        first = list(islice(recipients, _RECIPIENTS))
        self.sender = sender_pattern(sender, first[0] if first else b"", helo)
        self.recipients = recipients_pattern(first)
        self.first = hash(first[0].lower()) if first else 0


def sender_pattern(sender: Path, recipient: bytes, helo: str) -> str:
    """ "<>", or the pattern of its local part and, behind "@", whose domain it is: "helo", the recipient's ("to"), or "other"."""
    if not sender.address:
        return "<>"
    domain = sender.domain.lower()
    _, _, foreign = recipient.rpartition(b"@")
    if foreign.lower() == domain:
        whose = "to"
    else:
        name = helo.lower().encode("utf-8", "replace")
        whose = "helo" if domain and (name == domain or name.endswith(b"." + domain)) else "other"
    return f"{_kind(sender.address.rpartition(b'@')[0])}@{whose}"


def recipients_pattern(recipients: Iterable[bytes]) -> str:
    """The patterns of their local parts, each once, in order; "*" for more than three. `recipients`: addresses, as in Path."""
    local_parts = [address.rpartition(b"@")[0] for address in recipients]
    if len(local_parts) == 1:
        return _kind(local_parts[0])
    # As one text: a pattern for each by itself takes three times as long (benchmarks/reputation.py).
    kinds = set(_pattern(b"\n".join(local_parts)).split(b"\n"))
    if len(kinds) > _KINDS:
        return "*"
    return ",".join(sorted([kind[:_LONGEST].decode("ascii") for kind in kinds]))


@lru_cache(maxsize=1024)
def verbs_pattern(verbs: str) -> str:
    """The order of the verbs with what is repeated said once, "E(MRS)+Q": two rounds of guesses are as good as ten."""
    found = _cycle.search(verbs)
    if found is None:
        return verbs
    rest = verbs[found.end() :]
    if found[1].startswith(rest):  # it was cut off in the middle of a round
        rest = ""
    return f"{verbs[: found.start()]}({found[1]})+{rest}"


def fingerprint(helo: str, verbs: str, pipelined: bool, sketch: Sketch) -> str:
    """`helo`: its shape."""
    habit = "pipelined" if pipelined else "lock-step"
    return f"{helo} {verbs_pattern(verbs) or '-'} {habit} {sketch.sender or '-'} {sketch.recipients or '-'}"


@lru_cache(maxsize=4096)
def _kind(local_part: bytes) -> str:
    """The pattern of one: who has mail has more of it soon."""
    return _pattern(local_part)[:_LONGEST].decode("ascii")


def _pattern(text: bytes) -> bytes:
    """Letters are `a`, digits `9`, and each run of one of them, or of one sign, is one. `text`: any lines."""
    text = text.translate(_classes)
    for run, one in _RUNS:
        while run in text:
            text = text.replace(run, one)
    return text if text.replace(b"\n", b"").isalnum() else _signs.sub(rb"\1", text)
