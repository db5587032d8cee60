"""What counts as passed: thresholds.toml beside this file, and what an operator's file says otherwise."""

import os
from collections.abc import Mapping
from typing import Any, Final

import attrs

from twistedmx.setting import at_least, setting
from twistedmx.settings.toml_file import read_as, read_document

_SHIPPED: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "thresholds.toml")


def _is_share(instance: Any, attribute: Any, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"must be between 0 and 1, is {value}")


@attrs.frozen(kw_only=True)
class Thresholds:
    """Of one siege. All must be said in the shipped file, so that it can be read as a whole."""

    legitimate_failures: int = setting(
        attrs.NOTHING, unit="transactions", why="So many of the legitimate sender's may fail.", validator=at_least(0)
    )
    p99_factor: float = setting(
        attrs.NOTHING, unit="", why="p99 under attack may be so many times that of the calm.", validator=at_least(1)
    )
    p99_floor: float = setting(
        attrs.NOTHING, unit="milliseconds", why="p99 under attack may always be as much.", validator=at_least(0)
    )
    unknown_accepted: int = setting(
        attrs.NOTHING, unit="recipients", why="So many that are none may be answered 2yz.", validator=at_least(0)
    )
    unknown_deferred: int = setting(
        attrs.NOTHING,
        unit="recipients",
        why="So many that are none may be answered 4yz without a hang-up: many come back at once.",
        validator=at_least(0),
    )
    guesses_per_session: int = setting(
        attrs.NOTHING, unit="recipients", why="So many guesses may be answered in one session.", validator=at_least(0)
    )
    closed_share: float = setting(
        attrs.NOTHING,
        unit="",
        why="So many of the attackers' sessions that are over, 0 to 1, must the server have closed.",
        validator=_is_share,
    )
    resident_growth: int = setting(
        attrs.NOTHING, unit="octets", why="So much may the server's memory have grown.", validator=at_least(0)
    )
    connections: int = setting(
        attrs.NOTHING,
        unit="connections",
        why="So many must the attackers have had, or it was none.",
        validator=at_least(0),
    )


@attrs.frozen(kw_only=True)
class AllThresholds:
    """The file."""

    siege_1: Thresholds = attrs.field(metadata={"why": "RSET dictionary."})
    siege_2: Thresholds = attrs.field(metadata={"why": "Bot posse."})
    siege_3: Thresholds = attrs.field(metadata={"why": "Backscatter flood."})

    def of(self, siege: int) -> Thresholds:
        """By its number."""
        found: Thresholds = getattr(self, f"siege_{siege}")
        return found


def read_thresholds(path: str | None = None) -> AllThresholds:
    """`path`: of a file that says otherwise; it may say little. Raises settings.BadSettings with all its faults."""
    document = read_document(_SHIPPED)
    if path is not None:
        document = _over(document, read_document(path))
    return read_as(AllThresholds, document, path or _SHIPPED)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above`, and of `below` what is not in it."""
    merged = {**below, **above}
    for name, value in below.items():
        if isinstance(value, Mapping) and isinstance(above.get(name), Mapping):
            merged[name] = _over(value, above[name])
    return merged
