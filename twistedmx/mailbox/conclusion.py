"""What the entries of a table mean together: obligatory addresses are added, aliases followed, and all of it is judged.

An address that no entry names exists all the same when it is postmaster or abuse of an own domain (RFC 5321 4.5.1,
RFC 2142 4), or when its domain has a catch-all; an alias may name such an address like any other.
"""

from collections.abc import Sequence

import attrs

from twistedmx.mailbox.aliases import Targets, follow
from twistedmx.mailbox.faults import BadTable, Fault, Place, shown
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.snapshot import Snapshot, SnapshotByCase
from twistedmx.mailbox.template import MaildirTemplate, UnsafeName
from twistedmx.model.mailbox import UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import POSTMASTER, Path

Values = tuple[bytes, ...]

_FOUND = Outcome.FOUND
_REFUSING = (Outcome.DISABLED, Outcome.REFUSED)
_SHOWN_LOOP = 10  # addresses
_READER = b"[mailboxes] postmaster"  # the key of an entry that no table can write


def found_in(address: bytes, maildir: str) -> Lookup:
    """What a mailbox finds."""
    return Lookup(outcome=_FOUND, destinations=(Destination(address=address, maildir=maildir),))


@attrs.define(kw_only=True)
class Written:
    """What stands in a table, each by its key. `source`: names the table in faults.

    `domains`: own ones, in the order of the table. `places`: of all entries but those of domains, also of those at fault.
    `lookups`: of what is no alias. `aliases`: keys of the targets.
    """

    source: str
    template: MaildirTemplate
    rules: Rules
    faults: list[Fault] = attrs.Factory(list)
    domains: dict[bytes, Place] = attrs.Factory(dict)
    places: dict[bytes, Place] = attrs.Factory(dict)
    lookups: dict[bytes, Lookup] = attrs.Factory(dict)
    aliases: dict[bytes, Values] = attrs.Factory(dict)

    def fault(self, place: Place, found: str, expected: str, remedy: str) -> None:
        """Note what is wrong with the table."""
        self.faults.append(Fault(source=self.source, place=place, found=found, expected=expected, remedy=remedy))

    def add_mailbox(self, place: Place, key: bytes, address: bytes, maildir: str = "") -> None:
        """Add one with this Maildir, or with the template's; where that cannot be, it is told."""
        if not maildir:
            domain = key[key.rindex(b"@") + 1 :]
            local = Path(address=key, domain=domain).local_part
            try:
                maildir = self.template.maildir(local.decode(), domain.decode())
            except UnsafeName as wrong:
                found = f"no Maildir can be made for {shown(address)}: {wrong}"
                self.fault(place, found, "an address that can name a directory", "give it a Maildir of its own")
                return
        self.lookups[key] = found_in(address, maildir)


def conclude(written: Written) -> Snapshot:
    """The table. Raises BadTable when anything was wrong with it."""
    return _Conclusion(written).snapshot()


