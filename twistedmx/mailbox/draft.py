"""A table while it is read: takes its entries one by one, notes every fault, and at the end gives a Snapshot or BadTable.

The rules of a table live here, for every format; a reader only cuts its file into entries. An address that no entry
names exists all the same when it is postmaster or abuse of an own domain (RFC 5321 4.5.1, RFC 2142 4), or when its
domain has a catch-all; an alias may name such an address like any other.
"""

import math
import posixpath
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from twistedmx.mailbox.aliases import follow
from twistedmx.mailbox.faults import BadTable, Fault, Place, shown
from twistedmx.mailbox.refusal import parse_refusal
from twistedmx.mailbox.snapshot import Snapshot
from twistedmx.mailbox.subject import Kind, Subject, parse_domain, parse_subject
from twistedmx.mailbox.template import SHORT, MaildirTemplate, UnsafeName, check_maildir
from twistedmx.model.mailbox import DISABLED, OVER_QUOTA, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import POSTMASTER, BadPath, Path

Values = tuple[bytes, ...]

_FOUND = Outcome.FOUND
_SHOWN_LOOP = 10  # addresses
# What nearly every local part is: needs no parse_path, no normal form and no quotes, and is a safe name.
_is_plain = re.compile(rb"[a-z0-9_+=-]+(?:\.[a-z0-9_+=-]+)*").fullmatch


