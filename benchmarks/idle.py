"""What sessions cost that say nothing, and what a host of good record waits for meanwhile."""

import math
import resource
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.load import Load, Sender
from benchmarks.peers.peer import ADDRESSED, DOMAIN

_LONG: Final = 900.0  # seconds that all sessions may take to begin
_START: Final = 30.0  # seconds for a program of ours
# Descriptors of a server, and of the load, for something else than sessions: ours leaves 1,000 for files, and 200 for hosts of
# good record.
SPARE: Final = 1500
_NEARLY: Final = 1.01  # the limit may be what was asked for: then some sessions less are held
_PATIENCE: Final = 30


def measure(options: Mapping[str, Any], group: Group, *, core: int, workers: int = 1) -> dict[str, Any]:
    """One run. `options`: of load.c; with `known` and `rate`, so many hosts that have sent a message before do it again while the
    sessions are there, so many in a second. `workers`: processes of the server that have sessions. Raises CannotMeasure."""
    held_options = dict(options)
    known, rate = held_options.pop("known", 0), held_options.pop("rate", 0)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if held_options["connections"] > _NEARLY * limit * workers:
        raise CannotMeasure(
            f"so many sessions need more than {limit * workers:,} descriptors: raise ulimit -Hn, or start it as root"
        )
    sender = {
        "port": options["port"],
        "domain": DOMAIN,
        "users": ADDRESSED,
        "patience": _PATIENCE,
        "rate": rate,
        "count": known,
    }
    calm = [_sent(sender, core=core) for _ in range(2)] if known else []  # the first time they are strangers
    with Load(
        "idle", {**held_options, "connections": 1}, core=core
    ) as load:  # what the first session costs is not theirs
        load.wait_for("ready", seconds=_LONG)
    time.sleep(0.5)
    base, cpu = group.pss(), group.cpu()
    with ExitStack() as stack:
        told = []
        for first, number in parts(held_options["connections"], limit=limit, workers=workers):
            one = {**held_options, "first": first, "connections": number}
            load = stack.enter_context(Load("idle", one, core=core))
            told.append(load.wait_for("ready", seconds=_LONG))
        ramp_cpu = group.cpu() - cpu
        time.sleep(1)
        idle_cpu, held = group.cpu(), group.pss()
        time.sleep(1)
        idle_cpu = group.cpu() - idle_cpu
        processes = len(group.pids())
        met = _sent(sender, core=core) if known else {}
    sessions = sum(one["connections"] for one in told)
    values = {
        "kb_per_session": (held - base) / sessions / 1000,
        "pss": held,
        "base_pss": base,
        "processes": processes,
        "sessions": sessions,
        "rate": sessions / sum(one["ramp_seconds"] for one in told),
        "cpu": ramp_cpu / sessions * 1000,
        "idle_cpu": idle_cpu,
    }
    if met:
        values |= {
            "calm_greeting_us": calm[-1]["greeting_us"],
            "greeting_us": met["greeting_us"],
            "transaction_us": met["transaction_us"],
            "failed": met["failed"],
            "failure": met["failure"],
        }
    return values


def parts(sessions: int, *, limit: int, workers: int) -> list[tuple[int, int]]:
    """The number of the first session and how many there are, of each program of load: as many as one process has descriptors for,
    at most. `limit`: of these."""
    each = max(1, limit - SPARE)
    sessions = min(sessions, each * workers)
    number = math.ceil(sessions / math.ceil(sessions / each))
    return [(first, min(number, sessions - first)) for first in range(0, sessions, number)]


def words(values: Mapping[str, Any]) -> str:
    """Of one run, as it goes on."""
    shown = f"{values['kb_per_session']:.2f} KB a session, {values['sessions']:,} held"
    if "greeting_us" not in values:
        return shown
    greeting = values["greeting_us"]["p99"] / 1000
    first = f" ({values['failure']})" if values["failure"] else ""
    return f"{shown}, greeting p99 {greeting:.1f} ms, {values['failed']:,} transactions failed{first}"


def _sent(options: Mapping[str, Any], *, core: int) -> dict[str, Any]:
    with Sender(options, core=core) as sender:
        sender.wait_for("ready", seconds=_START)
        sender.go_on()
        return sender.wait_for("end", seconds=options["count"] / options["rate"] + _PATIENCE + _START)
