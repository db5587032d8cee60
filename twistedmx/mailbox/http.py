"""Mailboxes from an HTTP server: GET with the address, the answer in JSON, or 404 for an address that is not there.

Statuses: RFC 9110 15. 200 has the answer, 404 (and 410) means unknown; a 4yz that is about this one request makes this one
look-up fail; everything else, redirects too, is a fault of the server. Answers are remembered, see `remembered.py`.

What it does not: ask proxies of the environment, follow redirects (the token would go along), ask for a catch-all (the
server answers for every address as it likes). BUGS: a server that answers everything with 200 and a mailbox lets
strangers' guesses into the memory of what is there; a wrong `url` that is answered 404 makes everybody unknown.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import attrs
from twisted.internet.defer import CancelledError, Deferred

from twistedmx.mailbox.backend import Means
from twistedmx.mailbox.entry import NO_ENTRY, BadEntry, Entry, keyed
from twistedmx.mailbox.following import follow_one
from twistedmx.mailbox.http_answer import MOST_OCTETS, is_object, read_answer
from twistedmx.mailbox.keys import are_domains, domain_key, domain_keys
from twistedmx.mailbox.remembered import Remembered, Remembering, SourceFailed
from twistedmx.mailbox.secret_file import read_secret
from twistedmx.model.mailbox import NOT_OURS, UNKNOWN, Lookup, Outcome
from twistedmx.setting import setting
from twistedmx.smtp.path import Path

if TYPE_CHECKING:
    from twisted.web.iweb import IAgent

_PLACEHOLDER: Final = re.compile(r"\{(local|domain|address)\}")
# Statuses that speak of this one request; 401, 403, 407, 408 and 429 would be said to any.
_OF_THIS_REQUEST: Final = (400, 405, 406, 411, 412, 413, 414, 415, 416, 417, 422, 431, 451)


def _is_url(instance: Any, attribute: Any, value: str) -> None:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as wrong:
        raise ValueError(f"is no URL: {wrong}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("must begin with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise ValueError("has a user or password before the host; use token_file")
    if "{" in parts.netloc:
        raise ValueError("has a placeholder in its host; strangers would choose whom we ask")
    if parts.fragment or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be ASCII, without spaces and without a #fragment; percent-encode the rest")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", value)):
        raise ValueError("may have {address}, {local} and {domain}, and no other brace")
    if not {"address", "local"} & set(_PLACEHOLDER.findall(value)):
        raise ValueError("has neither {address} nor {local}, so that its answer would be everybody's")


@attrs.frozen(kw_only=True)
class HttpSettings(Remembering):
    """Settings `[[mailboxes.http]]`."""

    domains: tuple[str, ...] = setting(
        attrs.NOTHING,
        unit="domains",
        why="Whose mailboxes the server knows.",
        precedent="Postfix virtual_mailbox_domains",
        validator=are_domains,
    )
    url: str = setting(
        attrs.NOTHING,
        unit="",
        why='As "https://users.example.org/mx?address={address}"; {local} and {domain} too; their values are percent-encoded.',
        precedent="Exim ${readsocket}, Haraka rcpt_to plugins",
        validator=_is_url,
    )
    token_file: str = setting(
        "",
        unit="",
        why="File that holds a bearer token (RFC 6750 2.1), and nothing else; read at the start.",
        precedent="Prometheus bearer_token_file",
        path=True,
    )
    ca: str = setting(
        "",
        unit="",
        why="PEM file with the certificates that sign the server's; empty: those that the system trusts.",
        precedent="curl --cacert",
        path=True,
    )


class HttpMailboxes:
    """The backend. `agent`: makes the requests. `disconnect`: ends its connections. Raises ValueError for the operator."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        means: Means,
        agent: "IAgent",
        disconnect: Callable[[], None] = lambda: None,
        name: str = "http",
    ) -> None:
        from twisted.web.http_headers import Headers  # here, because the room is imported by servers that do without

        self.name = name
        self._means = means
        self._agent = agent
        self._disconnect = disconnect
        self._url = settings.url
        self._domains = domain_keys(settings.domains)
        self._serves = frozenset(self._domains)
        self._headers = Headers({"accept": ["application/json"], "user-agent": ["twistedmx"]})
        token = read_secret(settings.token_file, "token_file")
        if token:
            if not re.fullmatch(r"[\x21-\x7e]+", token):
                raise ValueError(f"token_file: {settings.token_file}: a token is ASCII without spaces")
            self._headers.setRawHeaders("authorization", [f"Bearer {token}"])
        self._remembered = Remembered(self._look_up, settings=settings, means=means, name=name)

    def refresh(self) -> None:
        """Answers grow old by themselves."""

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        """Each is remembered by itself."""
        return False

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        if domain_key(path.domain) not in self._serves:
            return NOT_OURS
        return self._remembered.find(path) if _may_be_asked(path) else UNKNOWN

    def domains(self) -> Sequence[bytes]:
        return self._domains

    def state(self) -> str:
        return self._remembered.state()

    def close(self) -> None:
        self._remembered.close()
        self._disconnect()

    def _look_up(self, path: Path) -> Deferred[Lookup]:
        return Deferred.fromCoroutine(self._follow(keyed(path, self._means.case.key_of)))

    async def _follow(self, asked: Path) -> Lookup:
        following = follow_one(asked, domains=self._serves, catch_all=False)
        try:
            wanted = next(following)
            while True:
                wanted = following.send(await self._entry(wanted))
        except StopIteration as end:
            found: Lookup = end.value
            return found
        except BadEntry as wrong:
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"{self.name}: {wrong}")

    async def _entry(self, asked: Path) -> Entry:
        from twistedmx.mailbox.http_body import bounded_body  # loaded by now, with the agent

        if not _may_be_asked(asked):
            return NO_ENTRY
        try:
            response = await self._agent.request(b"GET", self._url_of(asked), self._headers)
            body = await bounded_body(response, MOST_OCTETS)
        except CancelledError:  # it took too long
            raise
        except Exception as error:
            raise SourceFailed(_words(error)) from None
        if response.code == 200:
            return read_answer(body, asked=asked, template=self._means.template, case=self._means.case)
        if response.code in (404, 410):
            # A proxy or a wrong url says 404 as well; nobody is refused for good on its word.
            if is_object(body):
                return NO_ENTRY
            raise SourceFailed(f"the server answered {response.code} without a JSON object; for nobody it says {{}}")
        if response.code in _OF_THIS_REQUEST:
            raise BadEntry(f"the server answered {response.code}")
        raise SourceFailed(f"the server answered {response.code}")

    def _url_of(self, asked: Path) -> bytes:
        values = {"address": asked.address, "local": asked.local_part, "domain": asked.domain}
        return _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), self._url).encode("ascii")


def _may_be_asked(path: Path) -> bool:
    """Not what a server that undoes percent-encoding too early would take for another place than that of an address."""
    local = path.local_part
    return bool(local) and _is_utf8(local) and not {b".", b".."} & set(re.split(rb"[/\\]", local))


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _words(error: Exception) -> str:
    """What went wrong. Twisted wraps the reasons of a broken request in a list."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return "; ".join(_words(reason.value) for reason in reasons)
    return str(error) or type(error).__name__
