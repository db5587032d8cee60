"""users/assign, and users/cdb which qmail-newu(8) makes of it: who gets a local message (qmail-users(5)).

    assign   = *( ( "=" local / "+" beginning ) ":" user ":" uid ":" gid ":" home ":" dash ":" extension ":" LF ) "." LF

"=" is for one local part, "+" for all that begin so, the rest of which is put behind `extension`; the longest wins. In the cdb
the key is "!" + local + NUL, or "!" + beginning; the record without a key holds each octet in which a beginning ends, so that
few lengths are asked for (qmail-lspawn.c). Case does not matter, and of two entries with the same name the first one counts.

qmail-lspawn reads users/cdb alone. Where users/assign has no cdb yet, its text is read instead: qmail's own deliveries will not
know of it before qmail-newu is run, as `check-config` warns. Which of them is there, and whether it is still the same, is looked
at by each call.

BUGS: a beginning that ends in a capital letter is found here, and never by qmail-lspawn.
"""

import os
import stat
from typing import Final

from twistedmx.qmail.account import Account
from twistedmx.qmail.assign_tables import AssignTable, CdbTable, TextTable, shown
from twistedmx.qmail.doubt import CouldNotTell, unreadable

_FIELDS: Final = 6
_LARGEST: Final = 0xFFFFFFFF  # of a uid, a gid


class Assign:
    """Both files of one qmail. To be closed, where it is not kept for as long as the server runs."""

    def __init__(self, home: str) -> None:
        """`home`: the folder of qmail, as /var/qmail."""
        self.home = home
        self._cdb = os.path.join(home, "users", "cdb")
        self._text = os.path.join(home, "users", "assign")
        self._table: AssignTable | None = None

    def find(self, local: bytes) -> Account | None:
        """Whose mail for `local` is; None where the files do not say, and the accounts of the system decide.

        Raises CouldNotTell.
        """
        table = self._opened()
        if table is None or b"\0" in local:
            return None
        name = local.lower()
        entry = table.exact(name)
        if entry is not None:
            return self._account(entry, b"")
        ends = table.ends()
        for length in range(len(name), -1, -1):
            if not length or name[length - 1] in ends:
                entry = table.beginning(name[:length])
                if entry is not None:
                    return self._account(entry, local[length:])
        return None

    def beginning(self, beginning: bytes) -> Account | None:
        """The entry "+`beginning`" itself, as vpopmail asks for a domain by "domain-". Raises CouldNotTell."""
        table = self._opened()
        entry = table.beginning(beginning.lower()) if table is not None and b"\0" not in beginning else None
        return self._account(entry, b"") if entry is not None else None

    def close(self) -> None:
        """Nothing more is asked."""
        if self._table is not None:
            self._table.close()
        self._table = None

    def _opened(self) -> AssignTable | None:
        found = _status(self._cdb)
        if found is not None:
            return self._of(found, CdbTable, self._cdb)
        found = _status(self._text)
        if found is None:
            self.close()
            return None
        return self._of(found, TextTable, self._text)

    def _of(self, status: os.stat_result, kind: "type[CdbTable] | type[TextTable]", path: str) -> AssignTable:
        if isinstance(self._table, kind) and self._table.same_as(status):
            return self._table
        self.close()
        self._table = kind(path)
        return self._table

    def _account(self, entry: bytes, rest: bytes) -> Account:
        try:
            return _read_entry(entry, rest)
        except ValueError as wrong:
            raise CouldNotTell(self._text, f"the entry {shown(entry)} {wrong}", "mend it, and run qmail-newu") from None


def _read_entry(entry: bytes, rest: bytes) -> Account:
    """Raises ValueError: what is wrong with it, as the end of a sentence."""
    fields = entry.split(b"\0")
    if len(fields) < _FIELDS:
        raise ValueError("has too few fields")
    user, uid, gid, home, dash, extension = fields[:_FIELDS]
    owner, group = _number(uid), _number(gid)
    if not owner:
        raise ValueError("has uid 0: qmail delivers nothing as root")
    if not home.startswith(b"/"):
        raise ValueError("has a home that is no absolute path")
    return Account(user=user, uid=owner, gid=group, home=home, dash=dash, extension=extension + rest)


def _number(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 10 or int(digits) > _LARGEST:
        raise ValueError("has a uid or gid that is no number")
    return int(digits)


def _status(path: str) -> os.stat_result | None:
    """None where there is no such file. Raises CouldNotTell."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise CouldNotTell(path, "is no ordinary file", "move it away")
    return found
