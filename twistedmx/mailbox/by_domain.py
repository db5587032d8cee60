"""Mailboxes of several backends, as one: the table first, then the backend that serves the domain.

An entry of the table wins wherever its domain is served, and its aliases may lead to mailboxes of any backend. postmaster
and abuse of an own domain exist: what the backend does not know goes to the setting `[mailboxes] postmaster`, and without
it to a Maildir of its own.

Answers that a backend gives at once are given at once here; of a table alone, its own `find` is what is asked.
BUGS: the targets of an alias that are elsewhere are asked for one after the other.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import attrs
from twisted.internet.defer import Deferred

from twistedmx.mailbox.aliases import Targets, join
from twistedmx.mailbox.backend import Backend
from twistedmx.mailbox.keys import domain_key
from twistedmx.mailbox.obligatory import is_obligatory, postmaster_of
from twistedmx.mailbox.tables import TableMailboxes
from twistedmx.mailbox.template import MaildirTemplate, UnsafeName
from twistedmx.model.mailbox import NOT_OURS, Destination, Lookup, Outcome
from twistedmx.smtp.path import POSTMASTER, Path

Answer = Lookup | Awaitable[Lookup]
# The addresses that led here, by aliases and by the setting: an address among them again is a loop.
_Trail = tuple[bytes, ...]

_UNKNOWN = Outcome.UNKNOWN


@attrs.frozen(kw_only=True)
class BackendState:
    """One backend for the operator. `domains`: keys (A-labels). `state`: one line."""

    name: str
    domains: tuple[str, ...]
    state: str


def served_by(backends: Sequence[Backend]) -> dict[bytes, Backend]:
    """Whose each domain is. Raises ValueError with words for the operator when two claim one."""
    serving: dict[bytes, Backend] = {}
    for backend in backends:
        for domain in backend.domains():
            other = serving.setdefault(domain, backend)
            if other is not backend:
                raise ValueError(
                    f"{domain.decode()} is a domain of {other.name} and of {backend.name}; remove it from one of them"
                )
    return serving


class MailboxesByDomain:
    """The port `Mailboxes` on backends whose domains do not change, and perhaps a table, whose do.

    `table`: made with `Rules.elsewhere`, so that it does not claim the domains of the others. `template`: where the
    postmaster has a Maildir whom nobody else knows.
    """

    find: Callable[[Path], Answer]
    none_of: Callable[[Sequence[bytes], bytes], bool]
    refresh: Callable[[], None]

    def __init__(
        self,
        backends: Sequence[Backend],
        *,
        template: MaildirTemplate,
        table: TableMailboxes | None = None,
        postmaster: Path | None = None,
    ) -> None:
        self._everyone: tuple[Backend, ...] = ()
        self.replace(backends, template=template, table=table, postmaster=postmaster)

    def replace(
        self,
        backends: Sequence[Backend],
        *,
        template: MaildirTemplate,
        table: TableMailboxes | None = None,
        postmaster: Path | None = None,
    ) -> None:
        """Ask these from now on, and close those that are asked no more. Raises ValueError, having changed nothing."""
        serving = served_by(backends)
        if table is None and postmaster is not None and domain_key(postmaster.domain) not in serving:
            raise ValueError(f"mailboxes.postmaster: {postmaster} is of no own domain; name a mailbox of this server")
        before = self._everyone
        self._table = table
        self._serving: Mapping[bytes, Backend] = serving
        self._template = template
        self._postmaster = postmaster
        self._everyone = (*([table] if table is not None else []), *backends)
        if len(self._everyone) == 1:
            self.refresh = self._everyone[0].refresh
        else:
            self.refresh = self._refresh_all
        # Nothing stands between a session and a table that is alone.
        alone = table is not None and not backends
        self.find = table.find if alone else self._find  # type: ignore[union-attr]
        self.none_of = table.none_of if alone else self._none_of  # type: ignore[union-attr]
        for backend in before:
            if not any(backend is other for other in self._everyone):
                backend.close()

    def backend_of(self, path: Path) -> Backend | None:
        """Who is asked for `path` first; None: it is not ours."""
        if self._table is not None and self._table.has(path):
            return self._table
        if path == POSTMASTER:
            return next(iter(self._serving.values()), None)
        return self._serving.get(domain_key(path.domain))

    def describe(self) -> list[BackendState]:
        """Every backend, in the order in which they are asked."""
        return [
            BackendState(
                name=backend.name,
                domains=tuple(domain.decode() for domain in backend.domains()),
                state=backend.state(),
            )
            for backend in self._everyone
        ]

    def close(self) -> None:
        """Close all."""
        for backend in self._everyone:
            backend.close()

    def _refresh_all(self) -> None:
        for backend in self._everyone:
            backend.refresh()

    def _none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        table = self._table
        if table is not None and table.none_of(addresses, domain):
            return True
        backend = self._serving.get(domain.lower())
        return (
            backend is not None
            and table is None  # else each could be an alias there
            and not any(is_obligatory(Path(address, domain)) for address in addresses)
            and backend.none_of(addresses, domain)
        )

    def _find(self, path: Path, trail: _Trail = ()) -> Answer:
        if path.address in trail:
            names = " -> ".join(address.decode("utf-8", "backslashreplace") for address in (*trail, path.address))
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"a loop: {names}")
        table = self._table
        if table is None:
            return self._find_elsewhere(path, trail)
        answer = table.find(path)
        if answer is NOT_OURS:
            return self._find_elsewhere(path, trail)
        if type(answer) is Lookup:
            return answer
        return _then(answer, lambda lookup: self._after_table(table, lookup, path, trail))

    def _after_table(self, table: TableMailboxes, lookup: Lookup, path: Path, trail: _Trail) -> Answer:
        if table is not self._table:
            # Replaced meanwhile. A domain that was another backend's may be the new table's, or the other way round: half an
            # answer of each would be "not ours", for good.
            return self._find(path, trail)
        if isinstance(lookup, Targets):
            return self._join([], iter(lookup.parts), (*trail, path.address))
        return self._find_elsewhere(path, trail) if lookup is NOT_OURS else lookup

    def _find_elsewhere(self, path: Path, trail: _Trail) -> Answer:
        domain = path.domain
        domain = domain.lower() if domain.isascii() else domain_key(domain)
        backend = self._serving.get(domain)
        if backend is None:
            if path == POSTMASTER and self._serving:
                return self._find(postmaster_of(next(iter(self._serving))), trail)
            return NOT_OURS
        answer = backend.find(path)
        if type(answer) is Lookup and answer.outcome is not _UNKNOWN:
            return answer
        if not is_obligatory(path):
            return answer
        return _then(answer, lambda lookup: self._obligatory(lookup, path, domain, trail))

    def _obligatory(self, lookup: Lookup, path: Path, domain: bytes, trail: _Trail) -> Answer:
        """What postmaster or abuse finds when its backend has found `lookup`."""
        if lookup.outcome is not _UNKNOWN:
            return lookup
        postmaster = postmaster_of(domain)
        if path.address.lower() != postmaster.address:
            reader = postmaster
        elif self._postmaster is None or self._postmaster.key == postmaster.address:
            return self._own_maildir(postmaster)
        else:
            reader = self._postmaster
        return self._join([], iter((reader,)), (*trail, path.address))

    def _own_maildir(self, postmaster: Path) -> Lookup:
        try:
            maildir = self._template.maildir("postmaster", postmaster.domain.decode())
        except UnsafeName as wrong:
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"no Maildir can be made for {postmaster}: {wrong}")
        return Lookup(outcome=Outcome.FOUND, destinations=(Destination(address=postmaster.address, maildir=maildir),))

    def _join(self, lookups: list[Lookup], parts: Iterator[Lookup | Path], trail: _Trail) -> Answer:
        """The join of `lookups` and of what `parts` find."""
        for part in parts:
            answer = part if isinstance(part, Lookup) else self._find(part, trail)
            if not isinstance(answer, Lookup):
                return Deferred.fromCoroutine(self._join_later(lookups, part, answer, parts, trail))
            lookups.append(_as_target(part, answer))
        return join(lookups)

    async def _join_later(
        self,
        lookups: list[Lookup],
        asked: Lookup | Path,
        answer: Awaitable[Lookup],
        parts: Iterator[Lookup | Path],
        trail: _Trail,
    ) -> Lookup:
        lookups.append(_as_target(asked, await answer))
        rest = self._join(lookups, parts, trail)
        return rest if isinstance(rest, Lookup) else await rest


def _as_target(asked: Lookup | Path, found: Lookup) -> Lookup:
    """Mail for an alias waits until the operator has mended a target that takes none: that is no fault of who writes."""
    if found.outcome in (Outcome.FOUND, Outcome.OVER_QUOTA, Outcome.COULD_NOT_TELL):
        return found
    detail = f"it leads to {asked}, which is {found.outcome.value}"
    return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=detail)


def _then(answer: Answer, step: Callable[[Lookup], Answer]) -> Answer:
    """`step` on the answer: at once where that is there."""
    return step(answer) if isinstance(answer, Lookup) else Deferred.fromCoroutine(_step_later(answer, step))


async def _step_later(answer: Awaitable[Lookup], step: Callable[[Lookup], Answer]) -> Lookup:
    answered = step(await answer)
    return answered if isinstance(answered, Lookup) else await answered
