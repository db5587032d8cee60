"""What a legitimate sender waits for: in calm, in the first minute of an attack, while that goes on; of one start of the server.

In the first seconds no server can know yet who attacks: they are in the first minute, and how much of a p99 they are depends on
how long that is.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.load import Load, Sender
from benchmarks.peers.peer import ADDRESSED, DOMAIN

_PATIENCE: Final = 30  # seconds for a transaction; RFC 5321 4.5.3.2 lets clients wait longer, but nobody likes to
_START: Final = 30.0  # seconds for a program of ours
_RAMP: Final = 30.0  # seconds in which attackers connect, and wait for one another
_WARM: Final = 20  # transactions before the calm is measured
_PHASES: Final = ("calm", "onset", "attack")
_STEPS: Final = ("greeting", "ehlo", "mail", "rcpt", "data", "content", "quit")


def measure(options: Mapping[str, Any], group: Group, *, core: int) -> dict[str, Any]:
    """One run. `options`: of the attack (load.c), and of the sender `rate`, `count` and `onset` (transactions of a phase). Raises
    CannotMeasure."""
    attack = {**options, "ramp": _RAMP}
    rate, count, onset = attack.pop("rate"), attack.pop("count"), attack.pop("onset")
    sender = {"port": attack["port"], "domain": DOMAIN, "users": ADDRESSED, "patience": _PATIENCE, "rate": rate}
    warm = _sent({**sender, "count": _WARM}, core=core)
    if warm["failed"]:
        raise CannotMeasure(f"in calm, {warm['failed']} of {_WARM} transactions failed: {warm['failure']}")
    calm = _sent({**sender, "count": count, "first": _WARM}, core=core)
    with Load("attack", attack, core=core) as load:
        load.wait_for("ready", seconds=_RAMP + _START)
        load.go_on()
        load.wait_for("begin", seconds=_START)
        cpu, began = group.cpu(), time.monotonic()
        begun = _sent({**sender, "count": onset, "first": _WARM + count}, core=core)
        attacked = _sent({**sender, "count": count, "first": _WARM + count + onset}, core=core)
        cpu, wall = group.cpu() - cpu, time.monotonic() - began
        load.go_on()
        told = load.wait_for("end", seconds=_START)
    if not told["refused"] + told["turned_away"] + told["hung_up"]:
        raise CannotMeasure("no attacker was answered")
    return figures(calm, begun, attacked, told) | {"busy": cpu / wall}


def figures(
    calm: Mapping[str, Any], begun: Mapping[str, Any], attacked: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """What is kept of a run. `calm`, `begun`, `attacked`: told by the sender of each phase; `told`: by the attackers."""
    seconds = told["seconds"]
    phases = dict(zip(_PHASES, (calm, begun, attacked), strict=True))
    times = {
        f"{phase}{step and '_' + step}_us": sent[f"{step or 'transaction'}_us"]
        for phase, sent in phases.items()
        for step in ("", *_STEPS)
    }
    return {
        "factor": attacked["transaction_us"]["p99"] / calm["transaction_us"]["p99"],
        "onset_factor": begun["transaction_us"]["p99"] / calm["transaction_us"]["p99"],
        "failed": sum(sent["failed"] for sent in phases.values()),
        **{f"{phase}_failed": sent["failed"] for phase, sent in phases.items()},
        "sent": sum(sent["count"] for sent in phases.values()),
        "rate": told["refused"] / seconds,
        "commands_rate": told["answered"] / seconds,
        "connections_rate": told["connections"] / seconds,
        "turned_away_rate": told["turned_away"] / seconds,
        "hung_up_rate": told["hung_up"] / seconds,
        "late_us": max(sent["late_us"] for sent in phases.values()),
        "fifo": min(sent["fifo"] for sent in phases.values()),
        "failure": calm["failure"] or begun["failure"] or attacked["failure"],
        **times,
    }


def words(values: Mapping[str, Any]) -> str:
    """Of one run, as it goes on."""
    calm, onset, attack = (values[f"{phase}_us"]["p99"] / 1000 for phase in _PHASES)
    failed = f"{values['failed']:,} of {values['sent']:,} failed"
    first = f" ({values['failure']})" if values["failure"] else ""
    shown = (
        f"{calm:.1f} ms in calm, {onset:.1f} ms in the first minute of an attack ({values['onset_factor']:.1f} x), "
        f"{attack:.1f} ms later ({values['factor']:.1f} x)"
    )
    return f"p99 {shown}, {failed}{first}"


def _sent(options: Mapping[str, Any], *, core: int) -> dict[str, Any]:
    with Sender(options, core=core) as sender:
        sender.wait_for("ready", seconds=_START)
        sender.go_on()
        return sender.wait_for("end", seconds=options["count"] / options["rate"] + _PATIENCE + _START)
