"""What sessions under TLS leave behind, counted, so that it is swept up in time.

Twisted keeps the traceback of a peer that went without a word of TLS, and with it, in a cycle, the connection: some 80 objects, by
which Python's collector counts, and 70 KB of OpenSSL's, of which it knows nothing. Left to itself it finds them when hundreds of
megabytes have come together.
"""

import gc
from collections.abc import Callable
from typing import Final

# Handshakes between two full collections: 35 MB at most of what is dead. They take a second or two of a core, and a collection
# a twentieth of that, with two thousand sessions open.
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
