"""Who gets a local message that users/assign does not name: an account of the system, or the user `alias` (qmail-getpw(8)).

The longest name of an account at the beginning of the local part wins, up to its end or up to a break octet; the rest is the
extension. Not root, and not who does not own his home. Nobody: then `alias` gets all of it, as `.qmail-` and the whole.

A home that we may not look at, or that is not there, cannot be told; qmail-getpw.c takes its user for nobody, and `alias` gets, or
refuses, his mail, for as long as /home is not mounted. Not so the homes of the system's own accounts, which need not be there.

To be asked in a thread: a directory of users may be far away.
"""

import os
import pwd
from collections.abc import Callable
from typing import Final

from twistedmx.mailbox.name_service import user_named
from twistedmx.qmail.account import Account
from twistedmx.qmail.doubt import CouldNotTell

UserNamed = Callable[[str], pwd.struct_passwd]
"""As mailbox.name_service.user_named: raises KeyError for nobody, OSError where it cannot be told."""
# qmail-getpw.c, GETPW_USERLEN: the name and a NUL have 32 octets.
_LONGEST: Final = 31
_FIRST_USER: Final = 1000  # uid: below are the system's own accounts (UID_MIN, login.defs(5))
_NOBODY: Final = 65_534


class Accounts:
    """The accounts of the system, in qmail's eyes. Holds nothing."""

    def __init__(self, user_named: UserNamed = user_named, *, alias: str = "alias", break_octet: bytes = b"-") -> None:
        """`alias`: conf-users says it. `break_octet`: conf-break says it; one octet."""
        self._user_named = user_named
        self._alias = alias
        self._break = break_octet

    def find(self, local: bytes) -> Account:
        """Whose mail for `local` is: an account's, or else alias's. Whether he has such a `.qmail` file is another question.

        Raises CouldNotTell.
        """
        for end in range(len(local), -1, -1):
            if end > _LONGEST or local[end : end + 1] not in (b"", self._break):
                continue
            found = self._look_up(local[:end].lower())
            if found is not None and _has_home(found):
                return _account(found, dash=local[end : end + 1] and b"-", extension=local[end + 1 :])
        alias = self._look_up(os.fsencode(self._alias))
        if alias is None:
            raise CouldNotTell(
                "/etc/passwd", f"there is no user {self._alias}", "make the users of qmail, as INSTALL.ids says"
            )
        return _account(alias, dash=b"-", extension=local)

    def _look_up(self, name: bytes) -> pwd.struct_passwd | None:
        if not name or b"\0" in name:
            return None
        try:
            return self._user_named(os.fsdecode(name))
        except (KeyError, UnicodeError):
            return None
        except OSError as error:
            raise CouldNotTell(
                "/etc/nsswitch.conf",
                f"the users of the system cannot be asked: {error.strerror}",
                "mend its sources of passwd",
            ) from error


def _has_home(user: pwd.struct_passwd) -> bool:
    """Is it an account that gets mail? Raises CouldNotTell."""
    if not user.pw_uid:
        return False
    try:
        return os.stat(user.pw_dir).st_uid == user.pw_uid
    except OSError as error:
        is_missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        if is_missing and (user.pw_uid < _FIRST_USER or user.pw_uid == _NOBODY):
            return False
        raise CouldNotTell(
            user.pw_dir, f"cannot be looked at: {error.strerror}", f"see whether the home of {user.pw_name} is mounted"
        ) from error


def _account(user: pwd.struct_passwd, *, dash: bytes, extension: bytes) -> Account:
    return Account(
        user=os.fsencode(user.pw_name),
        uid=user.pw_uid,
        gid=user.pw_gid,
        home=os.fsencode(user.pw_dir),
        dash=dash,
        extension=extension,
    )
