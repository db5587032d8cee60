"""What is known of one host: good and bad counts, apart, and what proves it.

    good      messages accepted
    bad       sessions hung up on for their conduct, and those with nothing but guesses. A session of bounces alone (<>) is none of
              these: mail servers make them for names that others forged
    guesses   recipients that are not here or not ours, each once as far as it was told together

All three fade (`decay`). Times are steady seconds. Standings are values: whoever hears of a host puts another one in place.
"""

import struct
from typing import Final, NamedTuple

from twistedmx.policy.decay import kept_count, kept_time, later, left
from twistedmx.policy.reputation_settings import MOST_SESSIONS, ReputationSettings

# Each message accepted lately makes up for one session that was hung up on, and so many at most.
_MADE_UP_FOR: Final = 50
_MOST_TIMES: Final = MOST_SESSIONS + _MADE_UP_FOR
_HELOS: Final = 2  # shapes that are remembered
_LONGEST: Final = 64  # characters of each
_MOST_DAYS: Final = 255
# Messages this long apart are of different days: who mails daily does not do it to the second, and midnight is no proof.
_DAY: Final = 72_000
_HEAD: Final = struct.Struct("<fffIIIIBB")
_COUNTS: Final = struct.Struct("<fff")  # good, bad, guesses: where it begins
_TIME: Final = struct.Struct("<I")
_OF_LAST_MAIL: Final = struct.calcsize("<fffII")  # where it stands
_TIMES: Final = _HEAD.size - 1  # how many there are of hung_up: behind it


class Standing(NamedTuple):
    """`at`: of the counts, and when it was heard of last. `first`, `last`: a message was accepted; `days`: of how many days, the
    last of which began at `day`. `hung_up`: when sessions were, the latest. `helos`: shapes of its names, the latest first."""

    good: float = 0.0
    bad: float = 0.0
    guesses: float = 0.0
    at: int = 0
    first: int = 0
    last: int = 0
    day: int = 0
    days: int = 0
    hung_up: tuple[int, ...] = ()
    helos: tuple[str, ...] = ()

    def faded(self, now: int, half_life: float) -> "Standing":
        """As its counts are at `now`. A time that went back changes nothing."""
        if now <= self.at:
            return self
        share = left(now - self.at, half_life)
        return self._replace(good=self.good * share, bad=self.bad * share, guesses=self.guesses * share, at=now)

    def joined(self, other: "Standing", half_life: float) -> "Standing":
        """One host, remembered twice: of each count the larger one. `other` may come again, and changes nothing then."""
        now = max(self.at, other.at)
        one, two = self.faded(now, half_life), other.faded(now, half_life)
        return Standing(
            good=max(one.good, two.good),
            bad=max(one.bad, two.bad),
            guesses=max(one.guesses, two.guesses),
            at=now,
            first=min(filter(None, (one.first, two.first)), default=0),
            last=max(one.last, two.last),
            day=max(one.day, two.day),
            days=max(one.days, two.days),
            hung_up=tuple(sorted({*one.hung_up, *two.hung_up}))[-_MOST_TIMES:],
            helos=tuple(dict.fromkeys((*one.helos, *two.helos)))[:_HELOS],
        )

    def shifted(self, seconds: int) -> "Standing":
        """By another steady time, which is so many seconds ahead."""
        at, first, last, day = (later(time, seconds) for time in (self.at, self.first, self.last, self.day))
        hung_up = tuple(later(time, seconds) for time in self.hung_up)
        return self._replace(at=at, first=first, last=last, day=day, hung_up=hung_up)


def with_mail(standing: Standing, now: int, settings: ReputationSettings, messages: int = 1) -> Standing:
    """Messages of it were accepted."""
    good, bad, guesses, _, first, last, day, days, hung_up, helos = standing.faded(now, settings.half_life)
    if not days or now - last >= settings.proven_for:  # the first one, or what was is too long ago
        first, day, days = now, now, 1
    elif now - day >= _DAY:
        day, days = now, min(days + 1, _MOST_DAYS)
    return Standing(good + messages, bad, guesses, now, first, now, day, days, hung_up, helos)


