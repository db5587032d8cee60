"""Aliases followed to their mailboxes, once, when a table is read.

BUGS: an alias of n aliases of m mailboxes takes n*m steps; tables in which groups hold groups of thousands load slowly.
"""

from collections.abc import Iterator, Mapping, Sequence

from twistedmx.model.mailbox import OVER_QUOTA, Destination, Lookup, Outcome

Loop = tuple[bytes, ...]


def follow(
    aliases: Mapping[bytes, Sequence[bytes]], mailboxes: Mapping[bytes, Lookup]
) -> tuple[dict[bytes, Lookup], list[Loop]]:
    """What a look-up of each alias finds, and the loops among them, each with its first alias again at its end.

    `aliases`: targets by key; each target is a key of `aliases` or of `mailboxes`. Destinations keep the order of the
    targets, each Maildir once. An alias is over quota when one of its targets is: with the others alone, 250 would promise
    that one a copy which it does not get.
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
                followed[alias] = _joined(followed.get(target) or mailboxes.get(target) for target in aliases[alias])
    return followed, loops


def _joined(lookups: Iterator[Lookup | None]) -> Lookup:
    found = [lookup for lookup in lookups if lookup is not None]
    if len(found) == 1:
        return found[0]
    by_maildir: dict[str, Destination] = {}
    for lookup in found:
        for destination in lookup.destinations:
            by_maildir.setdefault(destination.maildir, destination)
    if OVER_QUOTA in found or not by_maildir:
        return OVER_QUOTA
    return Lookup(outcome=Outcome.FOUND, destinations=tuple(by_maildir.values()))
