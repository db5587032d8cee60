"""The one page of the metrics port, over HTTP: GET and HEAD of /metrics, as text or OpenMetrics, whichever is asked for.

Anything else is 404 or 405. A request's body is thrown away as it comes; connections are few, and short.
"""

from collections.abc import Callable
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import INTERNAL_SERVER_ERROR
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

_MOST_CONNECTIONS: Final = 16
_IDLE_SECONDS: Final = 30


class Scrapes(WrappingFactory):
    """The factory of the port. `gather`: called for each scrape; fires with all there is, or fails."""

    noisy = False

    def __init__(self, gather: Callable[[], Deferred[CollectorRegistry]], reactor: Any) -> None:
        root = Resource()
        root.putChild(b"metrics", MetricsPage(gather))
        site: Any = _QuietSite  # Twisted has no types for this
        super().__init__(site(root, _Bodiless, timeout=_IDLE_SECONDS, reactor=reactor))  # type: ignore[no-untyped-call]

    def buildProtocol(self, addr: IAddress) -> ProtocolWrapper | None:  # type: ignore[override]  # Factory may say None
        return super().buildProtocol(addr) if len(self.protocols) < _MOST_CONNECTIONS else None


class MetricsPage(Resource):
    """What there is now."""

    _log = Logger()

    def __init__(self, gather: Callable[[], Deferred[CollectorRegistry]]) -> None:
        Resource.__init__(self)
        self._gather = gather

    def render_GET(self, request: Request) -> int:
        """In the format that the scraper prefers; HEAD as GET, but for the page."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        gathered = maybeDeferred(self._gather).addCallback(self._page, request)
        gathered.addErrback(self._fault, request).addCallback(self._say, request, gone)
        return NOT_DONE_YET

    def _page(self, registry: CollectorRegistry, request: Request) -> bytes:
        encode, content_type = choose_encoder(request.getHeader("accept") or "")
        page = encode(registry)
        request.setHeader("content-type", content_type)
        return page

    def _fault(self, failure: Failure, request: Request) -> bytes:
        self._log.failure("the metrics cannot be read", failure)
        request.setResponseCode(INTERNAL_SERVER_ERROR)
        request.setHeader("content-type", "text/plain; charset=utf-8")
        return b"the metrics cannot be read; the log has the reason\n"

    def _say(self, page: bytes, request: Request, gone: list[object]) -> None:
        if gone:
            return
        request.setHeader("content-length", str(len(page)))
        if request.method != b"HEAD":
            request.write(page)
        request.finish()

    render_HEAD = render_GET


class _Bodiless(Request):
    def handleContentChunk(self, data: bytes) -> None:
        """No page takes any."""


class _QuietSite(Site):
    noisy = False

    def log(self, request: Any) -> None:
        """A line for each scrape tells nobody anything."""