class Draft:
    """`source`: names the table in faults."""

    def __init__(self, source: str, template: MaildirTemplate) -> None:
        self._source = source
        self._template = template
        self._faults: list[Fault] = []
        self._domains: dict[bytes, Place] = {}  # own ones by key, in the order of the table
        self._maildirs: dict[bytes, str] = {}  # the template at each own domain
        self._domain_entries: dict[bytes, Place] = {}
        self._entries: dict[bytes, Place] = {}  # all others by key, also those at fault
        self._lookups: dict[bytes, Lookup] = {}
        self._aliases: dict[bytes, Values] = {}  # keys of the targets

    def fault(self, place: Place, found: str, expected: str, remedy: str) -> None:
        """Note what is wrong with the table."""
        self._faults.append(Fault(source=self._source, place=place, found=found, expected=expected, remedy=remedy))

    def take_mailbox(self, place: Place, address: bytes) -> None:
        """Take in a mailbox with the template's Maildir: the bulk of a large table (benchmarks/load_tables.py)."""
        key = address.lower()
        local, _, domain = key.rpartition(b"@")
        if domain in self._maildirs and key not in self._entries and _is_plain(local):
            maildir = self._maildirs[domain].replace("{local}", local.decode("ascii"))
            if len(maildir) <= SHORT:
                self._entries[key] = place
                self._lookups[key] = _found(address, maildir)
                return
        self.take(place, address, b"mailbox")

    def take(self, place: Place, octets: bytes, keyword: bytes, values: Values = ()) -> None:
        """Take one entry in. `octets`: what it speaks of. All are as written, and UTF-8."""
        meaning = KEYWORDS.get(keyword)
        subject = self._subject(place, octets, meaning)
        if meaning is None:
            self.fault(place, f"unknown word {shown(keyword)}", f"one of {_WORDS}", "mend it, or remove it")
        elif subject is None:
            return
        elif subject.kind not in meaning.subjects:
            remedy = "name the mailbox in an entry of its own, and make this one an alias of it"
            self.fault(place, f"{shown(keyword)} for {shown(subject.address)}", _kinds(meaning), remedy)
        elif not meaning.values[0] <= len(values) <= meaning.values[1]:
            found = (
                f"{shown(b' '.join(values))} behind {shown(keyword)}"
                if values
                else f"{shown(keyword)} and nothing behind it"
            )
            self.fault(place, found, meaning.form, "mend the entry")
        else:
            meaning.build(self, place, subject, values)

    def _subject(self, place: Place, octets: bytes, meaning: "_Meaning | None") -> Subject | None:
        """None when it is malformed or has an entry already, which is then told."""
        is_domain = meaning is not None and Kind.DOMAIN in meaning.subjects
        try:
            subject = parse_domain(octets) if is_domain else parse_subject(octets)
        except BadPath as wrong:
            lacks_keyword = b"@" not in octets and not is_domain
            remedy = (
                "an own domain is written with 'domain' behind it (TOML: in domains)" if lacks_keyword else "mend it"
            )
            self.fault(place, f"{shown(octets)}: {wrong}", _kinds(meaning), remedy)
            return None
        if subject.domain and subject.domain not in self._domains:
            self._domains[subject.domain] = place
            self._maildirs[subject.domain] = self._template.at(subject.domain.decode())
        first = (self._domain_entries if is_domain else self._entries).setdefault(subject.key, place)
        if first == place:
            return subject
        where = f"in line {first}" if isinstance(first, int) else f"at {first}"
        self.fault(place, f"{shown(octets)}, which has an entry {where}", "one entry for each", "remove one of them")
        return None

    def _add_mailbox(self, place: Place, key: bytes, address: bytes, maildir: str = "") -> None:
        if not maildir:
            domain = key[key.rindex(b"@") + 1 :]
            local = Path(address=key, domain=domain).local_part
            try:
                maildir = self._template.maildir(local.decode(), domain.decode())
            except UnsafeName as wrong:
                found = f"no Maildir can be made for {shown(address)}: {wrong}"
                self.fault(place, found, "an address that can name a directory", "give it a Maildir of its own")
                return
        self._lookups[key] = _found(address, maildir)

    # Each of these takes in what one keyword says.

    def _build_domain(self, place: Place, subject: Subject, values: Values) -> None:
        """Nothing more: the domain of every subject is an own one."""

    def _build_mailbox(self, place: Place, subject: Subject, values: Values) -> None:
        maildir = values[0].decode() if values else ""
        try:
            if values:
                check_maildir(maildir)
        except UnsafeName as wrong:
            self.fault(place, f"Maildir {shown(maildir)}: {wrong}", "an absolute path", "write it in full")
        else:
            self._add_mailbox(
                place, subject.key, subject.address, "/" + posixpath.normpath(maildir).lstrip("/") if values else ""
            )

    def _build_disabled(self, place: Place, subject: Subject, values: Values) -> None:
        self._lookups[subject.key] = DISABLED

    def _build_over_quota(self, place: Place, subject: Subject, values: Values) -> None:
        self._lookups[subject.key] = OVER_QUOTA

    def _build_refusal(self, place: Place, subject: Subject, values: Values) -> None:
        text = b"".join(values).decode()
        try:
            self._lookups[subject.key] = Lookup(outcome=Outcome.REFUSED, reply=parse_refusal(text))
        except ValueError as wrong:
            self.fault(place, f"refusal {shown(text)}: {wrong}", KEYWORDS[b"reject"].form, "mend the codes or the text")

    def _build_alias(self, place: Place, subject: Subject, values: Values) -> None:
        targets: dict[bytes, None] = {}
        for value in values:
            try:
                target = parse_subject(value)
                if target.kind is Kind.CATCH_ALL:
                    raise BadPath("it is a whole domain")
            except BadPath as wrong:
                found = f"alias to {shown(value)}: {wrong}"
                self.fault(place, found, "addresses, with commas between them", "mend it, or remove it")
            else:
                targets[target.key] = None
        self._aliases[subject.key] = tuple(targets)

    def finish(self) -> Snapshot:
        """The table. Raises BadTable when anything was wrong."""
        if not self._domains:
            # An editor empties a file before it fills it; and a server without a domain has no use for a table.
            if not self._faults:
                self.fault(0, "no own domain", "at least one", "write 'example.org domain' (TOML: domains)")
            raise BadTable(tuple(self._faults))
        self._add_obligatory()
        followed, loops = follow({alias: self._targets(alias) for alias in self._aliases}, self._lookups)
        for loop in loops:
            place = next((self._entries[key] for key in loop if key in self._entries), 0)
            names = " -> ".join(map(shown, loop[:_SHOWN_LOOP])) + " -> ..." * (len(loop) > _SHOWN_LOOP)
            self.fault(place, f"alias loop {names}", "aliases that end in mailboxes", "make one of them a mailbox")
        if self._faults:
            raise BadTable(tuple(sorted(self._faults, key=_line)))
        lookups = self._lookups | followed
        domains = {domain: lookups.pop(b"@" + domain, UNKNOWN) for domain in self._domains}
        lookups[POSTMASTER.key] = lookups[self._first_postmaster()]
        return Snapshot(lookups=lookups, domains=domains, addresses=len(self._entries))

    def _first_postmaster(self) -> bytes:
        return b"postmaster@" + next(iter(self._domains))

    def _add_obligatory(self) -> None:
        for domain, place in self._domains.items():
            catch_all, postmaster, abuse = b"@" + domain, b"postmaster@" + domain, b"abuse@" + domain
            if postmaster not in self._entries:
                first = next((key for key in (catch_all, POSTMASTER.key) if key in self._entries), None)
                if first is None:
                    self._add_mailbox(place, postmaster, postmaster)
                else:
                    self._aliases[postmaster] = (first,)
            served_by = catch_all if catch_all in self._entries else postmaster
            if abuse in self._entries:
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
            means_first = written == POSTMASTER.key and alias in self._entries
            target = self._first_postmaster() if means_first else written
            domain = target.rpartition(b"@")[2]
            lookup = self._lookups.get(target)
            if target in self._aliases or (lookup is not None and lookup.outcome not in _REFUSING):
                targets.append(target)
            elif lookup is None and b"@" + domain in self._aliases:
                targets.append(b"@" + domain)
            elif alias in self._entries and (lookup is not None or target not in self._entries):
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
        self.fault(self._entries[alias], f"alias to {shown(target)}{found}", expected, remedy)


