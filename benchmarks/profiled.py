"""Where the time of ours goes under one case: cProfile around twistd's reactor. Its figures are shares: the profiler itself
triples the cost of small functions, and hides that of system calls beside them."""

import argparse
import os
import pstats
import re
from pathlib import Path

from benchmarks.fault import CannotMeasure
from benchmarks.peers.peer import Place, free_port
from benchmarks.peers.twistedmx import Twistedmx
from benchmarks.scenarios import measure

_ROWS = 40


class _Profiled(Twistedmx):
    twistd_words = ("--profile=profile", "--profiler=cprofile", "--savestats")


def show(chosen: argparse.Namespace, folder: Path, *, certificate: Path, key: Path, cores: tuple[int, int]) -> int:
    """Run the first of the chosen cases, and print the functions that cost most by themselves. Raises CannotMeasure."""
    case, server = chosen.cases[0], _Profiled()
    place = Place(
        folder=folder,
        port=free_port(),
        certificate=certificate,
        key=key,
        cores=cores[:1],
        default_limits=case.default_limits,
        settings=case.settings,
    )
    running = server.start(place)
    try:
        measure(case, server, running.group, place.port, core=cores[1], quick=chosen.quick)
    finally:
        running.stop()
    found = folder / "profile"
    if not found.exists():
        raise CannotMeasure(f"twistd wrote no profile:\n{running.words()}")
    stats = pstats.Stats(os.fspath(found))
    print(table(stats, case.title))
    return 0


def table(stats: pstats.Stats, title: str) -> str:
    """Share of the time in the function itself, in it and all that it calls, calls, microseconds a call by itself, name."""
    total = stats.total_tt  # type: ignore[attr-defined]
    by_cost = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    lines = [title, f"{'itself':>7} {'in all':>7} {'calls':>10} {'us each':>8}  function"]
    for (file, line, name), (_, calls, own, below, _) in by_cost[:_ROWS]:
        where = re.sub(r"^.*/(twistedmx|twisted|site-packages|python3\.\d+)/", r"\1/", file)
        place = f"{where}:{line} {name}" if line else name
        lines.append(f"{own / total:7.1%} {below / total:7.1%} {calls:10,} {own / calls * 1e6:8.2f}  {place}")
    return "\n".join(lines)
