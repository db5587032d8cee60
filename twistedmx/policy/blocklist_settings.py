"""Settings of the blocklist: how long, whom never, and what a blocked peer hears."""

import re
from typing import Any, Final

import attrs

from twistedmx.policy.networks import network_of
from twistedmx.setting import at_least, setting
from twistedmx.smtp.reply import reply

_PLACES: Final = ("{id}", "{address}")
_ANSWERS: Final = ("554", "none")


def _are_networks(instance: Any, attribute: Any, value: tuple[str, ...]) -> None:
    wrong = list(filter(None, map(_wrong_with, value)))
    if wrong:
        raise ValueError(f"must be networks: {', '.join(wrong)}")


def _wrong_with(word: str) -> str:
    try:
        network_of(word)
    except ValueError as wrong:
        return str(wrong)
    return ""


def _is_answer(instance: Any, attribute: Any, value: str) -> None:
    if value not in _ANSWERS:
        raise ValueError(f'must be "554" or "none", is {value!r}')


def _is_text(instance: Any, attribute: Any, value: str) -> None:
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"must be printable ASCII (RFC 5321 4.2), is {value!r}")
    if unknown := [place for place in re.findall(r"\{[^{}]*\}", value) if place not in _PLACES]:
        raise ValueError(f"has {unknown[0]}; what can be filled in is {' and '.join(_PLACES)}")
    if "{id}" not in value:
        raise ValueError("must have {id} in it: it is what a postmaster can quote, and `twistedmx why` takes")
    reply(554, "", value.replace("{address}", ":" * 39))  # an IPv6 address at its longest: does it fit a line?


@attrs.frozen(kw_only=True)
class BlocklistSettings:
    """Settings `[blocklist]`."""

    first: float = setting(
        3600.0,
        unit="seconds",
        why="How long a host or network is blocked for the first time.",
        precedent="fail2ban bantime 10 minutes",
        validator=at_least(1),
    )
    factor: float = setting(
        4.0,
        unit="times",
        why="Each relapse is blocked so many times longer than the block before: 1 h, 4 h, 16 h ...",
        precedent="fail2ban bantime.increment, factor 2",
        validator=at_least(1),
    )
    longest: float = setting(
        2_592_000.0,
        unit="seconds",
        why="No relapse is blocked for longer than this, 30 days: addresses change their owners.",
        precedent="Stalwart 30 days; fail2ban bantime.maxtime",
        validator=at_least(1),
    )
    remember: float = setting(
        7_776_000.0,
        unit="seconds",
        why="So long after a block has expired (90 days) the next one is a relapse; then it would be the first again.",
        precedent="fail2ban dbpurgeage 1 day",
        validator=at_least(0),
    )
    most: int = setting(
        1_000_000,
        unit="entries",
        why="At most so many, the expired that are remembered among them: 260 MB. When full, what expires first goes; the "
        "operator's stay.",
        precedent="nftables set size, 65,536 by default",
        validator=at_least(1),
    )
    never: tuple[str, ...] = setting(
        (),
        unit="networks",
        why="Never blocked, whoever asks for it: your own networks, and those of partners whose mail you cannot miss.",
        precedent="fail2ban ignoreip, Postfix postscreen_access_list permit_mynetworks",
        validator=_are_networks,
    )
    most_allowed: int = setting(
        10_000,
        unit="networks",
        why="So many can be allowed with `twistedmx allow`; what is more is refused. Providers have some hundred networks each.",
        precedent="Postfix postscreen_access_list, a file of any length",
        validator=at_least(0),
    )
    loopback: bool = setting(
        False,
        unit="",
        why="Whether 127.0.0.0/8 and ::1 can be blocked; for a drill, which attacks from there.",
        precedent="fail2ban ignoreself",
    )
    answer: str = setting(
        "554",
        unit="",
        why='What a blocked peer hears before it is closed: "554", one line with `text`; "none", nothing.',
        precedent="Postfix postscreen_denylist_action drop (521)",
        validator=_is_answer,
    )
    hold: float = setting(
        5.0,
        unit="seconds",
        why="So long a blocked peer waits before it hears that and is closed: one that comes back at once is a flood. 0: no wait.",
        precedent="Postfix postscreen_greet_wait 6 seconds; spamd of OpenBSD answers octet by octet",
        validator=at_least(0),
    )
    held: int = setting(
        2000,
        unit="connections",
        why="So many wait at a time, and no more than a fourth of the descriptors; all others hear it at once.",
        precedent="spamd -B 800",
        validator=at_least(0),
    )
    text: str = setting(
        "No SMTP service for {address}: it is blocked; if you think that is wrong, tell our postmaster the id {id}",
        unit="",
        why="Of that line, in ASCII; {id} is filled in (`twistedmx why` takes it), and {address}.",
        precedent="Postfix smtpd_reject_footer",
        validator=_is_text,
    )

    def __attrs_post_init__(self) -> None:
        if self.longest < self.first:
            raise ValueError(f"longest ({self.longest:g}) must be as long as first ({self.first:g}), or longer")

    def seconds(self, relapse: int) -> float:
        """How long the block after so many others lasts."""
        try:
            return float(min(self.first * self.factor**relapse, self.longest))
        except OverflowError:
            return self.longest

    def text_for(self, id_: str, address: str) -> str:
        """What a peer reads. `address`: of the peer, or of the network."""
        return self.text.replace("{address}", address).replace("{id}", id_)
