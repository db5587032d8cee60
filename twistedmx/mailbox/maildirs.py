"""Mailboxes that are there because their folders are: a tree such as /srv/mail/{domain}/{local}.

The folders of a domain are kept in memory, so that an unknown name costs a look into a dict; whether the directory has
changed is asked in a thread, once a second at most. Names on disk are as `template.safe_name` makes them.

A directory that is missing or cannot be read makes no user unknown: their domain cannot be told, and mail for it is
deferred. A file system that is not mounted must not bounce everybody.

What it does not: aliases (the table has them), making folders. BUGS: no hashed trees (/srv/mail/a/n/ann). A domain whose own
directory is the mount point is empty, and its users unknown, while it is not mounted: mount above it.
"""

import os
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import attrs
from twisted.internet.defer import Deferred

from twistedmx.mailbox.backend import Means
from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.extension import are_delimiters, names
from twistedmx.mailbox.faults import shown
from twistedmx.mailbox.folders import Folders, list_folders
from twistedmx.mailbox.keys import are_domains, domain_key, domain_keys, folded
from twistedmx.mailbox.quota import is_full
from twistedmx.mailbox.recent import Recent
from twistedmx.mailbox.template import MaildirTemplate, UnsafeName, safe_name
from twistedmx.model.event import BackendFailed, BackendRecovered
from twistedmx.model.mailbox import NOT_OURS, OVER_QUOTA, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.setting import at_least, setting
from twistedmx.smtp.path import Path, quoted_if_needed

# What nearly every folder is called: a safe name that needs no quotes.
_is_plain = re.compile(r"[A-Za-z0-9_+=-]+(?:\.[A-Za-z0-9_+=-]+)*").fullmatch
_LOCAL: Final = "{local}"
_QUOTAS: Final = 16_384  # remembered; some 300 octets each


def _is_tree(instance: Any, attribute: Any, value: str) -> None:
    MaildirTemplate(text=value)
    if value.count(_LOCAL) != 1 or "{domain}" in value.partition(_LOCAL)[2].partition("/")[2]:
        raise ValueError(f"must have {{local}} once, and {{domain}} in no folder below it, is {value!r}")


@attrs.frozen(kw_only=True)
class MaildirsSettings:
    """Settings `[[mailboxes.maildirs]]`."""

    domains: tuple[str, ...] = setting(
        attrs.NOTHING,
        unit="domains",
        why="Whose mailboxes these are; each has its directory, in A-labels (xn--...).",
        validator=are_domains,
    )
    path: str = setting(
        "/srv/mail/{domain}/{local}",
        unit="",
        why="Where a mailbox is; the folder that has {local} in its name decides whether it exists.",
        precedent="Dovecot mail_location",
        validator=_is_tree,
    )
    delimiters: str = setting(
        "",
        unit="characters",
        why="What may stand between a name and its extension: with '+', ann+lists is ann's. Empty: no extensions.",
        precedent="Postfix recipient_delimiter",
        validator=are_delimiters,
    )
    fresh: float = setting(
        1.0,
        unit="seconds",
        why="A folder that was made or removed is noticed so late at most; a change of its directory's mtime shows it.",
        precedent="Linux NFS acregmin 3 s",
        validator=at_least(0),
    )
    quota: bool = setting(
        True,
        unit="",
        why="Whether the quota in a Maildir's file maildirsize is kept: over it, RCPT is answered 452 4.2.2.",
        precedent="Dovecot quota maildir, Courier",
    )
    quota_fresh: float = setting(
        15.0,
        unit="seconds",
        why="A quota is read again after so long.",
        precedent="Postfix VDA reads it at each delivery",
        validator=at_least(0),
    )


