"""Reads control/, for each connection as it is then: no reload, no signal, as under tcpserver.

A look is one status of the directory and one of each known file in it, and what did not change is not read again. The time that
a file system writes beside a change may be as coarse as two seconds, so for as long after a change everything is read again
and compared: two edits within one tick are two.

Files that nobody here obeys are not looked at: none of them closes the port. What is missing has its default; what is there and
cannot be read is BadControls, at each look until it is mended (die_control of qmail-smtpd.c). Files are read in the reactor's
thread: they are small, and no connection can be told anything before.

A list of more than a megabyte, as validrcptto may be, takes long to read, and as long holds up everything. So it is read once for
an edit: when it has not changed for two seconds, nor been read for ten. Until then the last one holds.

BUGS: the first connection behind an edit of such a list still has the last one, however long ago the edit was. A million lines
hold up everything for half a second. Each certificate in servercerts/ is looked at for each connection, so a thousand of them cost
a millisecond.
"""

import os
from collections.abc import Callable
from typing import Any, Final

from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.control import BadControls, Controls, OfTls
from twistedmx.qmail.lists import Lines, first_line, number
from twistedmx.qmail.status import CHANGED, LARGE, SIZE, Identity, identity_of, octets_of

_AGAIN_SECONDS: Final = 0.000_5  # a burst of connections is one look
_SETTLED_SECONDS: Final = 2.0  # the coarsest times of a file system, FAT's
_LONG: Final = 1024 * 1024  # octets of a list: some 30 ms
_LONG_SECONDS: Final = 10.0  # between two readings of such a one
_MOST_CERTIFICATES: Final = 1_000

_LINE, _NUMBER, _LINES, _CDB, _PEM, _CIPHERS, _TEXT = "line", "number", "lines", "cdb", "pem", "ciphers", "text"
_NAMES: Final = {
    _LINE: ("me", "smtpgreeting", "localiphost", "envnoathost"),
    _NUMBER: (
        *("databytes", "timeoutsmtpd", "maxrcpt", "maxrecipients", "brtlimit", "tarpitcount", "tarpitdelay"),
        *("greetdelay", "rejectnullsenders", "rejectrelaytest", "concurrencyincoming"),
    ),
    _LINES: (
        *("rcpthosts", "badmailfrom", "badmailfromnorelay", "badrcptto", "badrcpttonorelay", "badmailto"),
        *("badmailtonorelay", "badhelo", "badhelonorelay", "validrcptto", "moreipme", "notipme"),
        *("locals", "virtualdomains", "percenthack"),
    ),
    _CDB: ("morercpthosts.cdb", "morevalidrcptto.cdb", "validrcptto.cdb"),
    _PEM: ("servercert.pem",),
    _CIPHERS: ("tlsserverciphers",),
    _TEXT: ("defaultdelivery",),
}
_KINDS: Final = {name: kind for kind, names in _NAMES.items() for name in names}
NAMES: Final = frozenset(_KINDS)
_TOO_LONG: Final = f"more than {LARGE} octets: put them into its cdb"
_SERVERCERTS: Final = "servercerts"

# What a look sees: the identity of each path that is there, or the number of the error with which it is not seen.
_Seen = dict[str, Identity | int]


