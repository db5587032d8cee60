"""Which `.qmail` file says what becomes of a local message (dot-qmail(5), qmail-local.c). What it says is read elsewhere.

For `dash` "-" and `extension` "a-b": `.qmail-a-b`, `.qmail-a-default`, `.qmail-default`. The extension is lower-cased, and each
dot in it is a colon, so that nobody walks out of the home. What is no ordinary file is passed over, as in the original.

BUGS: of an extension with more than eight dashes, no `default` file whose own name has more of them is looked for: whoever makes
up addresses does not have hundreds of names tried by each. The file of the whole name always is.
"""

import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

import attrs

from twistedmx.qmail.doubt import CouldNotTell, unreadable

_DEFAULT: Final = b"default"
_LONGEST: Final = 255  # octets of a name (NAME_MAX), which bounds the files that one recipient makes us look for
MOST_DASHES: Final = 8
# No file can have this name: too long, or nobody listens to the socket of that name.
_NO_SUCH_NAME: Final = (errno.ENAMETOOLONG, errno.ENXIO, errno.EINVAL)


@attrs.frozen(kw_only=True)
class Found:
    """`path`: of the file. `default`: what the word `default` in its name stands for (the variable DEFAULT); None without one."""

    path: bytes
    default: bytes | None


def safe_extension(extension: bytes) -> bytes:
    """As it stands in the name of a file."""
    return extension.lower().replace(b".", b":")


def find_dot_qmail(home: bytes, dash: bytes, extension: bytes) -> Found | None:
    """The first one that is there; None where there is none: no mailbox by that name, or, without a `dash`, the default delivery.

    Raises CouldNotTell where we may not look, or where `home` itself is missing: it may be mounted later.
    """
    if b"\0" in dash + extension:
        return None
    for name, default in _names(dash, extension):
        path = home + b"/" + name
        if is_there(path):
            return Found(path=path, default=default)
    if not os.path.isdir(home):
        raise CouldNotTell(
            home, "is no folder that we can see", "mount it, make it, or let this server search the folders above it"
        )
    return None


def is_there(path: bytes) -> bool:
    """Is it an ordinary file that we can read? Raises CouldNotTell where it is there, or may be, and we cannot."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe of that name holds up nobody
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno in _NO_SUCH_NAME:
            return False
        raise unreadable(path, error) from error
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def _names(dash: bytes, extension: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Names of files, in order, each with what `default` in it stands for."""
    start, safe = b".qmail" + dash, safe_extension(extension)
    # Who writes to joe-default himself, or to an address that ends so, is told as if the word stood for itself.
    if len(start) + len(safe) <= _LONGEST:
        yield start + safe, extension[-len(_DEFAULT) :] if safe.endswith(_DEFAULT) else None
    ends = [0]
    while len(ends) <= MOST_DASHES and (at := safe.find(b"-", ends[-1])) >= 0:
        ends.append(at + 1)
    for end in reversed(ends):
        if len(start) + end + len(_DEFAULT) <= _LONGEST:
            yield start + safe[:end] + _DEFAULT, extension[end:]
