"""Settings `[governor]`: how many sessions there may be at a time, and what becomes of who finds no place."""

from typing import Any, Final

import attrs

from twistedmx.policy.returns import FORGOTTEN
from twistedmx.policy.words import spoken_at_the_door
from twistedmx.setting import at_least, setting

OVER: Final = ("wait", "refuse", "queue")
LEVELS: Final = 3  # host, network, and the wider network


def _is_over(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if value not in OVER:
        raise ValueError(f"must be one of {', '.join(OVER)}, is {value!r}")


def _are_shares(instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[float, ...]) -> None:
    if len(value) != LEVELS or any(not 0 < one <= 1 for one in value) or list(value) != sorted(value):
        raise ValueError(
            "must be three numbers above 0 and at most 1, the wider network's not the smaller, "
            f"as [0.2, 0.4, 0.6], is {list(value)!r}"
        )


def _is_remembered(instance: Any, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if not 0 <= value < FORGOTTEN:
        raise ValueError(
            f"must be 0 or more, and below {FORGOTTEN}, when it is forgotten who was told so, is {value:g}"
        )


def _are_places(instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[int, ...]) -> None:
    if len(value) != LEVELS or any(one < 1 for one in value):
        raise ValueError(f"must be three numbers of 1 or more, as [20, 40, 80], is {list(value)!r}")


@attrs.frozen(kw_only=True)
class GovernorSettings:
    """The limit is of strangers; hosts of good record have places beyond it."""

    start: int = setting(
        140,
        unit="sessions of strangers",
        why="Where the limit begins, and to which it comes back when it is not used. Beyond three times this it rises no faster.",
        precedent="Postfix default_process_limit 100, qmail's tcpserver -c 40",
        validator=at_least(1),
    )
    floor: int = setting(
        100,
        unit="sessions of strangers",
        why="The limit never falls below this, however loaded the machine is.",
        precedent="none",
        validator=at_least(1),
    )
    ceiling: int = setting(
        0,
        unit="sessions of strangers",
        why="The limit never rises above this, and there are never more sessions. 0: as far as file descriptors go.",
        precedent="Postfix default_process_limit 100, Exim smtp_accept_max 20",
        validator=at_least(0),
    )
    heard_out: int = setting(
        1000,
        unit="sessions of strangers",
        why="Beyond the limit, until they name a recipient or fail; a fourth of the descriptors at most. 0: nobody is.",
        precedent="Postfix postscreen, before smtpd: postscreen_pre_queue_limit, as default_process_limit",
        validator=at_least(0),
    )
    growth: float = setting(
        1.0,
        unit="of the limit, a second",
        why="So fast it rises while places are wanted and there is nothing to do; less, the nearer the load is to its target.",
        precedent="TCP's slow start doubles each round trip",
        validator=at_least(0.001),
    )
    kept: int = setting(
        200,
        unit="sessions",
        why="File descriptors that strangers leave for hosts of good record; a fourth of all at most.",
        precedent="Exim smtp_accept_reserve",
        validator=at_least(0),
    )
    shares: tuple[float, ...] = setting(
        (0.2, 0.4, 0.6),
        unit="of the limit, for a host, a network and a wider one",
        why="That IPv4 /32, /26 and /21, IPv6 /64, /48 and /32 may have; four times by mail; [blocklist] never has no share.",
        precedent="mox 30, 90 and 270 connections a minute; Postfix smtpd_client_connection_count_limit 50 of 100",
        validator=_are_shares,
    )
    least: tuple[int, ...] = setting(
        (20, 40, 80),
        unit="sessions, for a host, a network and a wider one",
        why="That they may always have, so far as there are places, however small their shares are.",
        precedent="Exim smtp_accept_max_per_host",
        validator=_are_places,
    )
    comings: int = setting(
        20,
        unit="connections of a host in ten seconds",
        why="A host of which no mail is known waits for its session from then on, as one that was hung up on. 0: never.",
        precedent="Postfix smtpd_client_connection_rate_limit, none by default; mox 300 a minute",
        validator=at_least(0),
    )
    over: str = setting(
        "wait",
        unit="",
        why='Who finds no place: "wait", up to `patience`, then 421; "refuse": 421; "queue": nobody is accepted meanwhile.',
        precedent="Postfix: the accept queue; Exim smtp_accept_max: 421",
        validator=_is_over,
    )
    patience: float = setting(
        20.0,
        unit="seconds",
        why="So long one waits for a place at most, in a connection that is accepted and not greeted.",
        precedent="RFC 5321 4.5.3.2.1: clients wait 5 minutes",
        validator=at_least(0),
    )
    comes_again: float = setting(
        240.0,
        unit="seconds",
        why="Who heard 421 for want of a place, and comes again after so long, goes before others that are not known. 0: not.",
        precedent="postgrey --delay 300, of everybody; Postfix and qmail try again after 300 and 400",
        validator=_is_remembered,
    )
    idle: float = setting(
        10.0,
        unit="seconds",
        why="While strangers wait, or are heard out, one silent for so long who has sent no mail hears 421. 0: never.",
        precedent="Postfix smtpd_timeout under stress 10 s",
        validator=at_least(0),
    )
    words: str = spoken_at_the_door(
        "Too many sessions just now; try again shortly", "What is said to who finds no place, in ASCII"
    )
    share_words: str = spoken_at_the_door(
        "Too many sessions from your network; end some, then try again",
        "What is said where a share is used up, in ASCII",
    )
