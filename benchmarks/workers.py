"""One server of one process and of several (`workers`): whether sharing costs anything, and how even it is."""

from collections.abc import Mapping
from typing import Any, Final

from benchmarks.targets import OURS

PEERS: Final = (OURS, "twistedmx-2-workers", "twistedmx-4-workers")


def spread(status: Mapping[str, Any]) -> float:
    """Sessions of the worker who has most, to those of the one who has least (as one, where it has none). Of one process 1."""
    sessions = [worker["sessions"] or 0 for worker in status.get("workers", ())]
    return max(sessions) / max(1, min(sessions)) if sessions else 1.0


def words(values: Mapping[str, Any], unit: str) -> str:
    """Of one run, as it goes on."""
    shown = f"{values['rate']:,.0f} {unit}, {values['cpu']:.4f} CPU-s per 1000"
    turns = "" if values["long_turns"] else "; in the scheduler's own turns"
    return f"{shown}; who has most has {values['spread']:.1f} x the sessions of who has least{turns}"