class _Conclusion:
    def __init__(self, written: Written) -> None:
        self._written = written
        self._rules = written.rules
        self._domains = written.domains
        self._places = written.places
        self._lookups = written.lookups
        self._aliases = written.aliases
        self._elsewhere: dict[bytes, Lookup] = {}  # targets in domains of other backends

    def snapshot(self) -> Snapshot:
        """The table. Raises BadTable."""
        if not self._domains and not (self._rules.elsewhere and self._places):
            # An editor empties a file before it fills it; and a server without a domain has no use for a table.
            if not self._written.faults:
                self._written.fault(0, "no own domain", "at least one", "write 'example.org domain' (TOML: domains)")
            raise BadTable(tuple(self._written.faults))
        self._add_reader()
        self._add_obligatory()
        targets = {alias: self._targets(alias) for alias in self._aliases}
        followed, loops = follow(targets, self._elsewhere | self._lookups)
        for loop in loops:
            place = next((self._places[key] for key in loop if key in self._places), 0)
            names = " -> ".join(map(shown, loop[:_SHOWN_LOOP])) + " -> ..." * (len(loop) > _SHOWN_LOOP)
            self._written.fault(
                place, f"alias loop {names}", "aliases that end in mailboxes", "make one of them a mailbox"
            )
        if self._written.faults:
            raise BadTable(tuple(sorted(self._written.faults, key=_line)))
        lookups = self._lookups | followed
        lookups.pop(_READER, None)
        domains = {domain: lookups.pop(b"@" + domain, UNKNOWN) for domain in self._domains}
        if domains:
            lookups[POSTMASTER.key] = lookups[self._first_postmaster()]
        addresses = len(self._places) - (_READER in self._places)
        if not self._rules.case.sensitive:
            return Snapshot(lookups=lookups, domains=domains, addresses=addresses)
        return SnapshotByCase(lookups=lookups, domains=domains, addresses=addresses, case=self._rules.case)

    def _first_postmaster(self) -> bytes:
        return b"postmaster@" + next(iter(self._domains), b"")

    def _add_reader(self) -> None:
        """The setting `[mailboxes] postmaster` as an entry, so that it obeys what aliases obey."""
        if POSTMASTER.key in self._places and not self._domains:
            found, remedy = "'postmaster' in a table without a domain", "set [mailboxes] postmaster instead"
            self._written.fault(self._places[POSTMASTER.key], found, "an own domain", remedy)
        if self._rules.postmaster is not None:
            self._places[_READER] = "[mailboxes] postmaster"
            self._aliases[_READER] = (self._rules.case.key_of(self._rules.postmaster),)

    def _add_obligatory(self) -> None:
        for domain, place in self._domains.items():
            catch_all, postmaster, abuse = b"@" + domain, b"postmaster@" + domain, b"abuse@" + domain
            if postmaster not in self._places:
                first = next((key for key in (catch_all, POSTMASTER.key, _READER) if key in self._places), None)
                if first is None or (first == _READER and self._aliases[_READER] == (postmaster,)):
                    self._written.add_mailbox(place, postmaster, postmaster)
                else:
                    self._aliases[postmaster] = (first,)
            served_by = catch_all if catch_all in self._places else postmaster
            if abuse in self._places:
                continue
            if served_by in self._lookups:
                self._lookups[abuse] = self._lookups[served_by]
            else:
                self._aliases[abuse] = (served_by,)

    def _targets(self, alias: bytes) -> Sequence[bytes]:
        """The targets as keys of entries. Those that cannot be are told, and left out."""
        targets = []
        for written in self._aliases[alias]:
            # An obligatory alias, made here, means the entry `postmaster` itself; a written one what a peer means by it.
            means_first = written == POSTMASTER.key and alias in self._places
            target = self._first_postmaster() if means_first else written
            domain = target.rpartition(b"@")[2]
            lookup = self._lookups.get(target)
            if target in self._aliases or (lookup is not None and lookup.outcome not in _REFUSING):
                targets.append(target)
            elif lookup is None and b"@" + domain in self._aliases:
                targets.append(b"@" + domain)
            elif domain in self._rules.elsewhere and target not in self._places:
                self._elsewhere[target] = Targets(parts=(Path(address=target, domain=domain),))
                targets.append(target)
            elif alias in self._places and (lookup is not None or target not in self._places):
                self._tell_bad_target(alias, target, domain, lookup)
        return targets

    def _tell_bad_target(self, alias: bytes, target: bytes, domain: bytes, lookup: Lookup | None) -> None:
        found, expected = ", which has no entry", "an address of this table"
        remedy = "add an entry for it, or mend the name"
        if lookup is not None:
            found, expected = f", which is {lookup.outcome.value}", "a target that takes mail"
            remedy = "name another one, or give the alias the same entry"
        elif domain not in self._domains:
            found = ", whose domain is not an own one"
            remedy = "mail is not forwarded to other hosts: name a mailbox here, or remove the alias"
        self._written.fault(self._places[alias], f"alias to {shown(target)}{found}", expected, remedy)


def _line(fault: Fault) -> int:
    return fault.place if isinstance(fault.place, int) else 0
