"""What is known of a network: good and bad counts, which of its hosts offended, and of which mail came.

Of both only so many are named, the latest; that is enough to count to `networks_after`. In a prefix as it is announced, which may
be a hundred networks wide, its /24s and /48s stand in the place of hosts.
"""

from typing import Final, NamedTuple

from twistedmx.policy.decay import left
from twistedmx.policy.reputation_settings import MOST_HOSTS, ReputationSettings

Times = tuple[tuple[bytes, int], ...]  # keys, each with when last, the latest last

_MOST_SENDERS: Final = 8


class NetworkStanding(NamedTuple):
    """`good`, `bad`: as of a host, fading, as they were at `at`. `offenders`: hosts that were hung up on; `senders`: hosts of which
    mail was accepted."""

    good: float = 0.0
    bad: float = 0.0
    at: int = 0
    offenders: Times = ()
    senders: Times = ()

    def faded(self, now: int, half_life: float) -> "NetworkStanding":
        """As its counts are at `now`."""
        if now <= self.at:
            return self
        share = left(now - self.at, half_life)
        return self._replace(good=self.good * share, bad=self.bad * share, at=now)

    def joined(self, other: "NetworkStanding", half_life: float) -> "NetworkStanding":
        """One network, remembered twice: of each count the larger one."""
        now = max(self.at, other.at)
        one, two = self.faded(now, half_life), other.faded(now, half_life)
        return NetworkStanding(
            max(one.good, two.good),
            max(one.bad, two.bad),
            now,
            _merged(one.offenders, two.offenders)[-MOST_HOSTS:],
            _merged(one.senders, two.senders)[-_MOST_SENDERS:],
        )


def with_mail(
    standing: NetworkStanding,
    host: bytes,
    now: int,
    settings: ReputationSettings,
    *,
    good_share: bool,
    messages: int = 1,
) -> NetworkStanding:
    """Messages of `host` were accepted. `good_share`: what it did before is outweighed."""
    good, bad, _, offenders, senders = standing.faded(now, settings.half_life)
    if good_share and offenders:
        offenders = tuple([one for one in offenders if one[0] != host])
    if senders[-1:] != ((host, now),):
        senders = _with_one(senders, host, now, _MOST_SENDERS, spare=offenders)
    return NetworkStanding(good + messages, bad, now, offenders, senders)


def with_session(
    standing: NetworkStanding, host: bytes, now: int, settings: ReputationSettings, *, bad: int, offends: bool
) -> NetworkStanding:
    """A session of `host` ended. `bad`: 1 or 0. `offends`: it was hung up on, and nothing makes up for that."""
    good, bad_, _, offenders, senders = standing.faded(now, settings.half_life)
    if offends:
        offenders = _with_one(offenders, host, now, MOST_HOSTS)
    return NetworkStanding(good, bad_ + bad, now, offenders, senders)


def offenders_lately(standing: NetworkStanding, now: int, settings: ReputationSettings) -> list[bytes]:
    """Hosts that offended within `networks_within`, the latest last."""
    return [host for host, at in standing.offenders if now - at < settings.networks_within]


def has_good_mail(standing: NetworkStanding, now: int, settings: ReputationSettings) -> bool:
    """Whether mail came within `networks_within` of a host that did not offend meanwhile."""
    offenders = {host for host, _ in standing.offenders}
    return any(now - at < settings.networks_within and host not in offenders for host, at in standing.senders)


def _with_one(known: Times, host: bytes, now: int, most: int, spare: Times = ()) -> Times:
    """`spare`: those who go first when there are too many."""
    others = [one for one in known if one[0] != host]
    if len(others) >= most:
        bad = {one for one, _ in spare}
        others.remove(next((one for one in others if one[0] in bad), others[0]))
    return (*others, (host, now))


def _merged(one: Times, two: Times) -> Times:
    times: dict[bytes, int] = {}
    for host, at in (*one, *two):
        times[host] = max(at, times.get(host, 0))
    return tuple(sorted(times.items(), key=lambda item: item[1]))
