"""Aliases followed to their mailboxes, once, when a table is read; those that lead out of the table, as far as it goes.

BUGS: an alias of n aliases of m mailboxes takes n*m steps; tables in which groups hold groups of thousands load slowly.
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs

from twistedmx.model.mailbox import OVER_QUOTA, Destination, Lookup, Outcome
from twistedmx.smtp.path import Path

Loop = tuple[bytes, ...]


@attrs.frozen(kw_only=True)
class Targets(Lookup):
    """What an alias finds whose targets are not all in its table: alone it cannot tell, `MailboxesByDomain` asks the rest.

    `parts`: in the order of the targets; a Path is to be asked for.
    """

    parts: tuple[Lookup | Path, ...]
    outcome: Outcome = Outcome.COULD_NOT_TELL
    detail: str = "an alias leads to a mailbox of another backend"


def follow(
    aliases: Mapping[bytes, Sequence[bytes]], mailboxes: Mapping[bytes, Lookup]
) -> tuple[dict[bytes, Lookup], list[Loop]]:
    """What a look-up of each alias finds, and the loops among them, each with its first alias again at its end.

    `aliases`: targets by key; each target is a key of `aliases` or of `mailboxes`.
    """
    followed: dict[bytes, Lookup] = {}
    loops: list[Loop] = []
    for start in aliases:
        if start in followed:
            continue
        # A stack of our own: a chain of aliases may be longer than Python's stack is deep.
        trail: dict[bytes, Iterator[bytes]] = {start: iter(aliases[start])}
        while trail:
            alias, targets = next(reversed(trail.items()))
            for target in targets:
                if target in trail:
                    keys = list(trail)
                    loops.append((*keys[keys.index(target) :], target))
                elif target in aliases and target not in followed:
                    trail[target] = iter(aliases[target])
                    break
            else:
                del trail[alias]
                lookups = (followed.get(target) or mailboxes.get(target) for target in aliases[alias])
                followed[alias] = join([lookup for lookup in lookups if lookup is not None])
    return followed, loops


def join(lookups: Sequence[Lookup]) -> Lookup:
    """What an alias of all these finds. Destinations keep the order of the targets, each Maildir once.

    It is over quota when one of its targets is, and cannot be told when one of them cannot: with the others alone, 250
    would promise that one a copy which it does not get.
    """
    if len(lookups) == 1:
        return lookups[0]
    if any(type(lookup) is Targets for lookup in lookups):
        parts = [part for lookup in lookups for part in (lookup.parts if isinstance(lookup, Targets) else (lookup,))]
        return Targets(parts=tuple(dict.fromkeys(parts)))
    by_maildir: dict[str, Destination] = {}
    for lookup in lookups:
        if lookup.outcome is Outcome.COULD_NOT_TELL:
            return lookup
        for destination in lookup.destinations:
            by_maildir.setdefault(destination.maildir, destination)
    if OVER_QUOTA in lookups or not by_maildir:
        return OVER_QUOTA
    return Lookup(outcome=Outcome.FOUND, destinations=tuple(by_maildir.values()))
