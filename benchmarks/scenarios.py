"""What is measured: each case of each scenario, and how a run of it is made and read."""

import threading
import time
from typing import Any, Final

import attrs

from benchmarks import governor, idle, tlsflood, victim, workers
from benchmarks.case import Case
from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.load import Load
from benchmarks.peers.peer import ADDRESSED, Peer
from benchmarks.targets import OURS

MIB: Final = 1 << 20
_LONG: Final = 900.0  # seconds that anything may take


def _governor(name: str, title: str, **settings: Any) -> Case:
    return Case(
        name=name,
        scenario="governor",
        title=title,
        mode="governor",
        options={
            "connections": 580,
            "rate": 10,
            "known": 100,
            "again": 35,
            "calm": 15,
            "strangers": 30,
            "hogs": 180,
            "after": 40,
        },
        quick={"calm": 5, "strangers": 15, "hogs": 20, "after": 10},
        once=True,
        default_limits=True,
        settings={"governor": {"comes_again": 30, **settings}},  # a minute is long here
        peers=(OURS,),
    )


def _rejects() -> list[Case]:
    return [
        Case(
            name=f"reject-{connections}" + "-pipelined" * pipelined,
            scenario="reject",
            title=f"unknown recipients, {connections:,} connections, " + ("pipelined" if pipelined else "lock-step"),
            mode="reject",
            options={"connections": connections, "pipelined": pipelined, "seconds": 5},
            counts="refused",
            unit="RCPT/s",
            quick={"seconds": 1.5},
            needs=("pipelining",) if pipelined else (),
            brief=connections == 580,
        )
        for pipelined in (0, 1)
        for connections in (1, 100, 580, 2000)
    ]


def _accepts() -> list[Case]:
    return [
        Case(
            name=f"accept-{kib}k-{each}",
            scenario="accept",
            title=f"messages of {kib} KiB, {each} per connection, 20 connections",
            mode="accept",
            options={
                "connections": 20,
                "octets": kib * 1024,
                "users": ADDRESSED,
                "per_connection": each,
                "seconds": 5,
                "warm_rounds": 2000 if kib == 4 else 500,
            },
            counts="messages",
            unit="messages/s",
            quick={"seconds": 1.5, "users": 100, "warm_rounds": 500},
            brief=kib == 4,
        )
        for kib in (4, 100)
        for each in (1, 20)
    ]


def _victims() -> list[Case]:
    return [
        Case(
            name=f"victim-{connections}",
            scenario="victim",
            title=f"a legitimate sender, in calm and under {connections:,} attackers",
            mode="victim",
            options={"connections": connections, "rate": 20, "count": 300, "onset": 1200},
            unit="guesses/s",
            quick={"count": 60, "onset": 40},
            default_limits=True,
        )
        for connections in (580, 2000)
    ]


def _floods() -> list[Case]:
    return [
        Case(
            name=f"tlsflood-{kind}",
            scenario="tlsflood",
            title=f"plain and STARTTLS mail, in calm and while {connections:,} hosts flood with handshakes that are {kind}",
            mode="tlsflood",
            options={"connections": connections, "handshake": handshake, "rate": 20, "count": 600},
            unit="handshakes/s",
            quick={"count": 60},
            needs=("starttls",),
            default_limits=True,
        )
        for kind, handshake in (("begun", 1), ("completed", 2))
        for connections in (580,)
    ]


def _workers() -> list[Case]:
    """What one process is asked for elsewhere, of several."""
    cases = {
        "workers-reject": ("reject-580", 580, "unknown recipients of 580 hosts, lock-step, by the number of workers"),
        "workers-reject-pipelined": (
            "reject-580-pipelined",
            580,
            "unknown recipients of 580 hosts, pipelined, by the number of workers",
        ),
        "workers-accept": (
            "accept-4k-1",
            320,
            "messages of 4 KiB from 320 hosts, one per connection, by the number of workers",
        ),
    }
    of_one = {case.name: case for case in (*_rejects(), *_accepts())}
    return [
        attrs.evolve(
            of_one[like],
            name=name,
            scenario="workers",
            title=title,
            options={**of_one[like].options, "connections": connections},
            brief=False,
            peers=workers.PEERS,
            all_cores=True,
        )
        for name, (like, connections, title) in cases.items()
    ]


def _bulk(name: str, title: str, octets: int, line: int, total: int) -> Case:
    return Case(
        name=name,
        scenario=name,
        title=title,
        mode="accept",
        options={
            "octets": octets,
            "line": line,
            "per_connection": 10**9,
            "total": total,
            "warm_rounds": 1,
            "warm_seconds": 0,
        },
        counts="octets",
        unit="MB/s",
        per=1e9,
        per_unit="GB",
        quick={"total": 2},
        memory=True,
        brief=True,
    )


