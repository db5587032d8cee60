"""A result: every run of every case and peer, as JSON keeps it, and the medians of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.fault import CannotMeasure

VERSION = 1
_WORST = {
    "failed",
    "calm_failed",
    "strangers_failed",
    "hogs_failed",
    "again_hogs_failed",
    "known_hogs_failed",
    "after_failed",
    "onset_failed",
    "attack_failed",
    "flood_failed",
    "tls_failed",
}  # of all runs the most: two good ones do not undo a failure
# {"version", "at", "command", "machine": {}, "peers": {name: {}}, "runs": [{case, peer, run, calibration, values: {}}],
#  "skipped": [{case, peer, why}]}
Result = dict[str, Any]


def medians(result: Result) -> dict[str, dict[str, dict[str, float]]]:
    """Case -> peer -> field -> median of its runs, of failures the most. `ratio`: CPU beside the calibration of the same run, where
    a case has a figure of CPU."""
    gathered: dict[str, dict[str, dict[str, list[float]]]] = {}
    for run in result["runs"]:
        fields = gathered.setdefault(run["case"], {}).setdefault(run["peer"], {})
        values = dict(flat(run["values"]))
        if "cpu" in values:
            values["ratio"] = values["cpu"] / run["calibration"]
        for key, value in values.items():
            fields.setdefault(key, []).append(value)
    return {
        case: {
            peer: {key: max(values) if key in _WORST else median(values) for key, values in fields.items()}
            for peer, fields in peers.items()
        }
        for case, peers in gathered.items()
    }


def flat(values: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Numbers, those of inner objects as outer_inner. Words and lists are left out."""
    found: list[tuple[str, float]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += [(f"{key}_{inner}", number) for inner, number in value.items()]
        elif isinstance(value, int | float):
            found.append((key, value))
    return found


def read(path: str) -> Result:
    """Raises CannotMeasure."""
    try:
        result: Result = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise CannotMeasure(f"{path}: is no result: {error}; write one with --json") from None
    if not isinstance(result, dict) or result.get("version") != VERSION:
        raise CannotMeasure(f"{path}: is no result of this version; write one with --json")
    return result


def calls(result: Result) -> list[dict[str, Any]]:
    """Of `python -m benchmarks`: "command", "at" and "cases" of each."""
    own = {"command": result["command"], "at": result["at"], "cases": sorted({run["case"] for run in result["runs"]})}
    return result.get("calls") or [own]


def joined(results: list[Result]) -> Result:
    """Several results of one machine as one: runs and calls of them all, machine and time of the first.

    Raises CannotMeasure where two have the same case of one server: a median is that of one call.
    """
    first = dict(results[0])
    seen: set[tuple[str, str]] = set()
    for result in results:
        measured = {(run["case"], run["peer"]) for run in result["runs"]}
        if again := seen & measured:
            case, peer = min(again)
            raise CannotMeasure(f"{case} of {peer}: is in two results; leave one of them out")
        seen |= measured
    first["calls"] = [call for result in results for call in calls(result)]
    first["peers"] = {name: peer for result in results for name, peer in result["peers"].items()}
    first["runs"] = [run for result in results for run in result["runs"]]
    first["skipped"] = [skipped for result in results for skipped in result["skipped"]]
    return first
