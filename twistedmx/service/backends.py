"""The backends of mailboxes that the settings name, each in its place; a kind of backend is a row of `_KINDS`."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
from twisted.internet import threads

from twistedmx.mailbox.backend import Backend, Means
from twistedmx.mailbox.by_domain import MailboxesByDomain, served_by
from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.http import HttpMailboxes, HttpSettings
from twistedmx.mailbox.keys import domain_keys
from twistedmx.mailbox.maildirs import MaildirsMailboxes
from twistedmx.mailbox.obligatory import parse_postmaster
from twistedmx.mailbox.passwd import PasswdMailboxes
from twistedmx.mailbox.remembered import SourceFailed
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.sql import SqlMailboxes
from twistedmx.mailbox.tables import TableMailboxes
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.ports import Events
from twistedmx.service.world import World
from twistedmx.settings import Settings
from twistedmx.smtp.path import Path

_THREADS: Final = 10  # as Twisted has them, for the table and for the resolver

# From a section of the settings, the reactor, what all backends are given, and its name.
_Build = Callable[[Any, Any, Means, str], Backend]


def _http(section: HttpSettings, reactor: Any, means: Means, name: str) -> Backend:
    from twistedmx.mailbox.http_agent import http_client  # half the web comes with it

    client = http_client(reactor, section)
    return HttpMailboxes(section, means=means, agent=client.agent, disconnect=client.close, name=name)


_KINDS: Final[dict[str, _Build]] = {
    "maildirs": lambda section, reactor, means, name: MaildirsMailboxes(section, means=means, name=name),
    "passwd": lambda section, reactor, means, name: PasswdMailboxes(section, means=means, name=name),
    "sql": lambda section, reactor, means, name: SqlMailboxes(section, means=means, name=name),
    "http": _http,
}


@attrs.frozen(kw_only=True)
class Backends:
    """`table`: the one that goes first, if there is one. `others`: each with domains of its own. `warnings`: what they cannot
    do now, and perhaps can later, for the operator. `threads`: so many may wait for a disk or a database at once."""

    table: TableMailboxes | None
    others: Sequence[Backend]
    template: MaildirTemplate
    postmaster: Path | None
    warnings: Sequence[str]
    threads: int

    def put_into(self, mailboxes: MailboxesByDomain) -> None:
        """Let these be asked from now on."""
        mailboxes.replace(self.others, template=self.template, table=self.table, postmaster=self.postmaster)

    def close(self) -> None:
        """They were never asked."""
        for backend in (*self.others, *([self.table] if self.table is not None else [])):
            backend.close()


def backends_of(
    settings: Settings, world: World, events: Events, faults: list[str], unread: Callable[[str], bool]
) -> Backends | None:
    """Those that the settings name, ready to be asked. None and more `faults` where that cannot be. Reads the table.

    `unread`: as for `parts_of`. What a backend of which nothing is known may serve is no fault of the table.
    """
    written = settings.mailboxes
    before = len(faults)
    template = _template(settings, faults)  # told; the rest is judged still
    postmaster = None
    try:
        postmaster = parse_postmaster(written.postmaster)
    except ValueError as error:
        faults.append(str(error))
    case = CaseRules(sensitive=frozenset(domain_keys(written.case_sensitive)))
    means = Means(
        clock=world.reactor,
        now=world.now,
        run_in_thread=lambda *call: threads.deferToThreadPool(world.reactor, world.reactor.getThreadPool(), *call),
        events=events,
        template=template,
        case=case,
    )
    others: list[Backend] = []
    missing = any(unread(f"mailboxes.{kind}") for kind in _KINDS)
    warnings: list[str] = []
    for kind, build in _KINDS.items():
        for number, section in enumerate(getattr(written, kind)):
            name = f"mailboxes.{kind}[{number}]"
            try:
                backend = build(section, world.reactor, means, name)
                others.append(backend)
                if isinstance(backend, SqlMailboxes):
                    backend.check()
            except SourceFailed as error:
                warnings.append(f"{name}: {error}; its mail is answered 451 until it can be asked")
            except ValueError as error:
                faults.append(f"{name}.{error}")
                missing = True
    try:
        elsewhere: dict[bytes, str] = {domain: backend.name for domain, backend in served_by(others).items()}
    except ValueError as error:
        faults.append(f"mailboxes: {error}")
        elsewhere = {}
    rules = Rules(case=case, elsewhere=_AnyDomain(elsewhere) if missing else elsewhere, postmaster=postmaster)
    table = _table(settings, means, rules, faults) if written.table else None
    nobody = table is None and not others and not settings.qmail.home  # whose users are the host's
    if nobody and len(faults) == before and not unread("mailboxes"):
        faults.append('mailboxes.table: name the file of your addresses, as table = "mailboxes" (docs/mailboxes.md)')
    if len(faults) == before and not missing:
        try:
            MailboxesByDomain(others, template=template, table=table, postmaster=postmaster)
        except ValueError as error:
            faults.append(str(error))
    if len(faults) > before:
        for backend in others:
            backend.close()
        return None
    served = {domain for backend in (*others, *([table] if table is not None else [])) for domain in backend.domains()}
    warnings += (
        f"mailboxes.case_sensitive: {domain.decode()} is served by nobody here; correct it, or take it out"
        for domain in sorted({*case.sensitive} - served)
    )
    return Backends(
        table=table,
        others=others,
        template=template,
        postmaster=postmaster,
        warnings=warnings,
        threads=_threads(settings),
    )


class _AnyDomain(dict[bytes, str]):
    """Domains of backends that are elsewhere, when not all of these are known: any domain may be one of theirs."""

    def __contains__(self, domain: object) -> bool:
        return True


def _threads(settings: Settings) -> int:
    slow = (*settings.mailboxes.passwd, *settings.mailboxes.sql)
    return _THREADS + 4 * len(settings.mailboxes.maildirs) + sum(section.most_at_once for section in slow)


def _template(settings: Settings, faults: list[str]) -> MaildirTemplate:
    try:
        return MaildirTemplate(text=os.path.join(settings.data, settings.mailboxes.maildir))
    except ValueError as error:
        faults.append(f"mailboxes.maildir: {error}")
        return MaildirTemplate(text="/{domain}/{local}")


def _table(settings: Settings, means: Means, rules: Rules, faults: list[str]) -> TableMailboxes | None:
    path = settings.mailboxes.table
    table = TableMailboxes(
        path=path,
        maildirs=means.template.text,
        run_in_thread=means.run_in_thread,
        now=means.now,
        events=means.events,
        rules=rules,
    )
    try:
        table.load()
    except OSError as error:
        faults.append(f"mailboxes.table: {path}: cannot be read: {error.strerror}")
    except ValueError as error:
        faults.extend(str(error).splitlines())
    else:
        return table
    return None
