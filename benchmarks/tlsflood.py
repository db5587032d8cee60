"""What a flood of TLS handshakes takes from those who have mail for us: of a sender in plain text, and of one who says STARTTLS.

What a handshake costs the server is measured before, in calm: so many connections with one and as many without, from few enough of
each host that nobody refuses them. Their difference, times the handshakes of the flood, is their share of the core; the rest is
what connections cost that come and go.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.load import Flood, Sender
from benchmarks.peers.peer import ADDRESSED, DOMAIN

_PATIENCE: Final = 30  # seconds for a transaction
_START: Final = 30.0  # seconds for a program of ours
_WARM: Final = 20  # transactions before the calm is measured
_UNDER_TLS: Final = 100_000  # number of the first transaction of that sender: his hosts are others
# To see what a handshake costs: hosts that take no part in the flood, and connections of all of them.
_SOME: Final = {"connections": 20, "first": 20_000, "total": 400}


def measure(options: Mapping[str, Any], group: Group, *, core: int) -> dict[str, Any]:
    """One run. `options`: of the flood `connections` and `handshake` (flood.c), of the senders `rate` and `count` (transactions of
    each, in calm and in the flood). Raises CannotMeasure."""
    port, count = options["port"], options["count"]
    sender = {"port": port, "domain": DOMAIN, "users": ADDRESSED, "patience": _PATIENCE, "rate": options["rate"]}
    for told in _sent(sender, _WARM, first=0, core=core):
        if told["failed"]:
            raise CannotMeasure(f"in calm, {told['failed']} of {_WARM} transactions failed: {told['failure']}")
    cost = _cost(port, options["handshake"], group, core=core)
    calm = _sent(sender, count, first=_WARM, core=core)
    flood = {"port": port, "connections": options["connections"], "handshake": options["handshake"]}
    with Flood(flood, core=core) as load:
        _begun(load)
        cpu, began = group.cpu(), time.monotonic()
        flooded = _sent(sender, count, first=_WARM + count, core=core)
        cpu, wall = group.cpu() - cpu, time.monotonic() - began
        load.go_on()
        told = load.wait_for("end", seconds=_START)
    if not told["connections"]:
        raise CannotMeasure("nobody of the flood was answered")
    return figures(calm, flooded, told, cost) | {"busy": cpu / wall}


def figures(
    calm: Sequence[Mapping[str, Any]], flooded: Sequence[Mapping[str, Any]], told: Mapping[str, Any], cost: float
) -> dict[str, Any]:
    """What is kept of a run. `calm`, `flooded`: told by the sender in plain text and by the other; `told`: by the flood. `cost`: of
    a handshake, in CPU seconds."""
    seconds = told["seconds"]
    everything = (*calm, *flooded)
    times = {
        f"{phase}{kind}_us": sent["transaction_us"]
        for phase, both in (("calm", calm), ("flood", flooded))
        for kind, sent in zip(("", "_tls"), both, strict=True)
    }
    return {
        "factor": flooded[0]["transaction_us"]["p99"] / calm[0]["transaction_us"]["p99"],
        "failed": sum(sent["failed"] for sent in everything),
        "flood_failed": flooded[0]["failed"],
        "tls_failed": flooded[1]["failed"],
        "tls_plain": flooded[1]["plain"] / flooded[1]["count"],
        "sent": sum(sent["count"] for sent in everything),
        "rate": told["handshakes"] / seconds,
        "refused_rate": told["refused"] / seconds,
        "connections_rate": told["connections"] / seconds,
        "turned_away_rate": told["turned_away"] / seconds,
        "hung_up_rate": told["hung_up"] / seconds,
        "cost_ms": cost * 1000,
        "share": cost * told["handshakes"] / seconds,
        "load_busy": told["own_cpu"] / seconds,
        "late_us": max(sent["late_us"] for sent in everything),
        "failure": next((sent["failure"] for sent in everything if sent["failure"]), ""),
        **times,
    }


def words(values: Mapping[str, Any]) -> str:
    """Of one run, as it goes on."""
    calm, flood = values["calm_us"]["p99"] / 1000, values["flood_us"]["p99"] / 1000
    first = f" ({values['failure']})" if values["failure"] else ""
    return (
        f"plain p99 {calm:.1f} ms in calm, {flood:.1f} ms in the flood; {values['failed']:,} of {values['sent']:,} failed{first}; "
        f"{values['tls_plain']:.0%} heard 454; {values['rate']:,.0f} handshakes/s are {values['share']:.0%} of the core"
    )


def _sent(sender: Mapping[str, Any], count: int, *, first: int, core: int) -> list[dict[str, Any]]:
    """What both senders tell, who send at the same time."""
    plain = {**sender, "count": count, "first": first}
    seconds = count / sender["rate"] + _PATIENCE + _START
    with ExitStack() as stack:
        both = [
            stack.enter_context(Sender(options, core=core))
            for options in (plain, plain | {"tls": 1, "first": _UNDER_TLS + first})
        ]
        for one in both:
            one.wait_for("ready", seconds=_START)
        for one in both:
            one.go_on()
        return [one.wait_for("end", seconds=seconds) for one in both]


def _begun(load: Flood) -> None:
    load.wait_for("ready", seconds=_START)
    load.go_on()
    load.wait_for("begin", seconds=_START)


def _cost(port: int, handshake: int, group: Group, *, core: int) -> float:
    """CPU seconds of the server for one handshake. Raises CannotMeasure."""
    spent = []
    for kind in (handshake, 0):
        with Flood({**_SOME, "port": port, "handshake": kind}, core=core) as load:
            load.wait_for("ready", seconds=_START)
            cpu = group.cpu()
            load.go_on()
            load.wait_for("begin", seconds=_START)
            told = load.wait_for("end", seconds=_PATIENCE + _START)
            time.sleep(0.2)  # it may still be at the end of the last ones
            spent.append(group.cpu() - cpu)
        if kind and told["handshakes"] < 0.9 * _SOME["total"]:
            raise CannotMeasure(f"in calm, {told['handshakes']} of {_SOME['total']} handshakes were made")
    return max(0.0, spent[0] - spent[1]) / _SOME["total"]
