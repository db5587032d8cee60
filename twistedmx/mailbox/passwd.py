"""Mailboxes of the system's users: whoever is in passwd (or in LDAP, by nsswitch) has mail, in a Maildir in his home.

The rules are those of qmail-getpw: never root, never a home that is not its user's, and `user-ext` is a name of `user` when
nobody has that name himself. Never below `least_uid` either, which is where a system has its services, and never nobody.

A home that is missing cannot be told: what is not mounted must not bounce. Users are asked for in a thread, and remembered.

What it does not: .qmail and .forward files, quotas, locked accounts (their mail comes in). BUGS: what nsswitch makes of an
account that is gone, it makes of it here.
"""

import os
import posixpath
import pwd
import re
import stat
from collections.abc import Callable, Sequence
from threading import BoundedSemaphore
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred

from twistedmx.mailbox.backend import Means
from twistedmx.mailbox.extension import are_delimiters, names
from twistedmx.mailbox.keys import are_domains, domain_key, domain_keys
from twistedmx.mailbox.name_service import user_named
from twistedmx.mailbox.remembered import Remembered, Remembering, SourceFailed
from twistedmx.mailbox.template import UnsafeName, check_maildir
from twistedmx.model.mailbox import NOT_OURS, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.setting import at_least, setting
from twistedmx.smtp.path import Path, quoted_if_needed

# What useradd takes, with "." and capitals: nothing that means something else to a name service (ann@realm, DOMAIN\ann, 0).
_is_user = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}").fullmatch
_NOBODY: Final = 65_534  # whom NFS and user namespaces give what is nobody's


def _is_below_home(instance: Any, attribute: Any, value: str) -> None:
    # As the agent that writes there takes it (delivery/agent.py): a path that can be written in one way alone.
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError(f"must be a path below the home, as Maildir, is {value!r}")
    try:
        check_maildir("/" + value)
    except UnsafeName as wrong:
        raise ValueError(f"must be a path below the home, as Maildir, is {value!r}: {wrong}") from None


@attrs.frozen(kw_only=True)
class PasswdSettings(Remembering):
    """Settings `[[mailboxes.passwd]]`."""

    domains: tuple[str, ...] = setting(
        attrs.NOTHING, unit="domains", why="In which every user of the system has an address.", validator=are_domains
    )
    delimiters: str = setting(
        "+-",
        unit="characters",
        why="What may stand between a user and an extension: ann-lists and ann+lists are ann's. Empty: no extensions.",
        precedent="qmail break '-', Postfix recipient_delimiter",
        validator=are_delimiters,
    )
    least_uid: int = setting(
        1000,
        unit="uid",
        why="Users below it are the system's own, and have no mail; root never has.",
        precedent="useradd UID_MIN 1000, Dovecot first_valid_uid 500",
        validator=at_least(1),
    )
    maildir: str = setting(
        "Maildir",
        unit="",
        why="The Maildir, below the user's home.",
        precedent="qmail ./Maildir/, Postfix home_mailbox",
        validator=_is_below_home,
    )


@attrs.frozen(kw_only=True)
class UserDatabase:
    """What is asked of the system, in a thread. `getpwnam`: raises KeyError for nobody, OSError when it cannot tell."""

    getpwnam: Callable[[str], pwd.struct_passwd] = user_named
    stat: Callable[[str], os.stat_result] = os.stat


class PasswdMailboxes:
    """A `Backend`. `name`: as the operator finds it in the settings."""

    def __init__(self, settings: PasswdSettings, *, means: Means, name: str, users: UserDatabase | None = None) -> None:
        self.name = name
        self._settings = settings
        self._means = means
        self._users = users or UserDatabase()
        self._delimiters = settings.delimiters.encode()
        self._domains = domain_keys(settings.domains)
        self._served = frozenset(self._domains)
        self._remembered = Remembered(self._look_up, settings=settings, means=means, name=name)
        # A look-up that was given up holds its thread until the name service or the disk of a home answers: so many may
        # hang there, and no more, for other backends need threads too.
        self._threads = BoundedSemaphore(settings.most_at_once)

    def domains(self) -> Sequence[bytes]:
        return self._domains

    def state(self) -> str:
        return self._remembered.state()

    def close(self) -> None:
        self._remembered.close()

    def refresh(self) -> None:
        """Nothing: users come and go with the `ttl` of what is remembered."""

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        """Each is remembered by itself."""
        return False

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        domain = path.domain
        domain = domain.lower() if domain.isascii() else domain_key(domain)
        return self._remembered.find(path) if domain in self._served else NOT_OURS

    def _look_up(self, path: Path) -> Deferred[Lookup]:
        domain = domain_key(path.domain)
        key = Path(address=self._means.case.key_of(path), domain=domain)
        if not self._threads.acquire(blocking=False):
            raise SourceFailed(
                "every thread is held by a look-up that has not ended; does a home or the name service hang?"
            )
        try:
            return self._means.run_in_thread(self._ask_and_release, key.local_part, domain)
        except Exception:  # the threads are being stopped
            self._threads.release()
            raise

    def _ask_and_release(self, local_part: bytes, domain: bytes) -> Lookup:
        try:
            return self._ask(local_part, domain)
        finally:
            self._threads.release()

    def _ask(self, local_part: bytes, domain: bytes) -> Lookup:
        """In a thread. Raises OSError when users cannot be asked for."""
        for name in names(local_part, self._delimiters):
            user = name.decode("ascii", "replace")
            if not _is_user(user):
                continue
            try:
                entry = self._users.getpwnam(user)
            except KeyError:
                continue
            lookup = self._mailbox(entry, quoted_if_needed(name) + b"@" + domain)
            if lookup is not UNKNOWN:
                return lookup
        return UNKNOWN

    def _mailbox(self, entry: pwd.struct_passwd, address: bytes) -> Lookup:
        if entry.pw_uid < max(1, self._settings.least_uid) or entry.pw_uid == _NOBODY:
            return UNKNOWN
        user, home = entry.pw_name, entry.pw_dir
        try:
            status = self._users.stat(home)
            maildir = posixpath.join(home, self._settings.maildir)
            check_maildir(maildir)
        except (OSError, UnsafeName) as wrong:
            why = wrong.strerror if isinstance(wrong, OSError) else wrong
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"{self.name}: the home of {user}, {home!r}: {why}")
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != entry.pw_uid:
            return UNKNOWN
        destination = Destination(address=address, maildir=maildir, owner=user)
        return Lookup(outcome=Outcome.FOUND, destinations=(destination,))
