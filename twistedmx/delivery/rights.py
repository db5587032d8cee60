"""In whose name the agent acts: who may own mail, how root becomes that user for one request, and what root gives up.

Imports the standard library alone. The names of users come from a peer that is not trusted; everything else about them
comes from the system's own tables.
"""

import ctypes
import errno
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

_BELIEVED = 10.0  # seconds: a user that was removed gets no mail after so long
_REMEMBERED = 1024  # users
_NOBODY = 65534  # whom NFS and user namespaces do not know they show as this uid

# capset(2), prctl(2), capabilities(7)
_CAPABILITIES_3 = 0x20080522
_SETGID_AND_SETUID = 1 << 6 | 1 << 7
_PR_SET_NO_NEW_PRIVS = 38


class Refused(OSError):
    """The request is not one that this agent serves. EPERM; the text is for the operator."""

    def __init__(self, text: str) -> None:
        super().__init__(errno.EPERM, text)


class Owner(NamedTuple):
    """A system user who may own mail. `groups`: supplementary ones. `home`: absolute, as the system has it."""

    name: str
    uid: int
    gid: int
    groups: Sequence[int]
    home: str


def check_least_uid(least_uid: int) -> None:
    """Raises ValueError, with words for the operator."""
    if least_uid < 1:
        raise ValueError(f"least_uid: must be 1 or more, is {least_uid}: root gets no mail")


class Owners:
    """Looks users up, and refuses those that are none of ours. Remembers for some seconds.

    `least_uid`: 1 or more. `seconds`: monotonic. `look_up`: as `pwd.getpwnam`. `groups_of`: as `os.getgrouplist`.
    """

    def __init__(
        self,
        *,
        least_uid: int,
        seconds: Callable[[], float],
        look_up: Callable[[str], pwd.struct_passwd] = pwd.getpwnam,
        groups_of: Callable[[str, int], Sequence[int]] = os.getgrouplist,
    ) -> None:
        check_least_uid(least_uid)
        self._least_uid = least_uid
        self._seconds = seconds
        self._look_up = look_up
        self._groups_of = groups_of
        self._found: dict[str, tuple[float, Owner]] = {}

    def find(self, name: str) -> Owner:
        """The user of this name. Raises Refused."""
        found = self._found.get(name)
        if found is not None and self._seconds() - found[0] < _BELIEVED:
            return found[1]
        owner = self._judge(name)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[name] = (self._seconds(), owner)
        return owner

    def _judge(self, name: str) -> Owner:
        try:
            entry = self._look_up(name)
        except (KeyError, ValueError):
            raise Refused("no system user of this name") from None
        # Some directories answer to other spellings too; two names for one user would be two keys of one mailbox.
        if entry.pw_name != name:
            raise Refused(f"the system user of this name is called {entry.pw_name}")
        if entry.pw_uid < self._least_uid:
            raise Refused(f"uid {entry.pw_uid} is below least_uid {self._least_uid}")
        if entry.pw_uid == _NOBODY:
            raise Refused(f"uid {_NOBODY} is nobody's own")
        if not entry.pw_dir.startswith("/") or not os.path.normpath(entry.pw_dir).strip("/"):
            raise Refused(f"the home {entry.pw_dir!r} is no folder of a user's own")
        return Owner(name, entry.pw_uid, entry.pw_gid, self._groups_of(name, entry.pw_gid), entry.pw_dir)


@contextmanager
def acting_as(owner: Owner) -> Iterator[None]:
    """Root has the user's rights, and no others, for the length of the block. For a process of one thread.

    The user cannot reach into the process meanwhile: its real and saved ids stay root's (ptrace(2), kill(2)).
    """
    try:
        os.setegid(owner.gid)
        os.setgroups(owner.groups)
        os.seteuid(owner.uid)
        yield
    finally:
        try:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups([])
        except OSError as error:
            # Neither root nor the next user: to go on would be to write one user's mail with another's rights.
            raise SystemExit(f"twistedmx agent: cannot become root again: {error}") from None


def keep_only_becoming_users() -> None:
    """Give up all of root's powers but to become another user; for good. Raises OSError.

    What root owns stays root's: this is a wall behind the wall. Linux alone has it; elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    kept = (ctypes.c_uint32 * 6)(_SETGID_AND_SETUID, _SETGID_AND_SETUID)  # effective, permitted, inheritable; twice
    for done in (libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), libc.capset(header, kept)):
        if done != 0:
            raise OSError(ctypes.get_errno(), "cannot give up root's capabilities")