CASES: Final = (
    *_rejects(),
    Case(
        name="churn",
        scenario="churn",
        title="connections of one round (MAIL, 5 unknown recipients, QUIT), 100 at a time",
        mode="churn",
        options={"connections": 100, "seconds": 5},
        counts="connections",
        unit="connections/s",
        quick={"seconds": 1.5},
        brief=True,
    ),
    Case(
        name="blocked",
        scenario="blocked",
        title="connections of blocked hosts, 100 at a time",
        mode="blocked",
        options={"connections": 100, "seconds": 5},
        counts="connections",
        unit="connections/s",
        quick={"seconds": 1.5},
        needs=("blocks",),
        brief=True,
    ),
    *_victims(),
    Case(
        name="unpunished-2000",
        scenario="unpunished",
        title="a legitimate sender, in calm and under 2,000 attackers whom nothing stops",
        mode="victim",
        options={"connections": 2000, "rate": 20, "count": 300, "onset": 1200},
        unit="guesses/s",
        quick={"count": 60, "onset": 40},
        settings={"attacks": {"names": 0, "tries": 0}},
    ),
    *_floods(),
    _governor(
        "governor", "the limit of sessions, beside 580 slow strangers and then another program that takes all CPUs"
    ),
    _governor("governor-held-out", "the limit of sessions, where nobody is heard out (`heard_out` 0)", heard_out=0),
    *_accepts(),
    Case(
        name="idle",
        scenario="idle",
        title="10,000 sessions that say nothing after EHLO",
        mode="idle",
        options={"connections": 10_000},
        quick={"connections": 2_000},
        once=True,
        brief=True,
    ),
    Case(
        name="idle-20k",
        scenario="idle",
        title="20,000 sessions that say nothing after EHLO, and hosts of good record that come meanwhile",
        mode="idle",
        options={"connections": 20_000, "known": 250, "rate": 20},
        quick={"connections": 4_000},
        once=True,
        settings={"reputation": {"proven_days": 1}},  # a host that has sent one message has a good record
    ),
    _bulk("big", "messages of 25 MiB, one connection", 25 * MIB, 72, 8),
    _bulk("short-lines", "messages of 10 MiB in lines of 20 octets, one connection", 10 * MIB, 20, 8),
    Case(
        name="tls",
        scenario="tls",
        title="STARTTLS with a full handshake (TLS 1.3, P-256), 20 connections",
        mode="tls",
        options={"connections": 20, "seconds": 5},
        counts="handshakes",
        unit="handshakes/s",
        quick={"seconds": 1.5},
        needs=("starttls",),
        brief=True,
    ),
    *_workers(),
)
SCENARIOS: Final = tuple(dict.fromkeys(case.scenario for case in CASES))


_MISSING: Final = {"blocks": "its blocklist is not driven by this harness"}


def concerns(case: Case, peer: Peer) -> bool:
    """Whether anybody expects a figure of this peer there."""
    if case.peers and peer.name not in case.peers:
        return False
    return not peer.scenarios or case.scenario in peer.scenarios


def why_not(case: Case, peer: Peer) -> str:
    """Why this peer has no figure of this case; "" when it can be measured."""
    for need in case.needs:
        if not getattr(peer, need):
            return _MISSING.get(need, f"it does not offer {need.upper()}") + " here" * (need == "starttls")
    if case.options.get("known") and peer.most_sessions < case.options["connections"]:
        return f"it holds {peer.most_sessions:,} sessions at most"
    return peer.unmeasured.get(case.name, peer.unmeasured.get(case.scenario, ""))


def generators(case: Case) -> list[tuple[str, bool]]:
    """Programs of load that it needs, and whether with TLS."""
    if case.mode == "tlsflood":
        return [("flood", True), ("victim", False), ("victim", True)]
    if case.mode == "governor":
        return [("victim", False)]
    senders = [("victim", False)] if case.mode == "victim" or "known" in case.options else []
    return [("load", case.mode == "tls"), *senders]


class _Peak:
    """The most memory that a group has had, looked at again and again from a thread."""

    def __init__(self, group: Group, seconds: float = 0.05) -> None:
        self.most = 0
        self._group, self._seconds = group, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self._seconds):
            self.most = max(self.most, self._group.pss())


def measure(case: Case, peer: Peer, group: Group, port: int, *, core: int, quick: bool) -> dict[str, Any]:
    """One run against a server that has greeted. Raises CannotMeasure."""
    options = {**case.options, **(case.quick if quick else {})}
    options["at_once"] = peer.at_once
    options["refusal"] = peer.refusal
    options["port"] = port
    if case.mode in ("reject", "churn", "victim"):
        options["domain"] = peer.unknown_domain
    if case.mode == "accept":
        options["pipelined"] = int(peer.pipelining)
    if case.mode == "idle":
        options["connections"] = min(options["connections"], peer.most_sessions)
        return idle.measure(options, group, core=core, workers=peer.workers)
    if case.mode == "tlsflood":
        return tlsflood.measure(options, group, core=core)
    if case.mode == "victim":
        return victim.measure(options, group, core=core)
    if case.mode == "governor":
        return governor.measure(options, group, peer.status, core=core)
    if case.mode == "blocked":
        peer.block_everybody()
    if not quick and peer.warm_seconds:
        options["warm_seconds"] = max(options.get("warm_seconds", 0), peer.warm_seconds)
    with Load(case.mode, options, core=core) as load:
        ramp = load.wait_for("ready", seconds=_LONG)
        base = group.pss()
        of_workers = {}
        if case.scenario == "workers":
            of_workers = {"spread": workers.spread(peer.status()), "long_turns": int(group.take_long_turns())}
        load.go_on()
        if case.memory:
            with _Peak(group) as peak:
                told, cpu, wall = _between(load, group)
            told["peak_pss"] = max(peak.most, group.pss())
            told["base_pss"] = base
        else:
            told, cpu, wall = _between(load, group)
    count = told[case.counts]
    if not count:
        raise CannotMeasure(f"nothing was done in {told['seconds']:.1f} s")
    told["ramp_seconds"] = ramp["ramp_seconds"]
    return {
        "rate": count / told["seconds"] / (1e6 if case.counts == "octets" else 1),
        "cpu": cpu / count * case.per * told["seconds"] / wall,
        "busy": cpu / wall,
        **told,
        **of_workers,
    }


def _between(load: Load, group: Group) -> tuple[dict[str, Any], float, float]:
    """What was told at the end; CPU seconds of the server, and seconds that passed, between begin and end."""
    load.wait_for("begin", seconds=_LONG)
    cpu, began = group.cpu(), time.monotonic()
    told = load.wait_for("end", seconds=_LONG)
    return told, group.cpu() - cpu, time.monotonic() - began