class ControlFiles:
    """control/ of the qmail whose home is `home`. `seconds`: a monotonic clock."""

    def __init__(self, home: str, seconds: Callable[[], float]) -> None:
        self._directory = os.path.join(home, "control")
        self._servercerts = os.path.join(self._directory, _SERVERCERTS)
        self._paths = {name: os.path.join(self._directory, name) for name in _KINDS}
        self._seconds = seconds
        self._looked = self._changed = float("-inf")
        self._seen: _Seen | None = None  # none that would do
        self._listed: dict[str, tuple[Identity | int, tuple[str, ...]]] = {}
        self._values: dict[str, tuple[Identity | int, Any]] = {}
        # Long lists that are to be read, and since when they are as they are; and when they were read.
        self._waiting: dict[str, tuple[Identity | int, float]] = {}
        self._read_at: dict[str, float] = {}
        self._controls: Controls | None = None
        self._fault: tuple[str, str] | None = None

    def current(self) -> Controls:
        """What stands there now: the same object as long as nothing changed. Raises BadControls."""
        now = self._seconds()
        if now - self._looked >= _AGAIN_SECONDS:
            self._look(now)
        if self._fault is not None or self._controls is None:
            raise BadControls(*(self._fault or (self._directory, "not read")))
        return self._controls

    def _look(self, now: float) -> None:
        fresh = now - self._changed < _SETTLED_SECONDS or self._fault is not None
        seen = self._see(fresh)
        if seen != self._seen:
            self._changed = now
        elif not fresh and not self._waiting:
            self._looked = now
            return
        try:
            controls = self._read(seen, fresh, now)
        except BadControls as bad:
            self._fault = bad.file, bad.why
            self._seen = None
        else:
            self._fault = None
            self._seen = seen
            if controls != self._controls:
                self._changed = now
                self._controls = controls
        self._looked = now

    def _see(self, fresh: bool) -> _Seen:
        seen: _Seen = {}
        for name in self._names_in(self._directory, fresh):
            path = self._paths.get(name)
            if path is not None:
                _see_one(seen, path)
            elif name == _SERVERCERTS:
                for served in self._names_in(self._servercerts, fresh):
                    _see_one(seen, os.path.join(self._servercerts, served, "servercert.pem"))
        return seen

    def _names_in(self, directory: str, fresh: bool) -> tuple[str, ...]:
        # Made, removed and renamed names change the directory; links in it are followed for each look.
        try:
            identity: Identity | int = identity_of(os.stat(directory))
        except OSError as error:
            identity = error.errno or 0
        before = self._listed.get(directory)
        if before is not None and not fresh and before[0] == identity:
            return before[1]
        try:
            names = tuple(sorted(os.listdir(directory)))
        except OSError:
            # What may be entered and not be listed: qmail asks for each by its name.
            names = tuple(_KINDS) if directory == self._directory else ()
        if directory == self._directory:
            names = tuple(name for name in names if name in _KINDS or name == _SERVERCERTS)
        self._listed[directory] = identity, names
        return names

    def _read(self, seen: _Seen, fresh: bool, now: float) -> Controls:
        # Who was changed long before the last change cannot be changed again within its own tick.
        changes = [identity[CHANGED] for identity in seen.values() if isinstance(identity, tuple)]
        recent = max(changes, default=0) - _SETTLED_SECONDS * 1e9
        values: dict[str, Any] = {}
        for name, path in self._paths.items():
            identity = seen.get(path)
            if identity is None:
                self._values.pop(path, None)
                self._waiting.pop(path, None)
                continue
            known, value = self._values.get(path, (None, None))
            again = identity != known or (fresh and isinstance(identity, tuple) and identity[CHANGED] >= recent)
            long = isinstance(identity, tuple) and _KINDS[name] == _LINES and _LONG < identity[SIZE] <= LARGE
            if not long:
                self._waiting.pop(path, None)
            elif known is not None:
                again = self._is_due(path, identity, known, now)
            if again:
                # An equal list stays the object that has been compiled.
                read = _read_one(path, _KINDS[name], identity, value)
                value = value if known is not None and value == read else read
                self._values[path] = identity, value
                if long:
                    self._has_read(path, identity, now, is_first=known is None)
            values[_field(name)] = value
        return _made(self._directory, values, self._certificates(seen))

    def _is_due(self, path: str, identity: Identity | int, known: Identity | int, now: float) -> bool:
        """Whether a long list is to be read anew."""
        waiting = self._waiting.get(path)
        if waiting is None and identity == known:
            return False
        if waiting is None or waiting[0] != identity:
            self._waiting[path] = identity, now
            return False
        return now - waiting[1] >= _SETTLED_SECONDS and now - self._read_at.get(path, -_LONG_SECONDS) >= _LONG_SECONDS

    def _has_read(self, path: str, identity: Identity | int, now: float, *, is_first: bool) -> None:
        """A long list. The first time nothing was waited for: another edit may be in the same tick of the file system."""
        self._read_at[path] = now
        if is_first:
            self._waiting[path] = identity, now
        else:
            self._waiting.pop(path, None)

    def _certificates(self, seen: _Seen) -> tuple[tuple[str, OfTls], ...]:
        found = []
        for path, identity in seen.items():
            if path.startswith(self._servercerts + os.sep) and isinstance(identity, tuple):
                name = os.path.basename(os.path.dirname(path)).lower()
                found.append((name, OfTls(path=path, identity=identity)))
        if len(found) > _MOST_CERTIFICATES:
            raise BadControls(
                self._servercerts, f"more than {_MOST_CERTIFICATES} names: take out those not served here"
            )
        return tuple(sorted(found, key=lambda pair: pair[0]))


def _see_one(seen: _Seen, path: str) -> None:
    try:
        seen[path] = identity_of(os.stat(path))
    except FileNotFoundError:
        return
    except OSError as error:
        seen[path] = error.errno or 0


def _field(name: str) -> str:
    return "validrcptto_cdb" if name == "validrcptto.cdb" else name.removesuffix(".cdb").removesuffix(".pem")


def _read_one(path: str, kind: str, identity: Identity | int, before: Any) -> Any:
    if kind == _CIPHERS:  # who cannot read it serves mail, and TLS, all the same
        return OfTls(path=path, identity=(identity,) if isinstance(identity, int) else identity)
    if isinstance(identity, int):
        raise BadControls(path, f"{os.strerror(identity)}: whom qmail-smtpd runs as must be able to read it")
    if kind == _PEM:
        return OfTls(path=path, identity=identity)
    if identity[SIZE] > LARGE and kind != _CDB:
        raise BadControls(path, _TOO_LONG)
    try:
        if kind == _CDB:
            same = isinstance(before, Cdb) and before.same_as(os.stat(path))
            return before if same else Cdb(path)
        octets = octets_of(path)
    except BadCdb as bad:
        raise BadControls(path, f"{str(bad).removeprefix(path + ': ')}; make it anew") from None
    except OSError as error:
        raise BadControls(path, f"{error.strerror}: whom qmail-smtpd runs as must be able to read it") from None
    if octets is None:
        raise BadControls(path, _TOO_LONG)
    if kind == _LINES:
        return Lines.read(octets, path)
    if kind == _TEXT:
        return octets.rstrip(b"\n")
    return octets if kind == _NUMBER else first_line(octets)


def _made(directory: str, values: dict[str, Any], servercerts: tuple[tuple[str, OfTls], ...]) -> Controls:
    defaults = Controls(smtpgreeting=b"")
    for name in _NAMES[_NUMBER]:
        if name in values:
            # No digits: the default, which for some is that there is none.
            default = getattr(defaults, name)
            read = number(values[name], -1 if default is None else default)
            values[name] = None if read < 0 else read
    me = values.get("me")
    if "smtpgreeting" not in values and me is None:
        raise BadControls(os.path.join(directory, "me"), "it is missing: put this host's full name into it")
    if "timeoutsmtpd" in values:
        values["timeoutsmtpd"] = max(values["timeoutsmtpd"], 1)
    for name in ("smtpgreeting", "localiphost", "envnoathost"):
        values.setdefault(name, me)
    if me is not None:
        values.setdefault("locals", (me,))
    return Controls(**values, servercerts=servercerts)
