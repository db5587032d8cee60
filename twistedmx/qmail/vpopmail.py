"""The virtual domains of vpopmail: which there are, who is in them, and what becomes of mail for nobody.

A domain is an entry "+domain-" of users/assign: its user is the name of the real domain, which is another one for an alias
domain, and its home has vpasswd.cdb, vpasswd and the `.qmail` files of the domain (vpopmail.c, vget_assign; vcdb.c). The file
`.qmail-default` there hands over what has no other file: `| .../vdelivermail '' ACTION`.

What may not be read is not known: vcdb.c says "no such user" under a wrong uid, and all mail is refused. Without vpasswd.cdb its
text is read, and nothing is written. A domain of vpopmail that has neither cannot be told: its users are in another backend.

BUGS: users and aliases (valias) in SQL or LDAP are not known here. The size of a Maildir is what its maildirsize says; one
without that file is taken for empty, until vdelivermail makes it with the next mail.
"""

import enum
import os
import re
from collections import OrderedDict
from typing import Final

import attrs

from twistedmx.model.maildirsize import parse_maildirsize
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.doubt import CouldNotTell, unreadable
from twistedmx.qmail.vpasswd import BadEntry, Entry, Flag, Quota, is_user_name, parse_entry
from twistedmx.qmail.vpasswd_file import VpasswdFile

_MOST_DOMAINS: Final = 256  # whose users are open at a time: a mapping each
_READ: Final = 4096  # octets of .qmail-default: it has one line
_READ_SIZE: Final = 65_536  # of maildirsize; who appends to it counts anew long before
_delivers = re.compile(
    rb"""^\|[^\n]*\bvdelivermail\b[ \t]+(?:''|""|[^ \t\n]+)[ \t]+([^ \t\r\n]+)""", re.MULTILINE
).search


class Unclaimed(enum.Enum):
    """What becomes of mail for whom nobody in a domain is (vdelivermail.c)."""

    BOUNCED = "bounced"
    DELETED = "deleted"
    FORWARDED = "forwarded"  # to an address
    KEPT = "kept"  # in a folder
    ELSEWHERE = "elsewhere"  # .qmail-default does not run vdelivermail
    NO_FILE = "no-file"  # there is no .qmail-default


@attrs.frozen(kw_only=True)
class Default:
    """What `.qmail-default` says. `argument`: the address or the folder. `text`: the beginning of the file."""

    unclaimed: Unclaimed
    argument: bytes = b""
    text: bytes = b""


@attrs.frozen(kw_only=True)
class Domain:
    """`name`: the real domain. `uid`, `gid`: whose its files are. `home`: absolute path."""

    name: bytes
    uid: int
    gid: int
    home: bytes


@attrs.frozen(kw_only=True)
class User:
    """A mailbox. `uid`, `gid`: the domain's. `home`: b"" where vdelivermail makes it of the first mail. `quota`: its limits."""

    name: bytes
    domain: bytes
    uid: int
    gid: int
    home: bytes
    flags: Flag
    quota: Quota

    @property
    def maildir(self) -> bytes:
        """Absolute path; b"" without a home."""
        return self.home and self.home + b"/Maildir"


class Vpopmail:
    """All domains of one qmail. To be closed."""

    def __init__(self, assign: Assign) -> None:
        self._assign = assign
        self._files: OrderedDict[bytes, VpasswdFile] = OrderedDict()

    def domain(self, name: bytes) -> Domain | None:
        """The domain itself, or the one that `name` is an alias of. Raises CouldNotTell."""
        entry = self._assign.beginning(name.lower() + b"-") if name else None
        if entry is None:
            return None
        return Domain(name=entry.user, uid=entry.uid, gid=entry.gid, home=entry.home.rstrip(b"/"))

    def user(self, domain: Domain, name: bytes) -> User | None:
        """Raises CouldNotTell."""
        if not is_user_name(name):
            return None
        file = self._file(domain)
        rest = file.rest(name.lower())
        if rest is None:
            return None
        try:
            entry: Entry = parse_entry(name.lower(), rest)
        except BadEntry as bad:
            raise CouldNotTell(file.path, f"the entry of {name!r} {bad}", "mend vpasswd, and run vmkpasswd") from None
        return User(
            name=entry.name,
            domain=domain.name,
            uid=domain.uid,
            gid=domain.gid,
            home=entry.home,
            flags=entry.flags,
            quota=entry.quota,
        )

    def close(self) -> None:
        """Nothing more is asked. The Assign is not closed."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, domain: Domain) -> VpasswdFile:
        file = self._files.get(domain.home)
        if file is None:
            file = self._files[domain.home] = VpasswdFile(domain.home)
        self._files.move_to_end(domain.home)
        while len(self._files) > _MOST_DOMAINS:
            self._files.popitem(last=False)[1].close()
        return file


def read_default(domain: Domain) -> Default:
    """The `.qmail-default` of `domain`. Raises CouldNotTell."""
    path = domain.home + b"/.qmail-default"
    try:
        text = read_beginning(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return Default(unclaimed=Unclaimed.NO_FILE)
    except OSError as error:
        raise unreadable(path, error) from error
    found = _delivers(text)
    if found is None:
        return Default(unclaimed=Unclaimed.ELSEWHERE, text=text)
    action = found[1].strip(b"'\"")
    known = {b"bounce-no-mailbox": Unclaimed.BOUNCED, b"delete": Unclaimed.DELETED}.get(action)
    if known is not None:
        return Default(unclaimed=known, text=text)
    kind = Unclaimed.KEPT if action.startswith(b"/") else Unclaimed.FORWARDED
    return Default(unclaimed=kind, argument=action.removeprefix(b"&"), text=text)


def percent_used(user: User) -> int:
    """How full his Maildir is, in percent of his quota; 0 without one. Raises CouldNotTell."""
    if user.quota == Quota() or not user.home:
        return 0
    path = user.maildir + b"/maildirsize"
    try:
        text = read_beginning(path, _READ_SIZE, follow=False)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise unreadable(path, error) from error
    size = parse_maildirsize(text)
    return user.quota.percent(size.octets, size.messages) if size is not None else 0


def read_beginning(path: bytes, octets: int, *, follow: bool = True) -> bytes:
    """Of an ordinary file, so many `octets` at most. `follow`: whether it may be a symbolic link. Raises OSError."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe of that name holds up nobody
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    try:
        return os.read(descriptor, octets)
    finally:
        os.close(descriptor)
