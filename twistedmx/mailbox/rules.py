"""What holds for a table of mailboxes beside its own entries."""

from collections.abc import Mapping

import attrs

from twistedmx.mailbox.case import CaseRules
from twistedmx.smtp.path import Path


@attrs.frozen(kw_only=True)
class Rules:
    """`case`: in which domains it matters. `elsewhere`: keys of the domains that another backend serves, with its name: an
    entry of the table wins there, but the table does not have the domain. `postmaster`: who reads the mail of
    postmasters that have no entry; None: each has a Maildir of its own."""

    case: CaseRules = attrs.Factory(CaseRules)
    elsewhere: Mapping[bytes, str] = attrs.Factory(dict)
    postmaster: Path | None = None
