"""How a running server is, in numbers: for `twistedmx status` and for who scrapes."""

import resource
from typing import TYPE_CHECKING, Any

import attrs

from twistedmx import __version__
from twistedmx.net.certificates import Certificate
from twistedmx.policy.attack_summing import AttackSumming
from twistedmx.policy.attacks import Attacks
from twistedmx.policy.reputation import Reputation
from twistedmx.report.prometheus import Gauges
from twistedmx.service.blocking import Blocking

if TYPE_CHECKING:
    from twistedmx.service.server import Server

_DAY = 86_400


def gauges(server: "Server") -> Gauges:
    """What is known elsewhere than in the counters, asked at each scrape."""
    return Gauges(
        sessions=lambda: len(server.factory.connections) - len(server.factory.door.anteroom),
        secured=lambda: server.factory.under_tls,
        limit=lambda: server.lasting.governing.governor.limit,
        waiting=lambda: len(server.factory.door.anteroom),
        found_no_place=lambda: {why.value: count for why, count in server.factory.door.admission.refused.items()},
        refused_handshakes=lambda: {limit.value: count for limit, count in server.lasting.handshakes.refused.items()},
        certificates=lambda: [(each.file, each.expires) for each in _certificates(server)],
        free_octets=server.lasting.acceptance.free_octets,
        log_lines_lost=lambda: server.lasting.losses.lines,
        turned_away=lambda: server.factory.door.turned_away,
        blocked=lambda: len(server.lasting.blocking.blocklist),
        allowed=lambda: len(server.lasting.blocking.allowing.allowed),
        under_attack=lambda: len(server.lasting.watching.attacks.attacks()),
        flooded=lambda: len(server.lasting.watching.attacks.floods()),
        flooded_tries=lambda: server.lasting.watching.attacks.flooded_tries,
        hosts=lambda: {
            "proven": len(server.lasting.blocking.reputation.hosts.proven),
            "strangers": len(server.lasting.blocking.reputation.hosts.strangers),
        },
    )


def state(server: "Server") -> dict[str, Any]:
    """As JSON can say it. Times are seconds since the epoch, spans seconds."""
    lasting, settings = server.lasting, server.parts.settings
    now = lasting.world.now()
    rates = lasting.counters.rates(now)
    return {
        "version": __version__,
        "pid": lasting.world.pid(),
        "host": (lasting.qmail.name if lasting.qmail is not None else "") or server.parts.site.host,
        "settings": server.parts.source,
        "since": server.since,
        "uptime": now - server.since,
        "reloaded": server.reloading.at,
        "listening": server.places,
        "sessions": {
            "open": len(server.factory.connections) - len(server.factory.door.anteroom),
            "tls": server.factory.under_tls,
            "waiting": len(server.factory.door.anteroom),
        },
        "governor": lasting.governing.told(),
        "blocklist": {
            "turned_away": server.factory.door.turned_away,
            "waiting": len(server.factory.door.doorstep),
            **blocklist_told(lasting.blocking),
        },
        "trail": dict(zip(("sessions", "hosts", "octets"), lasting.trail.size, strict=True)),
        "reputation": _reputation(lasting.blocking.reputation),
        "attacks": attacks_told(lasting.watching.attacks),
        "handshakes": {
            "under_way": lasting.handshakes.under_way,
            "refused": {limit.value: count for limit, count in lasting.handshakes.refused.items()},
        },
        "rates": {
            "connections": rates.sessions,
            "messages": rates.messages,
            "refused_recipients": rates.refused_recipients,
        },
        "limits": {
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            **{key: value for key, value in attrs.asdict(settings.limits).items() if not key.endswith("_words")},
            **(lasting.qmail.limits() if lasting.qmail is not None else {}),
        },
        "backends": [attrs.asdict(each) for each in lasting.mailboxes.describe()],
        "qmail": lasting.qmail.describe() if lasting.qmail is not None else None,
        "certificates": [
            {
                "file": each.file,
                "names": list(each.names),
                "expires": each.expires,
                "days_left": int((each.expires - now) // _DAY),
            }
            for each in _certificates(server)
        ],
        "memory": {"resident_octets": lasting.world.resident_octets()},
        "disk": {"free_octets": lasting.acceptance.free_octets()},
        "log": {"lines_lost": lasting.losses.lines, "subscribers_dropped": list(lasting.events.dropped)},
    }


def blocklist_told(blocking: Blocking) -> dict[str, Any]:
    """Of the list itself."""
    return {
        "entries": len(blocking.blocklist),
        "evicted": blocking.blocklist.evicted,
        "allowed": len(blocking.allowing.allowed),
        "store": attrs.asdict(blocking.store),
    }


def attacks_told(attacks: Attacks | AttackSumming) -> dict[str, int]:
    """How many there are."""
    return {"domains": len(attacks.attacks()), "flooded_addresses": len(attacks.floods())}


def _reputation(reputation: Reputation) -> dict[str, Any]:
    """How much is known of how many."""
    return {
        "proven": len(reputation.hosts.proven),
        "strangers": len(reputation.hosts.strangers),
        "evicted_proven": reputation.hosts.evicted[0],
        "evicted_strangers": reputation.hosts.evicted[1],
        "networks": len(reputation.networks),
        "fingerprints": len(reputation.campaigns),
        "read": reputation.condemnation.ready,
    }


def _certificates(server: "Server") -> list[Certificate]:
    """Of the settings, and before them those of a qmail host."""
    of_settings = server.parts.tls.certificates() if server.parts.tls is not None else []
    qmail = server.lasting.qmail
    of_host = qmail.certificates() if qmail is not None else []
    return [*of_host, *(each for each in of_settings if each not in of_host)]
