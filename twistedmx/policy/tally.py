"""What many hosts have in common, a HELO shape or a campaign: good and bad sessions, and how many hosts and networks.

Good: a message was accepted, and it was not hung up on. Bad: it was, or had nothing but guesses. A session of bounces alone, or
one that asked for nothing but flooded addresses, is neither (`reputation`; docs/reputation.md).
"""

from typing import NamedTuple

from twistedmx.policy import hyperloglog
from twistedmx.policy.decay import later, left
from twistedmx.policy.hyperloglog import Spot, with_spot


class Tally(NamedTuple):
    """`good`, `bad`: sessions, fading, as they were at `at`. `first`, `at`: seen, steady seconds. `hosts`, `networks`: as
    `hyperloglog` has them, never fading."""

    good: float
    bad: float
    at: int
    first: int
    hosts: bytes = hyperloglog.NONE
    networks: bytes = hyperloglog.NONE

    def faded(self, now: int, half_life: float) -> "Tally":
        """As its counts are at `now`."""
        if now <= self.at:
            return self
        share = left(now - self.at, half_life)
        return self._replace(good=self.good * share, bad=self.bad * share, at=now)

    def joined(self, other: "Tally", half_life: float) -> "Tally":
        """One, remembered twice: of each count the larger one."""
        now = max(self.at, other.at)
        one, two = self.faded(now, half_life), other.faded(now, half_life)
        return Tally(
            max(one.good, two.good),
            max(one.bad, two.bad),
            now,
            min(one.first, two.first),
            hyperloglog.joined(one.hosts, two.hosts),
            hyperloglog.joined(one.networks, two.networks),
        )

    def shifted(self, seconds: int) -> "Tally":
        """By another steady time, which is so many seconds ahead."""
        return self._replace(at=later(self.at, seconds), first=later(self.first, seconds))


def with_session(tally: Tally | None, host: Spot, network: Spot, now: int, half_life: float, *, good: bool) -> Tally:
    """One more session of a host."""
    if tally is None:
        tally = Tally(0.0, 0.0, now, now)
    share = left(now - tally.at, half_life)
    return Tally(
        tally.good * share + good,
        tally.bad * share + (not good),
        max(now, tally.at),
        tally.first,
        with_spot(tally.hosts, host),
        with_spot(tally.networks, network),
    )


def is_of_several(tally: Tally) -> bool:
    """Whether more than one host has it: what one alone has is no campaign, and goes first."""
    return hyperloglog.are_several(tally.hosts)
