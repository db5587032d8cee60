"""The two forms of users/assign, asked the same questions: the cdb that qmail-newu(8) makes of it, and its text."""

import os
from typing import Final, Protocol

from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.doubt import CouldNotTell, unreadable

_FIELDS: Final = 6
_MOST_OCTETS: Final = 64 * 1024 * 1024  # of the text: half a million domains
_REMAKE: Final = "run qmail-newu, which makes it of users/assign"


class AssignTable(Protocol):
    """What both can tell. Made of a path; to be closed. Raises CouldNotTell, where it is made and where it is asked."""

    def exact(self, local: bytes) -> bytes | None:
        """The entry "=`local`", six fields with NULs between; `local` in small letters."""

    def beginning(self, beginning: bytes) -> bytes | None:
        """The entry "+`beginning`"."""

    def ends(self) -> bytes:
        """The octets in which beginnings end; perhaps more."""

    def same_as(self, status: os.stat_result) -> bool:
        """Whether the file with this status is the one that was read."""

    def close(self) -> None:
        """Nothing more is asked."""


class CdbTable:
    """users/cdb, open."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._cdb = Cdb(path)
            ends = self._cdb.get(b"")
        except OSError as error:
            raise unreadable(path, error) from error
        except BadCdb as bad:
            raise CouldNotTell(path, str(bad), _REMAKE) from None
        if ends is None:
            self._cdb.close()
            raise CouldNotTell(path, "has no record that says in which octets a beginning ends", _REMAKE)
        self._ends = ends

    def exact(self, local: bytes) -> bytes | None:
        return self._get(b"!" + local + b"\0")

    def beginning(self, beginning: bytes) -> bytes | None:
        return self._get(b"!" + beginning)

    def ends(self) -> bytes:
        return self._ends

    def same_as(self, status: os.stat_result) -> bool:
        return self._cdb.same_as(status)

    def close(self) -> None:
        self._cdb.close()

    def _get(self, key: bytes) -> bytes | None:
        try:
            return self._cdb.get(key)
        except BadCdb as bad:
            raise CouldNotTell(self._path, str(bad), _REMAKE) from None


class TextTable:
    """users/assign, as qmail-newu.c reads it."""

    def __init__(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                self._identity = _identity(os.fstat(file.fileno()))
                text = file.read(_MOST_OCTETS + 1)
        except OSError as error:
            raise unreadable(path, error) from error
        if len(text) > _MOST_OCTETS:
            raise CouldNotTell(
                path, f"has more than {_MOST_OCTETS} octets", "run qmail-newu, for a cdb of any size is read"
            )
        try:
            self._entries = parse_assign(text)
        except BadAssign as bad:
            raise CouldNotTell(path, str(bad), "mend it, and run qmail-newu") from None
        self._ends = bytes({key[-1] for key in self._entries if len(key) > 1 and not key.endswith(b"\0")})

    def exact(self, local: bytes) -> bytes | None:
        return self._entries.get(b"!" + local + b"\0")

    def beginning(self, beginning: bytes) -> bytes | None:
        return self._entries.get(b"!" + beginning)

    def ends(self) -> bytes:
        return self._ends

    def same_as(self, status: os.stat_result) -> bool:
        return _identity(status) == self._identity

    def close(self) -> None:
        """Nothing is open."""


class BadAssign(ValueError):
    """No users/assign. The text says which line, and what is expected."""


def parse_assign(text: bytes) -> dict[bytes, bytes]:
    """The keys and data that qmail-newu makes of it, but for the record without a key. Raises BadAssign."""
    entries: dict[bytes, bytes] = {}
    number = 0
    for number, line in enumerate(text.split(b"\n"), 1):
        if line.startswith(b"."):
            return entries
        name, _, rest = line.partition(b":")
        fields = rest.split(b":", _FIELDS)
        if not name or len(fields) <= _FIELDS or b"\0" in line:
            raise BadAssign(
                f"line {number} is {shown(line)}; expected =local:user:uid:gid:home:dash:extension:, or + for =, or a dot"
            )
        key = b"!" + name[1:].lower()
        entries.setdefault(key if name.startswith(b"+") else key + b"\0", b"\0".join(fields[:_FIELDS]))
    raise BadAssign(f"ends at line {number} without a line that is a dot, as if it were cut off")


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def shown(octets: bytes) -> str:
    """For a fault: an entry as it stands in the text, shortened."""
    return repr(octets[:80].replace(b"\0", b":").decode("latin-1"))
