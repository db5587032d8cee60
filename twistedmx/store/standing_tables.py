"""Which table of the file holds which part of what is known of clients, and how one becomes the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import attrs

from twistedmx.policy import standing
from twistedmx.policy.network_standing import has_good_mail
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.segments import Segments
from twistedmx.policy.tally import is_of_several
from twistedmx.store.jobs import Row
from twistedmx.store.standing_rows import host_of, host_row, key_text, network_of, network_row, tally_of, tally_row

_HOSTS: Final = "host, good, bad, guesses, heard, first, last, day, days, hung_up, helos"
_NETWORKS: Final = "network, good, bad, heard, offenders, senders"
_TALLIES: Final = "name, good, bad, heard, first, hosts, networks"


@attrs.frozen(kw_only=True)
class StandingTable:
    """`segments`: what it holds. `name`, `columns`: in the file; the first column is the key.

    `row_of`: of a key and its value; `of_row`: these of a row, raises anything where it is none; `text_of`: the first column of a
    key. `is_proven`: the segment of a value. `joined`: one value of two. `shifted`: a value whose times are so many seconds later.
    """

    segments: Segments[Any, Any]
    name: str
    columns: str
    row_of: Callable[[Any, Any], Row]
    of_row: Callable[[Sequence[Any]], tuple[Any, Any]]
    text_of: Callable[[Any], str]
    is_proven: Callable[[Any], bool]
    joined: Callable[[Any, Any], Any]
    shifted: Callable[[Any, int], Any]

    @property
    def put(self) -> str:
        """The statement that keeps a row."""
        places = ", ".join("?" for _ in self.columns.split())
        return f"INSERT OR REPLACE INTO {self.name} ({self.columns}) VALUES ({places})"  # noqa: S608  # names of ours

    @property
    def remove(self) -> str:
        """The statement that removes the row of a key."""
        return f"DELETE FROM {self.name} WHERE {self.columns.partition(',')[0]} = ?"  # noqa: S608

    @property
    def all(self) -> str:
        """The statement that finds all rows, in the order in which they were heard of."""
        return f"SELECT {self.columns} FROM {self.name} ORDER BY heard"  # noqa: S608

    def some(self, number: int) -> str:
        """The statement that finds the rows of so many keys."""
        key, places = self.columns.partition(",")[0], ", ".join("?" * number)
        return f"SELECT {self.columns} FROM {self.name} WHERE {key} IN ({places})"  # noqa: S608

    def take(self, items: Sequence[tuple[Any, Any]]) -> None:
        """What was kept is there. What came since the start stays, and is joined to it."""
        for key, value in items:
            known = self.segments.get(key)
            if known is None:
                self.segments.restore(key, value, proven=self.is_proven(value))
            else:
                both = self.joined(known, value)
                self.segments.put(key, both, proven=self.is_proven(both))


def tables_of(reputation: Reputation) -> Iterator[StandingTable]:
    """All that it knows."""

    def joined(one: Any, two: Any) -> Any:
        return one.joined(two, reputation.settings.half_life)

    def host_is_proven(record: bytes) -> bool:
        return not standing.lacks(standing.unpacked(record), reputation.time.seconds, reputation.settings)

    yield StandingTable(
        segments=reputation.hosts,
        name="hosts",
        columns=_HOSTS,
        row_of=host_row,
        of_row=host_of,
        text_of=key_text,
        is_proven=host_is_proven,
        joined=lambda one, two: standing.packed(joined(standing.unpacked(one), standing.unpacked(two))),
        shifted=lambda record, seconds: standing.packed(standing.unpacked(record).shifted(seconds)),
    )
    yield StandingTable(
        segments=reputation.networks,
        name="networks",
        columns=_NETWORKS,
        row_of=network_row,
        of_row=network_of,
        text_of=key_text,
        is_proven=lambda known: has_good_mail(known, reputation.time.seconds, reputation.settings),
        joined=joined,
        shifted=lambda known, seconds: known,  # nobody moves them
    )
    for name, segments in (("helos", reputation.helos), ("campaigns", reputation.campaigns)):
        yield StandingTable(
            segments=segments,
            name=name,
            columns=_TALLIES,
            row_of=tally_row,
            of_row=tally_of,
            text_of=str,
            is_proven=is_of_several,
            joined=joined,
            shifted=lambda one, seconds: one.shifted(seconds),
        )
