"""Settings of what is noticed over all peers: domains under attack, and flooded addresses."""

from typing import Any

import attrs

from twistedmx.setting import at_least, setting


def _is_share(instance: Any, attribute: Any, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"must be above 0 and at most 1, is {value}")


@attrs.frozen(kw_only=True)
class AttackSettings:
    """Settings `[attacks]`. Marks, where something begins; what they set off has limits of its own."""

    names: int = setting(
        60,
        unit="names a minute",
        why="So many different unknown names of a domain in a minute, over all peers but those of good record, and it is under "
        "attack, if they are `ratio` times those that exist. 0: none ever is.",
        precedent="none: peers count for each client alone, and a botnet has thousands",
        validator=at_least(0),
    )
    ratio: float = setting(
        2.0,
        unit="unknown names for each known one",
        why="Fewer are what dead addresses of a large domain bring every day; a small one has few known ones, and `names` decides.",
        precedent="Exim's example: more than half of the recipients failed",
        validator=at_least(0),
    )
    tries: int = setting(
        60,
        unit="tries a minute",
        why="One unknown address, or one not ours, refused so often in a minute over all peers is flooded. 0: none ever is.",
        precedent="none: peers count for each client alone",
        validator=at_least(0),
    )
    leave: float = setting(
        0.7,
        unit="",
        why="What is under attack, or flooded, stays so while it has this share of what made it so.",
        precedent="Postfix postscreen: stress begins at 90 % of the connections, ends at 70 %",
        validator=_is_share,
    )
    calm: float = setting(
        300.0,
        unit="seconds",
        why="Below that share for so long, and it is over: botnets come in waves.",
        precedent="Postfix keeps its stress mode for 1000 seconds",
        validator=at_least(0),
    )
    domains: int = setting(
        1000,
        unit="domains",
        why="So many own domains with unknown names in the last minute are watched, 100 KB each at the very most; the one that was "
        "asked for longest ago goes, one under attack never does.",
        validator=at_least(1),
    )
    addresses: int = setting(
        100,
        unit="addresses",
        why="So many are flooded at a time; of each one line a minute is in the log. What comes then is refused as any other.",
        validator=at_least(1),
    )
    recent: int = setting(
        50,
        unit="attacks",
        why="So many attacks that are over, and so many floods, are remembered for `twistedmx attacks`.",
        validator=at_least(0),
    )