def with_session(
    standing: Standing, now: int, settings: ReputationSettings, *, bad: int, guesses: int, hung_up: bool, helo: str
) -> Standing:
    """A session of it ended. `bad`: 1 or 0. `guesses`: in it. `helo`: the shape of its name."""
    good, bad_, guesses_, _, first, last, day, days, times, helos = standing.faded(now, settings.half_life)
    if hung_up:
        times = (*[at for at in times if now - at < settings.within][1 - _MOST_TIMES :], now)
    if helos[:1] != (helo,):
        helos = (helo, *[other for other in helos if other != helo][: _HELOS - 1])
    return Standing(good, bad_ + bad, guesses_ + guesses, now, first, last, day, days, times, helos)


def lacks(standing: Standing, now: int, settings: ReputationSettings) -> str:
    """What it lacks to be proven: "mail", "mail lately", "a good share", "time"; or "" when it is proven."""
    if not standing.days:
        return "mail"
    if now - standing.last >= settings.proven_for:
        return "mail lately"
    if not has_good_share(standing, settings):
        return "a good share"
    if standing.days >= settings.proven_days or (
        standing.good >= settings.proven_messages and standing.last - standing.first >= settings.proven_span
    ):
        return ""
    return "time"


def has_good_share(standing: Standing, settings: ReputationSettings) -> bool:
    """Whether enough of what came of it was good. Both counts fade alike: that does not change with time."""
    return is_good_share(standing.good, standing.bad, settings)


def is_good_share(good: float, bad: float, settings: ReputationSettings) -> bool:
    """The same of these counts."""
    return good > 0 and good >= settings.proven_share * (good + bad)


def sessions_allowed(standing: Standing, settings: ReputationSettings) -> int:
    """So many sessions hung up on within `within` condemn it, one that is not proven."""
    return settings.condemned_after + min(int(standing.good), _MADE_UP_FOR)


def sessions_lately(standing: Standing, now: int, settings: ReputationSettings) -> int:
    """Hung up on within `within`."""
    return sum(now - at < settings.within for at in standing.hung_up)


def packed(standing: Standing) -> bytes:
    """In 30 octets and its HELOs, for hundreds of thousands of them; counts to seven digits."""
    good, bad, guesses, at, first, last, day, days, hung_up, helos = standing
    text = "\n".join(helos).encode("utf-8", "replace")
    head = _HEAD.pack(good, bad, guesses, at, first, last, day, days, len(hung_up))
    return head + struct.pack(f"<{len(hung_up)}I", *hung_up) + text if hung_up else head + text


def unpacked(record: bytes) -> Standing:
    """What was packed."""
    good, bad, guesses, at, first, last, day, days, times = _HEAD.unpack_from(record)
    begin = _HEAD.size + 4 * times
    hung_up = struct.unpack_from(f"<{times}I", record, _HEAD.size) if times else ()
    helos = tuple(record[begin:].decode("utf-8", "replace").split("\n")) if len(record) > begin else ()
    return Standing(good, bad, guesses, at, first, last, day, days, hung_up, helos)


def is_over(record: bytes, now: int, settings: ReputationSettings) -> bool:
    """Of a packed one that has sent mail: whether the last of it was too long ago to prove anything."""
    last: int = _TIME.unpack_from(record, _OF_LAST_MAIL)[0]
    return now - last >= settings.proven_for


def heard_at(record: bytes) -> int:
    """Of a packed one: when it was heard of last."""
    at: int = _HEAD.unpack_from(record)[3]
    return at


def counts(record: bytes) -> tuple[float, float, float]:
    """Of a packed one: `good`, `bad` and `guesses`, as they were when it was heard of last."""
    good, bad, guesses = _COUNTS.unpack_from(record)
    return good, bad, guesses


def hung_up_at(record: bytes) -> int | None:
    """Of a packed one: when it was hung up on last; None: it was not."""
    times = record[_TIMES]
    return _TIME.unpack_from(record, _HEAD.size + 4 * (times - 1))[0] if times else None


def checked(standing: Standing) -> Standing:
    """What comes from outside, within what a record has room for. Raises TypeError and ValueError."""
    return Standing(
        kept_count(standing.good),
        kept_count(standing.bad),
        kept_count(standing.guesses),
        kept_time(standing.at),
        kept_time(standing.first),
        kept_time(standing.last),
        kept_time(standing.day),
        min(max(int(standing.days), 0), _MOST_DAYS),
        tuple(map(kept_time, standing.hung_up))[-_MOST_TIMES:],
        tuple(str(helo)[:_LONGEST] for helo in standing.helos)[:_HELOS],
    )