class MaildirsMailboxes:
    """A `Backend`. `name`: as the operator finds it in the settings."""

    def __init__(self, settings: MaildirsSettings, *, means: Means, name: str) -> None:
        self.name = name
        self._means = means
        self._delimiters = settings.delimiters.encode()
        self._domains = domain_keys(settings.domains)
        self._trees = trees = {domain: _Tree(settings.path, domain, means.case) for domain in self._domains}
        self._folders: Recent[bytes, Folders] = Recent(
            lambda domain, before: trees[domain].list(before, means.now()),
            failed=lambda domain, error: Folders(names={}, fault=_fault(trees[domain].directory, error)),
            fresh=settings.fresh,
            most=len(trees),
            means=means,
        )
        self._down: set[bytes] = set()  # domains whose directory could not be read when it was last asked for
        self._down_since = 0.0
        self._quotas: Recent[str, bool] | None = None
        if settings.quota:
            self._quotas = Recent(
                lambda maildir, _: is_full(maildir, now=means.now()),
                failed=lambda maildir, error: False,
                fresh=settings.quota_fresh,
                most=_QUOTAS,
                means=means,
            )

    def domains(self) -> Sequence[bytes]:
        return self._domains

    def state(self) -> str:
        known = [(domain, self._folders.last(domain)) for domain in self._domains]
        listed = [folders for _, folders in known if folders is not None]
        faults = [folders.fault for folders in listed if folders.fault]
        state = f"{sum(len(folders.names) for folders in listed)} folders in {len(listed)} of {len(known)} directories"
        if faults:
            state += f"; {len(faults)} cannot be read: {faults[0]}"
        return state + " (a directory is read when the first mail for it comes)" * (not listed)

    def close(self) -> None:
        """Nothing is held open."""

    def refresh(self) -> None:
        """Nothing: a directory is looked at when one of its names is asked for, and is fresh for `fresh` seconds."""

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        domain = domain.lower()
        tree = self._trees.get(domain)
        folders = self._folders.fresh(domain) if tree is not None and tree.is_plain and not self._delimiters else None
        if folders is None or folders.fault or self._down:
            return False
        end = -len(domain) - 1
        return folders.names.keys().isdisjoint(address[:end].lower() for address in addresses)

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        domain = path.domain
        domain = domain.lower() if domain.isascii() else domain_key(domain)
        tree = self._trees.get(domain)
        if tree is None:
            return NOT_OURS
        folders = self._folders.get(domain)
        if isinstance(folders, Folders):
            return self._answer(folders, tree, path)
        return folders.addCallback(self._answer, tree, path)

    def _answer(self, folders: Folders, tree: "_Tree", path: Path) -> Lookup | Deferred[Lookup]:
        if folders.fault:
            self._tell_failed(tree, folders.fault)
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=folders.fault)
        if self._down:
            self._tell_recovered(tree)
        # What nearly every path is needs no more than its key: an unknown name is the hot path.
        plain = tree.is_plain and path.address.isascii()
        key = path.key if plain else self._means.case.key_of(path)
        local = key[: -len(tree.domain) - 1]
        name = folders.names.get(local)
        if name is None and self._delimiters:
            for whose in names(Path(address=key, domain=tree.domain).local_part, self._delimiters):
                local = quoted_if_needed(whose)
                name = folders.names.get(local)
                if name is not None:
                    break
        return UNKNOWN if name is None else self._found(tree, local, name)

    def _tell_failed(self, tree: "_Tree", fault: str) -> None:
        """Of several directories the first that fails is told, and that all are back: one disk holds them all."""
        if not self._down:
            self._down_since = self._means.clock.seconds()
            self._means.events.tell(BackendFailed(at=self._means.now(), source=self.name, fault=fault))
        self._down.add(tree.domain)

    def _tell_recovered(self, tree: "_Tree") -> None:
        self._down.discard(tree.domain)
        if not self._down:
            seconds = self._means.clock.seconds() - self._down_since
            self._means.events.tell(BackendRecovered(at=self._means.now(), source=self.name, seconds=seconds))

    def _found(self, tree: "_Tree", local: bytes, name: str) -> Lookup | Deferred[Lookup]:
        if not name:
            detail = (
                f"{tree.directory}: the link for {shown(local)} leads nowhere, or the disk does not tell what it is"
            )
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=detail)
        maildir = f"{tree.directory}/{name}{tree.below}"
        destination = Destination(address=local + b"@" + tree.domain, maildir=maildir)
        found = Lookup(outcome=Outcome.FOUND, destinations=(destination,))
        if self._quotas is None:
            return found
        full = self._quotas.get(maildir)
        if isinstance(full, bool):
            return OVER_QUOTA if full else found
        return full.addCallback(lambda is_full: OVER_QUOTA if is_full else found)


class _Tree:
    """The directory of one domain: `directory`/NAME`below` is a Maildir, NAME has a local part in it.

    `is_plain`: case makes no difference."""

    def __init__(self, path: str, domain: bytes, case: CaseRules) -> None:
        above, _, rest = MaildirTemplate(text=path).at(domain.decode()).partition(_LOCAL)
        self.domain = domain
        self.directory, _, self._prefix = above.rpartition("/")
        self._suffix, slash, below = rest.partition("/")
        self.below = slash + below
        self.is_plain = domain not in case.sensitive
        self._case = case

    def list(self, before: Folders | None, now: float) -> Folders:
        """Blocks; for a thread. Raises OSError."""
        return list_folders(self.directory or "/", self._key_on_disk, before, now)

    def _key_on_disk(self, name: str) -> bytes | None:
        """The local part that the folder is for, as it stands in a key; None when it is for nobody."""
        if not (name.startswith(self._prefix) and name.endswith(self._suffix)):
            return None
        written = name[len(self._prefix) : len(name) - len(self._suffix)]
        if self.is_plain and _is_plain(written):
            return written.lower().encode()
        local_part = unquote_to_bytes(os.fsencode(written))
        try:
            is_safe = folded(safe_name(os.fsdecode(local_part))) == folded(written)
        except UnsafeName:
            return None
        if not is_safe:  # else delivery to it would go to another one
            return None
        address = quoted_if_needed(local_part) + b"@" + self.domain
        return self._case.key_of(Path(address=address, domain=self.domain))[: -len(self.domain) - 1]


def _fault(directory: str, error: BaseException | None) -> str:
    if error is None:
        return f"{directory}: the disk does not answer"
    return f"{directory}: {error.strerror or error}" if isinstance(error, OSError) else f"{directory}: {error!r}"
