"""A table while it is read: takes its entries one by one, notes every fault, and at the end gives a Snapshot or BadTable.

What an entry may say is judged here, for every format; a reader only cuts its file into entries. What all of them together
mean is judged in `conclusion`.
"""

import math
import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from twistedmx.mailbox.conclusion import Values, Written, conclude, found_in
from twistedmx.mailbox.faults import Place, shown
from twistedmx.mailbox.refusal import parse_refusal
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.snapshot import Snapshot
from twistedmx.mailbox.subject import Kind, Subject, parse_domain, parse_subject
from twistedmx.mailbox.template import SHORT, MaildirTemplate, UnsafeName, check_maildir
from twistedmx.model.mailbox import DISABLED, OVER_QUOTA, Lookup, Outcome
from twistedmx.smtp.path import BadPath, Path

# What nearly every local part is: needs no parse_path, no normal form and no quotes, and is a safe name.
_is_plain = re.compile(rb"[a-z0-9_+=-]+(?:\.[a-z0-9_+=-]+)*").fullmatch


class Draft:
    """`source`: names the table in faults."""

    def __init__(self, source: str, template: MaildirTemplate, rules: Rules = Rules()) -> None:  # noqa: B008 -- frozen
        self._written = written = Written(source=source, template=template, rules=rules)
        self.fault = written.fault
        self._template = template
        self._rules = rules
        self._domains = written.domains
        self._maildirs: dict[bytes, str] = {}  # the template at each own domain in which case makes no difference
        self._domain_entries: dict[bytes, Place] = {}
        self._entries = written.places
        self._lookups = written.lookups

    def take_mailbox(self, place: Place, address: bytes) -> None:
        """Take in a mailbox with the template's Maildir: the bulk of a large table (benchmarks/load_tables.py)."""
        key = address.lower()
        local, _, domain = key.rpartition(b"@")
        if domain in self._maildirs and key not in self._entries and _is_plain(local):
            maildir = self._maildirs[domain].replace("{local}", local.decode("ascii"))
            if len(maildir) <= SHORT:
                self._entries[key] = place
                self._lookups[key] = found_in(address, maildir)
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
        subject = self._by_case(subject)
        server = self._rules.elsewhere.get(subject.domain)
        if server is not None and subject.kind is not Kind.ADDRESS:
            remedy = f"remove it, or the domain from {server}"
            self.fault(place, f"{shown(octets)}, a domain that {server} serves", "addresses of it at most", remedy)
            return None
        if server is None and subject.domain and subject.domain not in self._domains:
            self._domains[subject.domain] = place
            if subject.domain not in self._rules.case.sensitive:
                self._maildirs[subject.domain] = self._template.at(subject.domain.decode())
        first = (self._domain_entries if is_domain else self._entries).setdefault(subject.key, place)
        if first == place:
            return subject
        where = f"in line {first}" if isinstance(first, int) else f"at {first}"
        self.fault(place, f"{shown(octets)}, which has an entry {where}", "one entry for each", "remove one of them")
        return None

    def _by_case(self, subject: Subject) -> Subject:
        if subject.domain not in self._rules.case.sensitive or subject.kind is not Kind.ADDRESS:
            return subject
        path = Path(address=subject.address, domain=subject.address.rpartition(b"@")[2])
        return attrs.evolve(subject, key=self._rules.case.key_of(path))

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
            self._written.add_mailbox(
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
                target = self._by_case(parse_subject(value))
                if target.kind is Kind.CATCH_ALL:
                    raise BadPath("it is a whole domain")
            except BadPath as wrong:
                found = f"alias to {shown(value)}: {wrong}"
                self.fault(place, found, "addresses, with commas between them", "mend it, or remove it")
            else:
                targets[target.key] = None
        self._written.aliases[subject.key] = tuple(targets)

    def finish(self) -> Snapshot:
        """The table. Raises BadTable when anything was wrong."""
        return conclude(self._written)


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


def _kinds(meaning: _Meaning | None) -> str:
    return " or ".join(kind.value for kind in (meaning or KEYWORDS[b"mailbox"]).subjects)
