"""Maildir++ quotas: what was delivered is added to the Maildir's `maildirsize`, so that nobody has to count it.

By https://www.courier-mta.org/imap/README.maildirquota.html: the line "<octets> 1", in one write. Whether there is room
is asked at RCPT, of a mailboxes backend; the file is begun, and counted anew, by those who check quotas. The other half,
`,S=<octets>` in the file name, every name of ours has (`maildir.Names`).

BUGS: a copy for a folder of a Maildir++ (`.Junk`) is added to nothing: its quota is kept above it. A `maildirsize` that
is made is seen half a minute later; what was delivered meanwhile is missing in it until it is counted anew. A crash between
the sync of a message and its line has the same effect.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from twisted.logger import Logger

_LOOKED_AGAIN = 30.0  # seconds: a mailbox without quota costs one failed open in so long
_REMEMBERED = 16_384  # Maildirs; some 150 octets each


@runtime_checkable
class KeepsMaildirsize(Protocol):
    """What a Disk may know beside its port."""

    def add_to_maildirsize(self, maildir: str, octets: int) -> bool:
        """Add a message of so many octets. False if the Maildir has no `maildirsize`. Raises OSError."""


class Tally:
    """For the writer thread. `now`: seconds since the epoch."""

    _log = Logger()

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._without: dict[str, float] = {}  # by Maildir: when it was seen to have none

    def wants(self, maildir: str) -> bool:
        """May this Maildir have a `maildirsize`? For most the answer is no, and from memory."""
        seen = self._without.get(maildir)
        return seen is None or not 0 <= self._now() - seen < _LOOKED_AGAIN

    def add(self, disk: object, maildir: str, octets: int) -> None:
        """A message of so many octets is safe in `maildir`. Never raises: the message counts, not its line."""
        self._without.pop(maildir, None)
        try:
            if isinstance(disk, KeepsMaildirsize) and disk.add_to_maildirsize(maildir, octets):
                return
        except OSError as error:
            self._log.warn("{maildir}/maildirsize: cannot be added to: {error}", maildir=maildir, error=error)
        if len(self._without) >= _REMEMBERED:
            self._without.clear()
        self._without[maildir] = self._now()
