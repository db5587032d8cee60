"""What is known of a client and why, and which campaigns there are: for `twistedmx reputation`. As JSON can say it."""

from typing import Any

from twistedmx.policy import hyperloglog, network_standing, standing
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.host_key import host_key, network_at, network_key, prefix_key
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.policy.outlook import outlook, why
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.standing import Standing
from twistedmx.policy.tally import Tally
from twistedmx.service.entries import fields_told

_NAMED = 100  # campaigns in an answer


def opinion(reputation: Reputation, blocklist: Blocklist, address: str) -> dict[str, Any]:
    """Of the host at an address. Counts are what is left of them by now; `age`: seconds ago. Raises ValueError for no address."""
    key = host_key(address)
    if not key:
        raise ValueError(f"{address!r} is no address; write 192.0.2.7, or 2001:db8::1")
    settings, now = reputation.settings, reputation.time.seconds
    known = reputation.standing_of(address)
    host = known or Standing(at=now)
    network = network_key(key)
    prefix = reputation.prefix_of(address)
    of_network = _faded(reputation, network)
    block = blocklist.find(address)
    return {
        "address": address,
        "half_life": settings.half_life,
        "host": {
            "network": str(network_at(key)),
            "known": known is not None,
            "good": round(host.good, 2),
            "bad": round(host.bad, 2),
            "guesses": round(host.guesses, 2),
            "days": host.days,
            "age": _ago(reputation.hosts.get(key), now),
            "last_mail_age": now - host.last if host.last else None,
            "hung_up_lately": standing.sessions_lately(host, now, settings),
        },
        "proven": reputation.proven(address),
        "why": why(host, now, settings),
        "network": _network(reputation, network, of_network),
        "prefix": _network(reputation, prefix_key(prefix), _faded(reputation, prefix_key(prefix))) if prefix else None,
        "helos": [_helo(reputation, shape) for shape in host.helos],
        "block": fields_told(block) if block is not None else None,
        "next": outlook(
            host,
            of_network,
            now,
            settings,
            condemns=reputation.condemnation.may_be(network_at(key)),
            ready=reputation.condemnation.ready,
        ),
    }


def campaigns(reputation: Reputation) -> list[dict[str, Any]]:
    """Those with many hosts and nearly only bad sessions, the worst first."""
    now = reputation.time.seconds
    return [
        {"fingerprint": name, **_tally(one), "age": now - reputation.campaigns.proven[name].at}
        for name, one in reputation.campaigns_of()[:_NAMED]
    ]


def _ago(record: bytes | None, now: int) -> int | None:
    return None if record is None else now - standing.heard_at(record)


def _faded(reputation: Reputation, key: bytes) -> NetworkStanding:
    known = reputation.networks.get(key) or NetworkStanding()
    return known.faded(reputation.time.seconds, reputation.settings.half_life)


def _network(reputation: Reputation, key: bytes, known: NetworkStanding) -> dict[str, Any]:
    now, settings = reputation.time.seconds, reputation.settings
    offenders = network_standing.offenders_lately(known, now, settings)
    return {
        "network": str(network_at(key)),
        "good": round(known.good, 2),
        "bad": round(known.bad, 2),
        "offenders": [str(network_at(host)) for host in offenders],
        "good_mail": network_standing.has_good_mail(known, now, settings),
    }


def _helo(reputation: Reputation, shape: str) -> dict[str, Any]:
    one = reputation.helos.get(shape)
    if one is None:
        return {"shape": shape}
    return {"shape": shape, **_tally(one.faded(reputation.time.seconds, reputation.settings.half_life))}


def _tally(one: Tally) -> dict[str, Any]:
    return {
        "good": round(one.good, 2),
        "bad": round(one.bad, 2),
        "hosts": hyperloglog.number(one.hosts),
        "networks": hyperloglog.number(one.networks),
        "first": one.first,
    }
