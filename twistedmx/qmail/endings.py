"""How the delivery to one local recipient ended: the letters K, D and Z of qmail-lspawn's report, with their text.

`text` is for the log. `said` is what the peer may hear of it, in qmail's manner with the status at the end, "(#5.1.1)"; "" where
all that we know is ours to know: paths, or what a program said that failed for the time being.
"""

from typing import Final

import attrs

LONGEST: Final = 4000  # octets of one that is rendered; a pipe takes so many at once (pipe(7), PIPE_BUF 4096)
_SAID: Final = 300  # characters: with a code in front of it one line of a reply
_TEXT: Final = 3000  # as qmail-lspawn.c, truncreport


@attrs.frozen(kw_only=True)
class Delivered:
    """All that was asked for is done, and what was written would survive a power cut."""

    text: str = ""


@attrs.frozen(kw_only=True)
class Bounced:
    """It will never be."""

    text: str
    said: str = ""


@attrs.frozen(kw_only=True)
class Deferred:
    """It could not be done now. Parts of it may have been: they are done again the next time, as in qmail."""

    text: str
    said: str = ""


Ending = Delivered | Bounced | Deferred
_LETTERS: Final[dict[bytes, type[Delivered] | type[Bounced] | type[Deferred]]] = {
    b"K": Delivered,
    b"D": Bounced,
    b"Z": Deferred,
}


def printable(octets: bytes, longest: int = _SAID) -> str:
    """One line of printable ASCII: what somebody's program wrote, where it is shown. What is no ASCII becomes "?"."""
    words = b" ".join(octets[: 4 * longest].split()).decode("ascii", "replace")
    return "".join(sign if sign.isprintable() and sign.isascii() else "?" for sign in words)[:longest].rstrip()


def render(ending: Ending) -> bytes:
    """At most LONGEST octets; what is too long loses its end."""
    letter = next(letter for letter, kind in _LETTERS.items() if isinstance(ending, kind))
    said = b"" if isinstance(ending, Delivered) else printable(ending.said.encode("ascii", "replace")).encode()
    text = ending.text.encode("utf-8", "replace").replace(b"\0", b"?")[:_TEXT]
    return letter + said + b"\0" + text


def parse_ending(octets: bytes) -> Ending:
    """Of what `render` made. Anything else is a delivery that crashed: Deferred. Never raises."""
    kind = _LETTERS.get(octets[:1])
    said, separator, text = octets[1:].partition(b"\0")
    if kind is None or not separator or len(octets) > LONGEST:
        return Deferred(text="the process that delivered to this recipient crashed")
    words = text.decode("utf-8", "replace")
    if kind is Delivered:
        return Delivered(text=words)
    return Bounced(text=words, said=printable(said)) if kind is Bounced else Deferred(text=words, said=printable(said))


def together(endings: list[Ending]) -> Ending:
    """One answer for the recipients of one message: a refusal before what failed for now, and that before success."""
    for kind in (Bounced, Deferred):
        for ending in endings:
            if isinstance(ending, kind):
                return ending
    return Delivered(text="; ".join(ending.text for ending in endings if ending.text))
