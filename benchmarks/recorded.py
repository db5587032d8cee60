"""Are we slower than we were? CPU per operation beside the calibration loop, compared with benchmarks/recorded.json.

The ratio is nearly that of the machine's Python to its kernel, and so it may be compared across machines, with a wide margin.
"""

import json
from pathlib import Path

from benchmarks.results import Result, medians

FILE = Path(__file__).with_name("recorded.json")
_MARGIN = 1.25
_OURS = "twistedmx"


def write(result: Result, file: Path = FILE) -> None:
    """What was measured of ours is what later runs are compared with. Cases that were not measured keep their figure."""
    kept = _read(file)
    kept |= {
        case: round(peers[_OURS]["ratio"], 6)
        for case, peers in medians(result).items()
        if "ratio" in peers.get(_OURS, {})
    }
    file.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


def slower(result: Result, file: Path = FILE) -> list[str]:
    """A line for each case that costs more than it did, beyond the margin, or that was never recorded."""
    known = _read(file)
    found = []
    for case, peers in medians(result).items():
        if "ratio" not in peers.get(_OURS, {}):
            continue  # not measured, or a case whose figure is not CPU
        ratio = peers[_OURS]["ratio"]
        if case not in known:
            found.append(f"{case}: nothing recorded; --record does it")
        elif ratio > known[case] * _MARGIN:
            found.append(
                f"{case}: {ratio / known[case] - 1:.0%} more CPU than recorded (ratio {ratio:.4f}, was {known[case]:.4f})"
            )
    return found


def _read(file: Path) -> dict[str, float]:
    try:
        kept: dict[str, float] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    return kept
