"""What a worker says of its sessions, and what limit it hears: JSON. Every reader raises ValueError for what is none."""

from typing import Any, Final

import attrs

from twistedmx.service.workers.block_words import count_heard, number_heard

MOST: Final = 2**40
_KINDS: Final = 100  # of who waits, or was refused
_WORD: Final = 100  # characters of such a kind


@attrs.frozen(kw_only=True)
class Demand:
    """Of a worker. `strangers`, `proven`: sessions that have places; `heard_out`: those that have none (`Admission.heard_out`);
    `left`: descriptors (`Door.left`). `used`: places of strangers in use at once, at the most, since this was said last; `missed`:
    how many found none since then; `queued`: how many wait for one.
    `lag`: seconds that its loop is late; None: not known.

    For the operator: `waiting` in the anteroom, by record; `may_go`; `refused` since its start, by why; `displaced`.
    """

    strangers: int = 0
    proven: int = 0
    heard_out: int = 0
    left: int = 0
    used: int = 0
    missed: int = 0
    queued: int = 0
    lag: float | None = None
    may_go: int = 0
    displaced: int = 0
    waiting: dict[str, int] = attrs.Factory(dict)
    refused: dict[str, int] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class Limit:
    """Of strangers' sessions: `part` is the worker's, of `whole`. `kept`: descriptors that strangers leave alone there, of those of
    all. `under_load`: limits under load hold."""

    part: int
    whole: int
    kept: int
    under_load: bool


_NAMES: Final = frozenset(field.name for field in attrs.fields(Demand))


def said_demand(demand: Demand) -> dict[str, Any]:
    """As JSON."""
    return attrs.asdict(demand)


def demand_heard(said: Any) -> Demand:
    """As `said_demand`."""
    if not isinstance(said, dict) or set(said) != _NAMES:
        raise ValueError(f"it is no object with {', '.join(sorted(_NAMES))}")
    words: dict[str, Any] = {}
    for name, value in said.items():
        if name == "lag":
            words[name] = None if value is None else max(number_heard(value), 0.0)
        elif name == "left":
            words[name] = -count_heard(-value, MOST) if type(value) is int and value < 0 else count_heard(value, MOST)
        elif name in ("waiting", "refused"):
            words[name] = _counts(value)
        else:
            words[name] = count_heard(value, MOST)
    return Demand(**words)


def said_limit(limit: Limit) -> dict[str, Any]:
    """As JSON."""
    return attrs.asdict(limit)


def limit_heard(said: Any) -> Limit:
    """As `said_limit`."""
    if (
        not isinstance(said, dict)
        or set(said) != {"part", "whole", "kept", "under_load"}
        or type(said["under_load"]) is not bool
    ):
        raise ValueError("it is no object with part, whole, kept and under_load")
    part, whole = count_heard(said["part"], MOST), count_heard(said["whole"], MOST)
    if part > whole:
        raise ValueError(f"{part} is no part of {whole}")
    return Limit(part=part, whole=whole, kept=count_heard(said["kept"], MOST), under_load=said["under_load"])


def _counts(said: Any) -> dict[str, int]:
    if (
        not isinstance(said, dict)
        or len(said) > _KINDS
        or any(type(one) is not str or len(one) > _WORD for one in said)
    ):
        raise ValueError("they are no counts by kind")
    return {kind: count_heard(number, MOST) for kind, number in said.items()}
