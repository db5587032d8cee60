"""What a line of the log says of the blocklist, of attacks, of floods and of the governor: as `fields`, of which this is a part."""

from collections.abc import Callable
from typing import Any, Final

from twistedmx.model.allowance import Allowance
from twistedmx.model.event import AttackBegan, AttackEnded, FloodBegan, FloodEnded, FloodGoesOn
from twistedmx.model.governor_event import LimitMoved, NewcomersRefused
from twistedmx.model.network_event import (
    NetworkAllowed,
    NetworkBlocked,
    NetworkNoLongerAllowed,
    NetworkUnblocked,
    NetworkWouldBeBlocked,
)
from twistedmx.report.values import Fields, time_of

_LAST: Final = 253_402_300_799.0  # the last second that has four digits for its year


def _blocked(event: NetworkBlocked | NetworkUnblocked) -> Fields:
    block = event.block
    return {
        "event": "network-blocked" if type(event) is NetworkBlocked else "network-unblocked",
        "network": str(block.network),
        "id": block.id,
        "reason": block.reason,
        "origin": block.origin,
        "relapse": block.relapse,
        "expiry": _time(block.expiry),
        "evidence": block.evidence,
    }


def _would_be_blocked(event: NetworkWouldBeBlocked) -> Fields:
    return {
        "event": "network-would-be-blocked",
        "network": str(event.network),
        "reason": event.reason,
        "origin": event.origin,
        "evidence": event.evidence,
    }


def _allowed(event: NetworkAllowed) -> Fields:
    return {"event": "network-allowed", **_allowance(event.allowance)}


def _no_longer_allowed(event: NetworkNoLongerAllowed) -> Fields:
    end = "expired" if event.expired else "removed"
    return {"event": "network-no-longer-allowed", "end": end, **_allowance(event.allowance)}


def _allowance(allowance: Allowance) -> Fields:
    return {
        "network": str(allowance.network),
        "expiry": _time(allowance.expiry),
        "evidence": allowance.evidence,
    }


def _time(at: float | None) -> str:
    """Empty: none, or not yet."""
    return time_of(min(at, _LAST)) if at is not None else ""


def _attack_began(event: AttackBegan) -> Fields:
    return {
        "event": "attack-began",
        "domain": event.domain,
        "names": event.pressure.names,
        "known": event.pressure.known,
        "hosts": event.pressure.hosts,
    }


def _attack_ended(event: AttackEnded) -> Fields:
    attack = event.attack
    return {
        "event": "attack-ended",
        "domain": attack.domain,
        **_span(attack.start, attack.end),
        "peak": attack.peak,
        "hosts": attack.hosts,
        "names": attack.names,
        "tries": attack.tries,
        "hung_up": [f"{reason.value}:{count}" for reason, count in attack.hung_up],
        "blocks": attack.blocks,
        "samples": list(attack.samples),
    }


def _flood_began(event: FloodBegan) -> Fields:
    return {"event": "flood-began", "address": event.address, "tries": event.tries}


def _flood_goes_on(event: FloodGoesOn) -> Fields:
    return {"event": "flood-goes-on", "address": event.address, "tries": event.tries, "hosts": event.hosts}


def _flood_ended(event: FloodEnded) -> Fields:
    flood = event.flood
    return {
        "event": "flood-ended",
        "address": flood.address,
        **_span(flood.start, flood.end),
        "peak": flood.peak,
        "tries": flood.tries,
        "hosts": flood.hosts,
    }


def _limit_moved(event: LimitMoved) -> Fields:
    return {
        "event": "limit-moved",
        "before": event.before,
        "limit": event.limit,
        "why": event.why,
        "strangers": event.strangers,
        "proven": event.proven,
        "waiting": event.waiting,
        "load": _rounded(event.load, 2),
        "lag": _rounded(event.lag, 4),
        "free_memory": _rounded(event.free_memory, 3),
    }


def _newcomers_refused(event: NewcomersRefused) -> Fields:
    return {"event": "newcomers-refused", **dict(event.refused), "displaced": event.displaced}


def _rounded(value: float | None, digits: int) -> float:
    """-1: not known."""
    return -1.0 if value is None else round(value, digits)


def _span(start: float, end: float | None) -> Fields:
    return {"start": time_of(start), "end": _time(end)}


OF_THE_DEFENCE: Final[dict[type, Callable[[Any], Fields]]] = {
    NetworkBlocked: _blocked,
    NetworkUnblocked: _blocked,
    NetworkWouldBeBlocked: _would_be_blocked,
    NetworkAllowed: _allowed,
    NetworkNoLongerAllowed: _no_longer_allowed,
    AttackBegan: _attack_began,
    AttackEnded: _attack_ended,
    FloodBegan: _flood_began,
    FloodGoesOn: _flood_goes_on,
    FloodEnded: _flood_ended,
    LimitMoved: _limit_moved,
    NewcomersRefused: _newcomers_refused,
}
