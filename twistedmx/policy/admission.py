"""Who has a session now, in two lanes; whether one more finds a place, and who gives his up for it.

    hosts of good record    as many as descriptors allow; of one host four times a stranger's share
    strangers               as many as the governor's `limit`; of one host, one network and one wider network a share of that
      heard out             beside them some who are new here, and have named no recipient yet

Whoever has had a recipient accepted, or has failed, was heard, and counts. So a first-time sender among hundreds of bots gets
to his recipient, and so do they: there they part. He stays; of those who failed the worst ones go, as long as there are more than
the limit. (Postfix does the same with a process before all others, postscreen, and for the same reason: what is scarce is given to
those who pass.) All of them together are never more than the limit and `heard_out`, but for those who were there when either fell.

Which of those who are unheard have a place and which have none is nowhere written, for they are alike: of `unheard` ones
`heard_out` have none. Who is heard has the place of one who is not, as long as there is such.

A session of who has sent mail counts less in the shares of its networks: a quarter at the least. Networks that are never blocked
(ours, the operator's) have no shares.

Where no place is left, a newcomer has that of a stranger of worse record (`policy.record`), the worst first, and of these who has
failed for the longest time. Nobody goes whose session has not failed: whoever behaves and is in, stays in.

Counts alone are kept of a session, and of those that have failed themselves: ten thousand idle ones are to cost nothing here
(benchmarks, idle).
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple

from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.record import MOST_TRUST, Known, Record

# What one session of a stranger counts in its networks: can be divided by each trust.
WHOLE: Final = 12
_BITS: Final = {
    4: (6, 11),
    8: (16, 32),
}  # that are cut off from a host's key (policy.host_key) for its network and the wider one


class Full(StrEnum):
    """Why somebody finds no place."""

    HOST = "host"
    NETWORK = "network"
    STRANGERS = "strangers"
    DESCRIPTORS = "descriptors"


class Place(NamedTuple):
    """What a session has, and gives back. `proven`: in which lane. `weight`: what it counts in its networks; 0: not there.
    `unheard`: a stranger's who was new, and has neither had a recipient accepted nor failed since."""

    proven: bool
    weight: int
    unheard: bool = False


