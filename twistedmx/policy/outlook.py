"""Why a host is proven or is not, and what would happen next, in words for the operator. Nothing is decided here."""

from twistedmx.policy import network_standing, standing
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.policy.standing import Standing

_DAY = 86_400


def why(known: Standing, now: int, settings: ReputationSettings) -> str:
    """Why it is proven, or what it lacks."""
    lacks = standing.lacks(known, now, settings)
    share = known.good / (known.good + known.bad) if known.good else 0.0
    mail = f"mail on {known.days} day{'s' if known.days != 1 else ''}, {known.good:.1f} messages of it counted by now"
    if lacks == "mail":
        return "no message of it was accepted"
    if lacks == "mail lately":
        return f"its last message was accepted {(now - known.last) / _DAY:.0f} days ago"
    if lacks == "a good share":
        return f"{mail}, but only {share:.0%} of all was good, and it takes {settings.proven_share:.0%}"
    if lacks == "time":
        return f"{mail}; it takes {settings.proven_days} days, or {settings.proven_messages} messages over {_span(settings)}"
    return f"{mail}, {share:.0%} of all was good"


def outlook(
    known: Standing, network: NetworkStanding, now: int, settings: ReputationSettings, *, condemns: bool, ready: bool
) -> str:
    """What its conduct may lead to. `condemns`: it is one that can be condemned at all. `ready`: all that is remembered is read."""
    if not condemns:
        return "nothing: private addresses are not condemned ([reputation] private)"
    words = [_of_host(known, now, settings), _of_network(network, now, settings)]
    if settings.shadow:
        words.append("[reputation] shadow is on, so that it would be told, and nothing else")
    if not ready:
        words.append("what is remembered is not read yet, and nobody is condemned before")
    return "; ".join(filter(None, words))


def _of_host(known: Standing, now: int, settings: ReputationSettings) -> str:
    if not settings.condemned_after:
        return "hosts are not condemned ([reputation] condemned_after is 0)"
    if not standing.lacks(known, now, settings):
        return "it is proven, and not condemned as long as it is"
    left = standing.sessions_allowed(known, settings) - standing.sessions_lately(known, now, settings)
    sessions = f"{left} more session{'s' if left != 1 else ''}" if left > 0 else "the next session"
    return f"{sessions} hung up on within {settings.within / 60:g} min, and it is blocked"


def _of_network(network: NetworkStanding, now: int, settings: ReputationSettings) -> str:
    if not settings.networks_after:
        return ""
    if network_standing.has_good_mail(network, now, settings):
        return "its network is not condemned, for mail comes from there"
    left = settings.networks_after - len(network_standing.offenders_lately(network, now, settings))
    hosts = f"{left} more host{'s' if left != 1 else ''}" if left > 0 else "the next host"
    return f"{hosts} of its network hung up on, and all of that is blocked"


def _span(settings: ReputationSettings) -> str:
    return f"{settings.proven_span / 3600:g} h"
