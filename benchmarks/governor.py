"""How the limit of sessions moves, and what mail waits for meanwhile: of one start of the server.

In calm; beside strangers who hold sessions; beside them and hogs; beside the strangers again when the hogs have ended. The server
is asked for its status each second. It stands as other programs do here, not before them: what others take from it is the question.

There are two senders. One is a new host each time; where it was put off it comes again, once, as a mail server would, but sooner.
The other is of hosts that have sent a message before.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.load import Sender
from benchmarks.others import Hogs, Strangers
from benchmarks.peers.peer import ADDRESSED, DOMAIN
from twistedmx.drill.plan import HOGS_EACH_CPU

PHASES: Final = ("calm", "strangers", "hogs", "after")
_PATIENCE: Final = 30  # seconds for a transaction
_START: Final = 30.0  # seconds for a program of ours
_WARM_RATE: Final = 50.0
_US: Final = 1_000_000
Ask = Callable[[], Mapping[str, Any]]
# Of a transaction: when it was begun, in seconds, and how many microseconds it took, -1 where it failed.
Sent = Sequence[Any]


def measure(options: Mapping[str, Any], group: Group, ask: Ask, *, core: int) -> dict[str, Any]:
    """One run. `options`: `connections` of the strangers; `rate` of each sender's transactions, seconds until one comes `again`,
    how many hosts are `known`; and the seconds of each phase. `ask`: gives the server's status, or raises CannotMeasure, which is
    a second without an answer. Raises CannotMeasure."""
    rate, again, hosts = options["rate"], options["again"], options["known"]
    lengths = {phase: options[phase] for phase in PHASES}
    number = HOGS_EACH_CPU * (os.cpu_count() or 1)
    sender = {"port": options["port"], "domain": DOMAIN, "users": ADDRESSED, "patience": _PATIENCE, "rate": rate}
    group.go_as_others()
    with ExitStack() as stack:
        strangers = stack.enter_context(Strangers(options["port"], options["connections"], core=core))
        warm = _begun(stack, {**sender, "count": hosts, "rate": _WARM_RATE}, core).wait_for("end", seconds=_START)
        if warm["failed"]:
            raise CannotMeasure(f"in calm, {warm['failed']} of {hosts} transactions failed: {warm['failure']}")
        sender |= {"count": round(sum(lengths.values()) * rate), "each": 1}
        sending = _begun(stack, {**sender, "first": hosts, "again": again}, core)
        known = _begun(stack, {**sender, "hosts": hosts}, core)
        began, cpu = time.monotonic(), group.cpu()
        looks: list[dict[str, Any] | None] = []
        for phase in PHASES:
            if phase == "strangers":
                strangers.come()
            if phase == "hogs":
                hogs = stack.enter_context(Hogs(number))
            if phase == "after":
                hogs.end()
            for _ in range(lengths[phase]):
                time.sleep(max(0.0, began + len(looks) + 1 - time.monotonic()))
                looks.append(look_at(ask))
        cpu, wall = group.cpu() - cpu, time.monotonic() - began
        told = sending.wait_for("end", seconds=_PATIENCE + again + _START)
        of_known = known.wait_for("end", seconds=_START)
        counts = strangers.go()
    sent = {"": in_time(told["each_us"], rate), "known_": in_time(of_known["each_us"], rate), "again_": told["again"]}
    return figures(looks, sent, lengths, wanted=options["connections"]) | {
        "hogs": number,
        "sessions": counts["most_open"],
        "visits": counts["connections"] / (len(looks) - lengths["calm"]),
        "turned_away": counts["turned_away"],
        "hung_up": counts["hung_up"],
        "busy": cpu / wall,
        "late_us": told["late_us"],
        "failure": told["failure"],
    }


def _begun(stack: ExitStack, options: Mapping[str, Any], core: int) -> Sender:
    sender = stack.enter_context(Sender(options, core=core))
    sender.wait_for("ready", seconds=_START)
    sender.go_on()
    return sender


def look_at(ask: Ask) -> dict[str, Any] | None:
    """What is kept of a status; None where there is no answer."""
    try:
        status = ask()
    except CannotMeasure:
        return None
    told = status["governor"]
    return {
        **{key: told[key] for key in ("limit", "why", "floor", "strangers", "proven")},
        "waiting": sum(told["waiting"].values()),
        **{key: told["vitals"][key] for key in ("load", "lag")},
    }


def figures(
    looks: Sequence[Mapping[str, Any] | None],
    sent: Mapping[str, Sequence[Sent]],
    lengths: Mapping[str, int],
    *,
    wanted: int,
) -> dict[str, Any]:
    """What is kept of a run. `looks`: one at the end of each second. `sent`: transactions, by what the names of their figures begin
    with; "": the first attempts of hosts that are new. `lengths`: of the phases, seconds. `wanted`: sessions of strangers. A limit
    that does not get somewhere within its phase is given the length of the phase. Raises CannotMeasure."""
    of_phase: dict[str, list[Mapping[str, Any] | None]] = {}
    mail: dict[str, Any] = {}
    begin = 0
    for phase, length in lengths.items():
        of_phase[phase] = list(looks[begin : begin + length])
        for name, each in sent.items():
            took = [one for at, one in each if begin <= at < begin + length]
            mail[f"{name}{phase}_us"] = _times(took)
            mail[f"{name}{phase}_failed"] = sum(one < 0 for one in took)
            mail[f"{name}{phase}_accepted"] = sum(one >= 0 for one in took)
        begin += length
    each = sent[""]
    limits = {phase: [look["limit"] for look in found if look] for phase, found in of_phase.items()}
    if not all(limits.values()):
        silent = next(phase for phase, found in limits.items() if not found)
        raise CannotMeasure(f"the server was not heard of in all of the phase {silent!r}")
    floor = next(look["floor"] for look in looks if look)
    calm_load = [look["load"] for look in of_phase["calm"] if look and look["load"] is not None]
    loads = [look["load"] for look in of_phase["hogs"] if look and look["load"] is not None]
    values: dict[str, Any] = {
        "begin_limit": limits["calm"][0],
        "most_limit": max(limits["strangers"]),
        "rise_seconds": _until(of_phase["strangers"], lambda limit: limit > wanted),
        "least_limit": min(limits["hogs"]),
        "fall_seconds": _until(of_phase["hogs"], lambda limit: limit <= floor),
        "back_seconds": _until(of_phase["after"], lambda limit: limit > wanted),
        "calm_load": sum(calm_load) / len(calm_load) if calm_load else 0.0,
        "most_load": max(loads, default=0.0),
        "most_waiting": max(look["waiting"] for look in looks if look),
        "unanswered": sum(look is None for look in looks),
        "failed": sum(took < 0 for _, took in each),
        "sent": len(each),
    }
    return values | mail | {"lengths": dict(lengths), "seconds": _seconds(looks, each)}


def in_time(each: Sequence[int], rate: float) -> list[tuple[float, int]]:
    """With when each began, so many in a second."""
    return [(number / rate, took) for number, took in enumerate(each)]


def _until(looks: Sequence[Mapping[str, Any] | None], there: Callable[[int], bool]) -> int:
    """Seconds from the beginning of the phase to the look at which the limit is there."""
    return next((n for n, look in enumerate(looks, 1) if look and there(look["limit"])), len(looks))


def _times(took: Sequence[int]) -> dict[str, int]:
    """Microseconds, nearest rank. What has failed counts as its patience, as everywhere. Of none: 0."""
    times = sorted(one if one >= 0 else _PATIENCE * _US for one in took) or [0]
    rank = {percent: times[(percent * len(times) + 99) // 100 - 1] for percent in (50, 99)}
    return {"count": len(took), "p50": rank[50], "p99": rank[99], "max": times[-1]}


def _seconds(looks: Sequence[Mapping[str, Any] | None], each: Sequence[Sent]) -> list[dict[str, Any]]:
    """Of each second: what was seen at its end, the messages that were accepted in it, and the slowest of those that were begun in
    it, in milliseconds. Those that were accepted behind the last second are in none."""
    found: list[dict[str, Any]] = [{**(look or {}), "accepted": 0, "slowest_ms": 0.0} for look in looks]
    for due, took in each:
        over = due + (took if took >= 0 else _PATIENCE * _US) / _US
        slot = found[min(int(due), len(found) - 1)]
        slot["slowest_ms"] = max(slot["slowest_ms"], (over - due) * 1000)
        if took >= 0 and over < len(found):
            found[int(over)]["accepted"] += 1
    return found


def words(values: Mapping[str, Any]) -> str:
    """Of one run, as it goes on."""
    times = ", ".join(f"{values[f'{phase}_us']['p99'] / 1000:.1f}" for phase in PHASES)
    first = f" ({values['failure']})" if values["failure"] else ""
    return (
        f"limit {values['begin_limit']}, {values['most_limit']} at most ({values['rise_seconds']} s to all), "
        f"{values['least_limit']} beside {values['hogs']} hogs ({values['fall_seconds']} s to the floor), "
        f"{values['back_seconds']} s until it is back; p99 {times} ms in {', '.join(PHASES)}; "
        f"{values['failed']:,} of {values['sent']:,} failed{first}, beside hogs {values['again_hogs_failed']:,} of "
        f"{values['again_hogs_us']['count']:,} that came again and {values['known_hogs_failed']:,} of "
        f"{values['known_hogs_us']['count']:,} of known hosts; the load was {values['calm_load']:.1f} before"
    )
