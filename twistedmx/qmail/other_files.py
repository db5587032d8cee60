"""Lists and cdbs that stand elsewhere than in control/, where the environment says: VALIDRCPTTO, MOREVALIDRCPTTO_CDB.

A path without a leading `/` begins in the home of qmail, where qmail-smtpd has changed to. One status for each question.
"""

import os
from collections import OrderedDict
from typing import Final

from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.control import BadControls
from twistedmx.qmail.lists import Lines
from twistedmx.qmail.status import LARGE, Identity, identity_of, octets_of

_MOST: Final = 16  # files that are remembered: one or two for each kind of rule in tcp.smtp


class OtherFiles:
    """Those of the qmail whose home is `home`."""

    def __init__(self, home: str) -> None:
        self._home = os.fsencode(home)
        self._known: OrderedDict[tuple[bytes, type], tuple[Identity, Lines | Cdb]] = OrderedDict()

    def lines(self, path: bytes) -> Lines | None:
        """The list at `path`; None where it is missing. Raises BadControls."""
        found = self._find(path, Lines)
        return found if isinstance(found, Lines) else None

    def cdb(self, path: bytes) -> Cdb | None:
        """The cdb at `path`; None where it is missing. Raises BadControls."""
        found = self._find(path, Cdb)
        return found if isinstance(found, Cdb) else None

    def _find(self, path: bytes, kind: type) -> Lines | Cdb | None:
        whole = os.path.join(self._home, path)
        try:
            identity = identity_of(os.stat(whole))
            known = self._known.pop((whole, kind), None)
            if known is None or known[0] != identity:
                known = identity, Cdb(whole) if kind is Cdb else _lines_of(whole)
        except FileNotFoundError:
            return None
        except BadCdb as bad:
            raise BadControls(os.fsdecode(whole), f"{bad}; make it anew") from None
        except BadControls:
            raise
        except (OSError, ValueError) as error:
            # ValueError: a NUL in the path.
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise BadControls(os.fsdecode(whole), f"{why}: whom qmail-smtpd runs as must be able to read it") from None
        self._known[whole, kind] = known
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return known[1]


def _lines_of(path: bytes) -> Lines:
    octets = octets_of(path)
    if octets is None:
        raise BadControls(os.fsdecode(path), f"more than {LARGE} octets: put them into a cdb")
    return Lines.read(octets, os.fsdecode(path))
