"""The users of one domain of vpopmail, open: vpasswd.cdb, or the text it is made of. Looked at anew by each question."""

import os
from typing import Final

from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.doubt import CouldNotTell, unreadable
from twistedmx.qmail.vpasswd import parse_vpasswd

_MOST_OCTETS: Final = 4 * 1024 * 1024  # of a text: some 40,000 users; all of it is in memory
_REMAKE: Final = "run vmkpasswd for the domain, which makes it of vpasswd"
_Identity = tuple[int, int, int, int]


class NoVpasswd(CouldNotTell):
    """Neither file is there: no folder of vpopmail's, or its users are elsewhere, or it is not mounted."""


class VpasswdFile:
    """To be closed. `path`: what is asked."""

    def __init__(self, home: bytes) -> None:
        """`home`: the folder of the domain. Nothing is opened yet."""
        self._home = home
        self._cdb: Cdb | None = None
        self._text: tuple[_Identity, dict[bytes, bytes]] | None = None
        self.path = home + b"/vpasswd.cdb"

    def rest(self, name: bytes) -> bytes | None:
        """What is behind the name and its colon, for `name` in small letters; None without such a user. Raises CouldNotTell."""
        self.path = self._home + b"/vpasswd.cdb"
        status = _status(self.path)
        if status is not None:
            return self._of_cdb(status, name)
        self.path = self._home + b"/vpasswd"
        status = _status(self.path)
        if status is not None:
            return self._of_text(status, name)
        self.close()
        raise NoVpasswd(
            self._home,
            "has neither vpasswd.cdb nor vpasswd",
            "mount it, or run vmkpasswd; users that vpopmail keeps in a database are not known here",
        )

    def close(self) -> None:
        """Nothing more is asked."""
        if self._cdb is not None:
            self._cdb.close()
        self._cdb = self._text = None

    def _of_cdb(self, status: os.stat_result, name: bytes) -> bytes | None:
        try:
            if self._cdb is None or not self._cdb.same_as(status):
                self.close()
                self._cdb = Cdb(self.path)
            return self._cdb.get(name)
        except BadCdb as bad:
            raise CouldNotTell(self.path, str(bad), _REMAKE) from None
        except OSError as error:
            raise unreadable(self.path, error) from error

    def _of_text(self, status: os.stat_result, name: bytes) -> bytes | None:
        identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if self._text is None or self._text[0] != identity:
            self.close()
            if status.st_size > _MOST_OCTETS:
                raise CouldNotTell(self.path, f"has more than {_MOST_OCTETS} octets, and there is no cdb", _REMAKE)
            try:
                with open(self.path, "rb") as file:
                    self._text = identity, parse_vpasswd(file.read(_MOST_OCTETS))
            except OSError as error:
                raise unreadable(self.path, error) from error
        return self._text[1].get(name)


def _status(path: bytes) -> os.stat_result | None:
    """None where there is no such file. Raises CouldNotTell."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error
