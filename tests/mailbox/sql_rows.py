"""A table that a query of ours can be asked of, in SQL that SQLite and PostgreSQL share, and what a Household is in it."""

from twistedmx.mailbox.keys import domain_key
from twistedmx.smtp.path import parse_path
from twistedmx.testing.mailboxes import Household

SCHEMA = "CREATE TABLE entries (address TEXT NOT NULL, state TEXT, alias TEXT, maildir TEXT, reject TEXT, owner TEXT)"
INSERT = "INSERT INTO entries (address, state, alias) VALUES ({0}, {0}, {0})"
QUERY = "SELECT state, alias, maildir, reject, owner FROM entries WHERE address = :address"

Row = tuple[str, str | None, str | None]


def rows_of(household: Household) -> list[Row]:
    """address, state and alias of each entry; one row for each target of an alias."""
    rows: list[Row] = [(key(address), None, None) for address in household.mailboxes]
    rows += [(key(address), "disabled", None) for address in household.disabled]
    rows += [(key(address), "over-quota", None) for address in household.over_quota]
    rows += [(key(alias), None, target) for alias, targets in household.aliases.items() for target in targets]
    return rows


def key(address: str) -> str:
    """As :address has it: local part in lower case, domain in A-labels, "@example.org" for all others."""
    if address.startswith("@"):
        return "@" + domain_key(address[1:].encode()).decode()
    local, _, domain = address.rpartition("@")
    return f"{parse_path(address.encode()).local_part.decode().lower() if local else ''}@{domain_key(domain.encode()).decode()}"
