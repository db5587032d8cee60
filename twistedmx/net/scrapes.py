"""The one page of the metrics port, over HTTP: GET and HEAD of /metrics, as text or OpenMetrics, whichever is asked for.

Anything else is 404 or 405. A request's body is thrown away as it comes; connections are few, and short.
"""

from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

_MOST_CONNECTIONS: Final = 16
_IDLE_SECONDS: Final = 30


class Scrapes(WrappingFactory):
    """The factory of the port."""

    noisy = False

    def __init__(self, registry: CollectorRegistry, reactor: Any) -> None:
        root = Resource()
        root.putChild(b"metrics", MetricsPage(registry))
        site: Any = _QuietSite  # Twisted has no types for this
        super().__init__(site(root, _Bodiless, timeout=_IDLE_SECONDS, reactor=reactor))  # type: ignore[no-untyped-call]

    def buildProtocol(self, addr: IAddress) -> ProtocolWrapper | None:  # type: ignore[override]  # Factory may say None
        return super().buildProtocol(addr) if len(self.protocols) < _MOST_CONNECTIONS else None


class MetricsPage(Resource):
    """What the registry has now."""

    def __init__(self, registry: CollectorRegistry) -> None:
        Resource.__init__(self)
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        """In the format that the scraper prefers."""
        encode, content_type = choose_encoder(request.getHeader("accept") or "")
        request.setHeader("content-type", content_type)
        return encode(self._registry)

    def render_HEAD(self, request: Request) -> bytes:
        """As GET, but for the page."""
        request.setHeader("content-length", str(len(self.render_GET(request))))
        return b""


class _Bodiless(Request):
    def handleContentChunk(self, data: bytes) -> None:
        """No page takes any."""


class _QuietSite(Site):
    noisy = False

    def log(self, request: Any) -> None:
        """A line for each scrape tells nobody anything."""