_PROVEN: Final = Record.PROVEN
_STRANGER: Final = Record.STRANGER
_OF_PROVEN: Final = Place(True, 0)
_WEIGHTS: Final = (0, *(WHOLE // trust for trust in range(1, MOST_TRUST + 1)))
# By what it counts; made once, for each session holds one (benchmarks, idle).
_HEARD: Final = {weight: Place(False, weight) for weight in _WEIGHTS}
_UNHEARD: Final = {weight: Place(False, weight, unheard=True) for weight in _WEIGHTS}


class Admission:
    """Of one server. `settings` and `limit` (of strangers) may be replaced at any time, and so may `whole`: the limit of which that
    is a part, where several processes serve, each of them other hosts; a host's share is of that one. `refused`: who found no place
    and was told so, by why, since the start; `displaced`: who gave his up.

    `proven`: sessions of hosts of good record. `present`: all of strangers; of them `unheard` ones have neither had a recipient
    accepted nor failed yet, and of these `heard_out` have no place.
    """

    def __init__(self, settings: GovernorSettings, *, limit: int) -> None:
        self._settings, self._limit, self._whole = settings, limit, 0
        self._reckon()
        self.proven = 0
        self.present = 0
        self.unheard = 0
        self.heard_out = 0
        self._most_heard_out = 0
        self._more = 0  # who may be heard out as well, until that is said anew
        self.refused: dict[Full, int] = dict.fromkeys(Full, 0)
        self.displaced = 0
        self._most_strangers = 0
        self._unmet = 0
        self._in_networks: dict[int, int] = {}
        self._in_wide_ones: dict[int, int] = {}
        # In the order in which they failed first; only they may be asked to go.
        self._failed: dict[Record, dict[Any, None]] = {Record.HUNG_UP: {}, Record.FAILED: {}}

    @property
    def settings(self) -> GovernorSettings:
        return self._settings

    @settings.setter
    def settings(self, settings: GovernorSettings) -> None:
        self._settings = settings
        self._reckon()

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._take_places()
        self._reckon()

    @property
    def whole(self) -> int:
        return self._whole

    @whole.setter
    def whole(self, whole: int) -> None:
        self._whole = whole
        self._reckon()

    def _reckon(self) -> None:
        """The shares, once for many who come (benchmarks, churn)."""
        self._of_host = max(self._settings.least[0], int(self._settings.shares[0] * max(self._limit, self._whole)))
        network, wide = most_of_networks(self._settings, self._limit)
        self._of_network, self._of_wide = network * WHOLE, wide * WHOLE

    # -- may one more come? ------------------------------------------------------------------------------------------

    def share_used_up(self, host: bytes, known: Known, of_host: int) -> Full | None:
        """Whether the shares of a client are. `host`: its key, not NOBODY. `of_host`: sessions that it has already."""
        if of_host >= self._of_host * known.trust:
            return Full.HOST
        if known.record is not _PROVEN:
            network, wide = networks_of(host)
            if (
                self._in_networks.get(network, 0) >= self._of_network
                or self._in_wide_ones.get(wide, 0) >= self._of_wide
            ):
                return Full.NETWORK
        return None

    def no_place(self, known: Known) -> Full | None:
        """Whether there is none left in his lane, and he is not heard out either."""
        if known.record is _PROVEN or self.present - self.heard_out < self._limit:
            return None
        heard = self.present - self.unheard
        # Who has failed before has the place of one who is unheard, and that one is heard out.
        may_come = (heard <= self._limit and self._more > 0) if known.record <= _STRANGER else heard < self._limit
        return None if may_come and self.present < self._limit + self._most_heard_out else Full.STRANGERS

    def hear_out(self, most: int, more: int) -> None:
        """So many strangers may be heard out at a time, and so many begin to be until this is said again. Who is in stays."""
        self._most_heard_out, self._more = most, more

    def worse_than(self, record: Record) -> Any | None:
        """The session that goes first for a newcomer of this record; None: nobody does."""
        for worse, sessions in self._failed.items():
            if worse > record and sessions:
                return next(iter(sessions))
        return None

    def missed(self) -> None:
        """Somebody found no place, or waits for one."""
        self._unmet += 1

    # -- who is there ------------------------------------------------------------------------------------------------

    def enter(self, host: bytes, known: Known, *, shared: bool) -> Place:
        """A session begins. `host`: the key of its client; `shared`: whether its networks have shares."""
        if known.record is _PROVEN:
            self.proven += 1
            return _OF_PROVEN
        self.present += 1
        places = _HEARD
        if known.record <= _STRANGER:
            places = _UNHEARD
            self.unheard += 1
        strangers = self.present - self.heard_out
        if strangers > self._limit and self.heard_out < self.unheard:
            strangers -= 1
            self.heard_out += 1
            self._more -= places is _UNHEARD
        if strangers > self._most_strangers:
            self._most_strangers = strangers
        if not (shared and host):
            return places[0]
        weight = WHOLE // known.trust
        network, wide = networks_of(host)
        self._in_networks[network] = self._in_networks.get(network, 0) + weight
        self._in_wide_ones[wide] = self._in_wide_ones.get(wide, 0) + weight
        return places[weight]

    def count(self, place: Place) -> Place:
        """A session whose place is `unheard` has had a recipient accepted, or has failed. The place that it has now."""
        self.unheard -= 1
        if self.heard_out:
            self._take_places()
            self._most_strangers = max(self.strangers, self._most_strangers)
        return _HEARD[place.weight]

    def _take_places(self) -> None:
        """As many of those who are heard out as there are places have one; and so has, left or not, whoever was heard."""
        left = max(self._limit - self.strangers, 0)
        self.heard_out = min(self.unheard, max(self.heard_out - left, 0))

    def leave(self, host: bytes, place: Place) -> None:
        """It has ended. Both as they were when it began."""
        if place.proven:
            self.proven -= 1
        else:
            self.present -= 1
            self.unheard -= place.unheard
            if self.heard_out:
                self._take_places()
        weight = place.weight
        if weight:
            network, wide = networks_of(host)
            _take(self._in_networks, network, weight)
            _take(self._in_wide_ones, wide, weight)

    def has_failed(self, session: Any, record: Record) -> None:
        """A stranger's session, or all that is known of its client, has only failed so far: it may be asked to go."""
        self._failed[Record.HUNG_UP if record is Record.HUNG_UP else Record.FAILED][session] = None

    def stays(self, session: Any) -> None:
        """Not any more: it has sent mail, or is over. Harmless of one that was none of these."""
        for sessions in self._failed.values():
            sessions.pop(session, None)

    # -- what the governor asks --------------------------------------------------------------------------------------

    @property
    def strangers(self) -> int:
        """Sessions of strangers that have places."""
        return self.present - self.heard_out

    @property
    def over(self) -> int:
        """So many more have places than there are."""
        return max(self.strangers - self._limit, 0)

    @property
    def may_go(self) -> int:
        """Sessions that may be asked to."""
        return sum(map(len, self._failed.values()))

    def take_demand(self) -> tuple[int, int]:
        """Of strangers, since this was asked last: places in use at once at the most, and how many found none. Beyond the limit
        only those who are so now: each who is heard is that for a moment, until one that has failed is gone."""
        told = max(self.strangers, min(self._most_strangers, self._limit)), self._unmet
        self._most_strangers, self._unmet = self.strangers, 0
        return told


def most_of_networks(settings: GovernorSettings, limit: int) -> tuple[int, int]:
    """Sessions that a network and a wider one may have of `limit`."""
    (_, network, wide), (_, least_network, least_wide) = settings.shares, settings.least
    return max(least_network, int(network * limit)), max(least_wide, int(wide * limit))


def _take(counts: dict[int, int], key: int, weight: int) -> None:
    left = counts[key] - weight
    if left:
        counts[key] = left
    else:
        del counts[key]


def networks_of(host: bytes) -> tuple[int, int]:
    """Keys of the network and of the wider one that a host is in. Those of IPv6 are below 0, so that none is another's."""
    number = int.from_bytes(host, "big")
    if len(host) == 4:
        return number >> 6, number >> 11
    return -1 - (number >> 16), -1 - (number >> 32)
