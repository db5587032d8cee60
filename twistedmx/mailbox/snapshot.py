"""One version of a table of mailboxes, ready to answer. Every answer was made when the table was read."""

from collections.abc import Mapping, Sequence

import attrs

from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.keys import domain_key, key_of
from twistedmx.model.mailbox import NOT_OURS, UNKNOWN, Lookup
from twistedmx.smtp.path import Path


@attrs.frozen(kw_only=True)
class Snapshot:
    """`lookups`: by key of the address, and b"postmaster". `domains`: by key of an own domain, what finds an address
    that has no entry there: UNKNOWN, or what the catch-all finds. `addresses`: entries written in the table."""

    lookups: Mapping[bytes, Lookup]
    domains: Mapping[bytes, Lookup]
    addresses: int

    def find(self, path: Path) -> Lookup:
        """Where mail for `path` goes. Never raises. benchmarks/load_tables.py shows what it costs."""
        address, domain = path
        found = self.lookups.get(address.lower())
        if found is not None:
            return found
        if address.isascii():
            return self.domains.get(domain.lower(), NOT_OURS)
        found = self.lookups.get(key_of(path))
        return self.domains.get(domain_key(path.domain), NOT_OURS) if found is None else found

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        """As `Mailboxes.none_of`."""
        if self.domains.get(domain.lower()) is not UNKNOWN:
            return False
        lookups = self.lookups
        for address in addresses:  # noqa: SIM110  # a generator costs more than the look-up
            if address.lower() in lookups:
                return False
        return True


@attrs.frozen(kw_only=True)
class SnapshotByCase(Snapshot):
    """The same where case matters in some domains. `case`: in which."""

    case: CaseRules

    def find(self, path: Path) -> Lookup:
        """Where mail for `path` goes. Never raises."""
        found = self.lookups.get(self.case.key_of(path))
        return self.domains.get(domain_key(path.domain), NOT_OURS) if found is None else found

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        """As `Mailboxes.none_of`: each has a key by the rules of its domain."""
        return False
