"""This machine, as far as the dangers of settings depend on it. Nothing here waits but the resolver."""

import os
import pwd
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from twistedmx.settings.dangers import Account, Machine

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SOMAXCONN = "/proc/sys/net/core/somaxconn"
_FIRST_FREE_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


def descriptors() -> int:
    """That a process may have: the hard limit."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        resolve=addresses_of,
        is_ours=is_ours,
        stat=os.stat,
        account=account,
        descriptors=descriptors(),
        somaxconn=_number(_SOMAXCONN, 4096),
        first_free_port=_number(_FIRST_FREE_PORT, 1024),
        uid=os.geteuid(),
        python=tuple(dict.fromkeys(map(os.path.realpath, (sys.prefix, sys.base_prefix, os.path.dirname(_PACKAGE))))),
    )


def addresses_of(name: str) -> Sequence[str]:
    """As the system's resolver says. Raises OSError, and UnicodeError of a name that is none."""
    found = socket.getaddrinfo(name, 25, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def is_ours(address: str) -> bool:
    """The kernel binds a socket to an address of ours alone; a socket for datagrams, so that no peer notices."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def account(name: str) -> Account | None:
    """A user of the system with its groups."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    # Not the members of all groups: a directory (LDAP, sssd) does not list those.
    return Account(name=name, uid=entry.pw_uid, groups=frozenset(os.getgrouplist(name, entry.pw_gid)))


def _number(path: str, otherwise: int) -> int:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return otherwise
