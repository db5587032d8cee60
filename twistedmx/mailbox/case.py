"""Does case matter in local parts? RFC 5321 2.4 leaves that to each domain."""

from collections.abc import Collection

import attrs

from twistedmx.mailbox.keys import domain_key, key_of
from twistedmx.mailbox.obligatory import is_obligatory
from twistedmx.smtp.path import Path, quoted_if_needed


@attrs.frozen(kw_only=True)
class CaseRules:
    """`sensitive`: keys of the domains whose local parts are compared as written; in all others case makes no difference."""

    sensitive: Collection[bytes] = frozenset()

    def key_of(self, path: Path) -> bytes:
        """When two paths have equal keys they are the same mailbox. Never raises."""
        if not self.sensitive or not path.domain:
            return key_of(path)
        domain = domain_key(path.domain)
        if domain not in self.sensitive or is_obligatory(path):
            return key_of(path)
        return quoted_if_needed(path.local_part) + b"@" + domain