@attrs.frozen(kw_only=True)
class _Meaning:
    """`subjects`: what an entry may speak of. `values`: how many, from and to. `form`: what an operator writes."""

    build: Callable[[Draft, Place, Subject, Values], None]
    subjects: Collection[Kind] = (Kind.ADDRESS,)
    values: tuple[int, float] = (0, 0)
    form: str


KEYWORDS: Final[Mapping[bytes, _Meaning]] = MappingProxyType(
    {
        b"domain": _Meaning(build=Draft._build_domain, subjects=(Kind.DOMAIN,), form="'domain' and nothing behind it"),
        b"mailbox": _Meaning(build=Draft._build_mailbox, values=(0, 1), form="'mailbox' and at most an absolute path"),
        b"alias": _Meaning(
            build=Draft._build_alias,
            subjects=(Kind.ADDRESS, Kind.CATCH_ALL, Kind.POSTMASTER),
            values=(1, math.inf),
            form="'alias' and one or more addresses, with commas between them",
        ),
        b"disabled": _Meaning(build=Draft._build_disabled, form="'disabled' and nothing behind it"),
        b"over-quota": _Meaning(build=Draft._build_over_quota, form="'over-quota' and nothing behind it"),
        b"reject": _Meaning(
            build=Draft._build_refusal, values=(0, 1), form="codes that go together (550 5.7.1) or none, and ASCII text"
        ),
    }
)
_WORDS = ", ".join(keyword.decode() for keyword in KEYWORDS)
_REFUSING = (Outcome.DISABLED, Outcome.REFUSED)


def _found(address: bytes, maildir: str) -> Lookup:
    return Lookup(outcome=_FOUND, destinations=(Destination(address=address, maildir=maildir),))


def _kinds(meaning: _Meaning | None) -> str:
    return " or ".join(kind.value for kind in (meaning or KEYWORDS[b"mailbox"]).subjects)


def _line(fault: Fault) -> int:
    return fault.place if isinstance(fault.place, int) else 0
