"""A user as the name service of this machine (nsswitch.conf) has it, and whether the service could tell at all.

Python's `pwd.getpwnam` says KeyError also while LDAP or sssd is down, which would refuse everybody's mail for good.
getpwnam_r(3) tells the two apart by its status: 0 and no entry is nobody, all else is not known (POSIX).

BUGS: of several services glibc tells the status of the last: one that is down in front of another looks like one without the
user, unless nsswitch.conf has [UNAVAIL=return TRYAGAIN=return] behind it.
"""

import ctypes
import errno
import os
import pwd
from collections.abc import Callable
from typing import Final

_STRUCT: Final = 1024  # octets; struct passwd has some 50
_TEXTS: Final = 65_536  # octets: of all the strings of an entry

_getpwnam_r = ctypes.CDLL(None).getpwnam_r
_getpwnam_r.argtypes = [
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_void_p),
]


def status_of(name: str) -> tuple[int, bool]:
    """An errno, 0 when the service could tell; and whether there is such a user."""
    entry, texts = ctypes.create_string_buffer(_STRUCT), ctypes.create_string_buffer(_TEXTS)
    found = ctypes.c_void_p()
    status = _getpwnam_r(os.fsencode(name), entry, texts, _TEXTS, ctypes.byref(found))
    return int(status), bool(found)


def user_named(
    name: str,
    *,
    look_up: Callable[[str], pwd.struct_passwd] = pwd.getpwnam,
    status_of: Callable[[str], tuple[int, bool]] = status_of,
) -> pwd.struct_passwd:
    """Raises KeyError when there is no such user, OSError when that cannot be told. Waits for the service: for a thread."""
    try:
        return look_up(name)
    except KeyError:
        status, is_there = status_of(name)
        if status == 0 and not is_there:
            raise
        status = status or errno.EAGAIN  # it answers again since a moment ago
        raise OSError(status, f"the name service: {os.strerror(status)}") from None
