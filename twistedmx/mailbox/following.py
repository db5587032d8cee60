"""One address followed to its mailboxes through a source that is asked for one entry at a time.

It asks nobody: it yields the path that it wants to know, and is sent the Entry. So a thread and a coroutine can both
drive it.

What it does not: lead to another backend. The rules are those of the table of mailboxes: a target that takes no mail makes
mail for the alias wait until the operator has mended it, and one target over quota makes the alias so.
"""

from collections.abc import Collection, Generator
from typing import Final

from twistedmx.mailbox.entry import NO_ENTRY, BadEntry, Entry
from twistedmx.model.mailbox import OVER_QUOTA, Destination, Lookup, Outcome
from twistedmx.smtp.path import Path

_MOST_ASKED: Final = 1000


def rest_of(domain: bytes) -> Path:
    """What stands for all other addresses of a domain (a key): an empty local part."""
    return Path(address=b"@" + domain, domain=domain)


def follow_one(asked: Path, *, domains: Collection[bytes], catch_all: bool) -> Generator[Path, Entry, Lookup]:
    """What a look-up of `asked` finds; UNKNOWN where it has no entry of its own. Raises BadEntry.

    `asked`: as `entry.keyed` makes it. `domains`: keys of those that the source serves. `catch_all`: a target without
    an entry is served by that of `rest_of` its domain.
    """
    first = yield asked
    if not first.targets:
        return first.lookup
    by_maildir: dict[str, Destination] = {}
    over_quota = False
    seen = {asked}
    line = [(asked, first)]
    for alias, entry in line:  # grows while it is walked
        for named in entry.targets:
            target = named
            if target == alias:
                found = Entry(lookup=entry.lookup)
            elif target in seen:
                continue
            elif len(seen) >= _MOST_ASKED:
                raise BadEntry(f"alias {asked} leads to more than {_MOST_ASKED} addresses")
            elif target.domain not in domains:
                raise BadEntry(f"alias {alias} leads to {target}, whose domain is not one of this backend")
            else:
                seen.add(target)
                found = yield target
            if found is NO_ENTRY and catch_all:
                target = rest_of(target.domain)
                if target in seen:
                    continue
                seen.add(target)
                found = yield target
            if found.targets:
                line.append((target, found))
            elif found.lookup is OVER_QUOTA:
                over_quota = True
            elif found.lookup.outcome is not Outcome.FOUND:
                raise BadEntry(f"alias {alias} leads to {named}, which is {found.lookup.outcome.value}")
            else:
                for destination in found.lookup.destinations:
                    by_maildir.setdefault(destination.maildir, destination)
    if over_quota:
        return OVER_QUOTA
    if not by_maildir:
        raise BadEntry(f"alias {asked} is a loop: it leads to no mailbox")
    return Lookup(outcome=Outcome.FOUND, destinations=tuple(by_maildir.values()))
