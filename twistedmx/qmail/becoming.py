"""A process of root's becomes the user whose mail it delivers, for good; and what root itself gives up before.

Not as `delivery.rights` does it, which comes back and forbids new rights to all that follows: here programs are run, among them
qmail-queue, which has a set-user-id bit. Imports the standard library alone.
"""

import ctypes
import errno
import os
import resource
import signal
import sys
from typing import Final

# capset(2), prctl(2), capabilities(7)
_CAPABILITIES_3: Final = 0x20080522
_KILL_SETGID_SETUID: Final = 1 << 5 | 1 << 6 | 1 << 7
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Refused(Exception):
    """We do not become this user. The text is for the operator."""


def keep_only_becoming_and_killing() -> None:
    """Give up all of root's powers but to become a user and to kill what that user runs. Raises OSError.

    What root owns stays root's: this is a wall behind the wall. Linux alone has it; elsewhere nothing is done.
    """
    if _libc is None:
        return
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    # effective, permitted, inheritable; and the same of the higher numbers
    kept = (ctypes.c_uint32 * 6)(_KILL_SETGID_SETUID, _KILL_SETGID_SETUID)
    if _libc.capset(header, kept) != 0:
        raise OSError(ctypes.get_errno(), "cannot give up root's capabilities")


def become(uid: int, gid: int, *, may_gain_rights: bool) -> None:
    """This process is the user's from here on, in this one group, as with prot.c of qmail. Raises Refused, OSError."""
    if not uid or not gid:
        raise Refused(
            f"Not allowed to perform deliveries as root: uid {uid}, gid {gid}; give the entry a user of its own. (#4.3.0)"
        )
    if os.geteuid() == 0:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    elif uid != os.geteuid():
        raise Refused(
            f"This server runs as uid {os.geteuid()} and cannot deliver as uid {uid}; start it as root, so that it can. (#4.3.0)"
        )
    if os.getresuid() != (uid, uid, uid):
        raise OSError(errno.EPERM, f"the system did not let us become uid {uid}")
    if not may_gain_rights and _libc is not None and _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot forbid new rights")


def limit(*, processor_seconds: int, memory: int, processes: int) -> None:
    """Limits of this process and of all that it starts; 0 is none of ours. Raises OSError. Before `become`."""
    wanted = [(resource.RLIMIT_CORE, 0)]
    for kind, most in (
        (resource.RLIMIT_CPU, processor_seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_NPROC, processes),
    ):
        if most:
            wanted.append((kind, most))
    for kind, most in wanted:
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def die_with_parent() -> None:
    """For a new process: it is killed when the process that started it is gone."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def ordinary_signals(*numbers: signal.Signals) -> None:
    """What we ignore, our programs do not."""
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
