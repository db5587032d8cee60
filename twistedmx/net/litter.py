"""What sessions under TLS leave behind, counted, so that it is swept up in time.

Twisted keeps the traceback of a peer that went without a word of TLS, and with it, in a cycle, the connection: some 80 objects, by
which Python's collector counts, and what OpenSSL holds, of which it knows nothing. Left to itself it had not found 1,100 of them
after 4,000 handshakes (300 open at a time, each cut), and then stood still for 91 ms; the server had 116 MB, and with this 101.
"""

import gc
from collections.abc import Callable
from typing import Final

# Handshakes between two full collections. They take 0.4 s of a core (benchmarks, tls), a collection 5 ms with two thousand
# sessions open.
_MOST: Final = 500


class Litter:
    """Of one server."""

    def __init__(self, collect: Callable[[], object] = gc.collect) -> None:
        self._collect = collect
        self._handshakes = 0

    def add(self) -> None:
        """A handshake begins."""
        self._handshakes += 1
        if self._handshakes >= _MOST:
            self._handshakes = 0
            self._collect()
