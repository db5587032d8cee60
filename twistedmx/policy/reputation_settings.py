"""Settings of the reputation: what is a good record, what condemns, and how much is remembered."""

from collections.abc import Callable
from typing import Any, Final

import attrs

from twistedmx.setting import at_least, setting

MOST_SESSIONS: Final = 200  # of one host, whose times are kept
MOST_HOSTS: Final = 32  # of one network, that are named


def _between(least: float, most: float) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if not least <= value <= most:
            raise ValueError(f"must be {least} to {most}, is {value}")

    return check


@attrs.frozen(kw_only=True)
class ReputationSettings:
    """Settings `[reputation]`."""

    condemned_after: int = setting(
        3,
        unit="sessions",
        why="So many sessions of a host hung up on for their conduct within `within`, and one more for each message accepted "
        "of it lately: it is blocked, unless it is proven. 0: never.",
        precedent="fail2ban maxretry 5; Stalwart bans after 35 bad recipients a day",
        validator=_between(0, MOST_SESSIONS),
    )
    within: float = setting(
        3600.0,
        unit="seconds",
        why="What was longer ago counts no more for that.",
        precedent="fail2ban findtime 10 minutes",
        validator=at_least(1),
    )
    networks_after: int = setting(
        5,
        unit="hosts",
        why="So many hosts of a /24 or /48 hung up on within `networks_within`, none of good record, and no mail from the others: "
        "it is blocked. 0: never.",
        precedent="csf LF_NETBLOCK_COUNT 4, within 1 day, off by default",
        validator=_between(0, MOST_HOSTS),
    )
    prefixes_after: int = setting(
        0,
        unit="networks",
        why="The same for a prefix as it is announced, where that is known: so many of its /24s or /48s. 0: never.",
        precedent="none",
        validator=_between(0, MOST_HOSTS),
    )
    networks_within: float = setting(
        604_800.0,
        unit="seconds",
        why="What was longer ago (7 days) counts no more for networks and prefixes: neither hosts hung up on, nor mail.",
        precedent="csf LF_NETBLOCK_INTERVAL 1 day, 7 at most",
        validator=at_least(1),
    )
    private: bool = setting(
        False,
        unit="",
        why="Whether hosts of private addresses are condemned as well: behind one a network, or a proxy of containers, may hide.",
    )
    shadow: bool = setting(
        False,
        unit="",
        why="Tell who would be blocked for its conduct, in the log and in a counter, and block nobody.",
        precedent="Postfix soft_bounce, warn_if_reject; Exim warn",
    )
    half_life: float = setting(
        604_800.0,
        unit="seconds",
        why="Good and bad counts are halved in so long (7 days).",
        precedent="rspamd reputation forgets after 10 days, Haraka karma after 60",
        validator=at_least(60),
    )
    proven_days: int = setting(
        2,
        unit="days",
        why="Messages accepted on so many different days prove a host: a bot is rarely at the same address tomorrow.",
        precedent="OpenBSD spamd and greylists: a second try; Haraka karma 5 connections",
        validator=_between(1, 255),
    )
    proven_messages: int = setting(
        20,
        unit="messages",
        why="So many accepted lately, the first and the last `proven_span` apart, prove it as well.",
        precedent="rspamd reputation 10 messages",
        validator=at_least(1),
    )
    proven_span: float = setting(
        21_600.0,
        unit="seconds",
        why="See `proven_messages` (6 hours): a burst proves nothing.",
        precedent="OpenBSD spamd greyexp 4 hours",
        validator=at_least(0),
    )
    proven_share: float = setting(
        0.5,
        unit="",
        why="The share of messages accepted, among them and bad sessions, that a proven host has at least.",
        precedent="Exim's example: more than half of the recipients; Haraka karma: good minus bad",
        validator=_between(0.01, 1),
    )
    proven_for: float = setting(
        3_110_400.0,
        unit="seconds",
        why="A host of which nothing was accepted for so long (36 days) is proven no more; who writes once a month stays.",
        precedent="OpenBSD spamd whiteexp 36 days; Postfix postscreen_cache_retention_time 7 days",
        validator=at_least(1),
    )
    proven: int = setting(
        100_000,
        unit="hosts",
        why="So many proven hosts are remembered, some 350 octets each; the one heard of longest ago goes first.",
        validator=at_least(1),
    )
    strangers: int = setting(
        200_000,
        unit="hosts",
        why="So many others, in a table of their own: however many come, they push out each other.",
        validator=at_least(1),
    )
    allocation: int = setting(
        10_000,
        unit="hosts",
        why="So many strangers of one IPv6 /32, which one holder has: he shall not fill the table alone.",
        precedent="mox counts /32, /48 and /64 apart",
        validator=at_least(1),
    )
    networks: int = setting(
        50_000,
        unit="networks",
        why="So many networks that mail came from, and as many others, some 400 octets each.",
        validator=at_least(1),
    )
    forget: float = setting(
        7_776_000.0,
        unit="seconds",
        why="Who was not heard of for so long (90 days) is forgotten.",
        precedent="Haraka karma expire_days 60",
        validator=at_least(3600),
    )
    save: float = setting(
        5.0,
        unit="seconds",
        why="What has changed is written to `[store] file` this often: a power cut loses so much, and no entry of the blocklist.",
        precedent="Redis appendfsync everysec",
        validator=at_least(0.1),
    )
