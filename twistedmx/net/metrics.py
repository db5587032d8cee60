"""Where Prometheus scrapes: a port of its own, off unless the settings name it. What it says is `report.prometheus`.

BUGS: the page is made in the reactor's thread, in about a millisecond.
"""

from collections.abc import Callable
from typing import Any

import attrs
from prometheus_client import CollectorRegistry
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint

from twistedmx.setting import setting


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """Settings `[metrics]`."""

    listen: str = setting(
        "",
        unit="Twisted endpoint string",
        why="Where Prometheus scrapes /metrics: tcp:9925:interface=127.0.0.1. Whoever may connect may read. Empty: nowhere.",
        precedent="mox metrics listener on localhost, off elsewhere",
        restart=True,
    )


def listen(
    reactor: Any, endpoint: IStreamServerEndpoint, gather: Callable[[], Deferred[CollectorRegistry]]
) -> Deferred[IListeningPort]:
    """Serve what `gather` comes to. The Deferred fails with CannotListenError."""
    # Three megabytes, for those who scrape.
    from twistedmx.net.scrapes import Scrapes

    listening: Deferred[IListeningPort] = endpoint.listen(Scrapes(gather, reactor))
    return listening
