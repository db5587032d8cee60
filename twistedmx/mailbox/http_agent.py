"""The HTTP client of the backend `http`: persistent connections, certificates verified by name, redirects not followed."""

from typing import Any

import attrs
from twisted.internet import ssl
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.iweb import IAgent

import twistedmx.mailbox.http_body  # noqa: F401  # now, while root can read every file of the interpreter
from twistedmx.mailbox.http import HttpSettings


@attrs.frozen(kw_only=True)
class HttpClient:
    """`close`: ends the connections that nobody uses; never waits."""

    agent: IAgent
    _pool: HTTPConnectionPool

    def close(self) -> None:
        self._pool.closeCachedConnections().addErrback(lambda failure: None)


def http_client(reactor: Any, settings: HttpSettings) -> HttpClient:
    """Raises ValueError with words for the operator when `ca` cannot be used."""
    pool = HTTPConnectionPool(reactor, persistent=True)
    pool.maxPersistentPerHost = settings.most_at_once
    pool.cachedConnectionTimeout = 30
    policy = BrowserLikePolicyForHTTPS(_roots(settings.ca))
    agent = Agent(reactor, contextFactory=policy, connectTimeout=settings.time, pool=pool)
    return HttpClient(agent=agent, pool=pool)


def _roots(path: str) -> Any:
    """Who may have signed: those of the file, or those that the system trusts (None)."""
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            octets = file.read()
    except OSError as error:
        raise ValueError(f"ca: {path}: cannot be read: {error.strerror}") from None
    begin = b"-----BEGIN CERTIFICATE-----"
    try:
        certificates = [ssl.Certificate.loadPEM(begin + part) for part in octets.split(begin)[1:]]
    except Exception:  # whatever OpenSSL makes of it
        raise ValueError(f"ca: {path}: has a certificate that cannot be read; it must be PEM") from None
    if not certificates:
        raise ValueError(f"ca: {path}: has no certificate; it must be PEM")
    return ssl.trustRootFromCertificates(certificates)
