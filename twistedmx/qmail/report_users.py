"""What is wrong with users/, and with the domains of vpopmail that it names: mail for them would be answered 451."""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from twistedmx.qmail.assign_tables import BadAssign, parse_assign
from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.finding import Finding, Reader, fault, not_readable
from twistedmx.qmail.report_controls import out_of_date
from twistedmx.qmail.roots_own import check_roots_own
from twistedmx.qmail.vpopmail import Domain, Unclaimed, read_default

_NEWU: Final = "run qmail-newu"
_MOST: Final = 100_000  # entries that are looked at
_MOST_OCTETS: Final = 64 * 1024 * 1024
_NAMED: Final = 3  # domains that a sentence names
_USERS: Final = ("vpasswd.cdb", "vpasswd")


def in_users(home: str, reader: Reader) -> Iterator[Finding]:
    """Of users/assign, users/cdb and the folders of domains."""
    assign, cdb = os.path.join(home, "users", "assign"), os.path.join(home, "users", "cdb")
    yield from out_of_date(assign, cdb, _NEWU)
    for path in (cdb, assign):
        if os.path.lexists(path):
            unreadable = list(not_readable(path, reader, "and recipients here are answered 451"))
            yield from unreadable
            if not unreadable:
                yield from _domains_of(path, reader)
            return


def not_roots_own(home: str) -> Iterator[Finding]:
    """Where root delivers, by what others can change."""
    try:
        check_roots_own(home)
    except CouldNotTell as doubt:
        file, _, rest = str(doubt).partition(": ")
        found, _, remedy = rest.rpartition("; ")
        yield fault(file, f"{found}: mail for users of users/ is answered 451", remedy)


def _domains_of(path: str, reader: Reader) -> Iterator[Finding]:
    try:
        entries = _of_cdb(path) if path.endswith("cdb") else _of_text(path)
        yield from _domains(_homes(entries), reader)
    except (BadCdb, BadAssign) as bad:
        found = str(bad).removeprefix(f"{path}: ")
        yield fault(path, f"{found}: recipients here are answered 451", f"mend users/assign, and {_NEWU}")
    except OSError as error:
        yield fault(path, f"cannot be read: {error.strerror}", "see what hinders it")


def _of_cdb(path: str) -> Mapping[bytes, bytes]:
    cdb = Cdb(path)
    try:
        return dict(islice(cdb.items(), _MOST))
    finally:
        cdb.close()


def _of_text(path: str) -> Mapping[bytes, bytes]:
    with open(path, "rb") as file:
        return parse_assign(file.read(_MOST_OCTETS))


def _homes(entries: Mapping[bytes, bytes]) -> Mapping[str, list[str]]:
    """The names of domains, by their folder. vadddomain writes "+domain-:realdomain:uid:gid:folder:-::"."""
    homes: dict[str, list[str]] = {}
    for key, entry in entries.items():
        fields = entry.split(b"\0")
        if key.startswith(b"!") and key.endswith(b"-") and b"." in key and len(fields) >= 6 and b"." in fields[0]:
            homes.setdefault(os.fsdecode(fields[3]), []).append(os.fsdecode(key[1:-1]))
    return homes


def _domains(homes: Mapping[str, list[str]], reader: Reader) -> Iterator[Finding]:
    closed: dict[str, list[str]] = {}
    for home, names in homes.items():
        if not os.path.lexists(home) and not reader.stopped_at(os.path.dirname(home)):
            found = f"is missing: mail for {_some(names)} is answered 451"
            yield fault(home, found, "mount it, or take the domain out of users/assign with vdeldomain")
            continue
        first = next(filter(None, (reader.stopped_at(path) for path in (home, *_paths(home)))), "")
        if first:
            closed.setdefault(first, []).extend(names)
        elif not _has_users(home):
            found = f"has neither vpasswd.cdb nor vpasswd: mail for {_some(names)} is answered 451"
            yield fault(home, found, "run vmkpasswd; users that vpopmail keeps in a database are not known here")
    for path, names in closed.items():
        yield fault(
            path,
            f"cannot be read by {reader}: mail for {_some(names)} is answered 451",
            'run this server as the user of vpopmail (user = "vpopmail"), or let its group in: chmod -R g+rX',
        )


def _paths(home: str) -> Iterator[str]:
    return (os.path.join(home, name) for name in (*_USERS, ".qmail-default"))


def _has_users(home: str) -> bool:
    """Has it a list of them, or needs none, for its mail goes elsewhere than to vpopmail?"""
    if any(os.path.exists(os.path.join(home, name)) for name in _USERS):
        return True
    try:
        return read_default(Domain(name=b"", uid=0, gid=0, home=os.fsencode(home))).unclaimed is Unclaimed.ELSEWHERE
    except CouldNotTell:
        return True  # told as closed


def _some(names: Iterable[str]) -> str:
    listed = sorted(set(names))
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
