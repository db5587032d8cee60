"""How often a host has come lately: one that is back at once, again and again, is as one that was hung up on.

A flood of connections costs more than what is said in them: each is accepted, greeted and closed, and a first-time sender waits for
his to be accepted. Guessers are known by their guesses; who only connects, or asks for TLS and hears 454, is known by this alone
(benchmarks, tlsflood).

Counted in two spans of ten seconds, the present one and the one before it: what was told is of ten to twenty seconds. Bounded:
beyond so many hosts the older span is forgotten sooner.
"""

from typing import Final

SPAN: Final = 10.0  # seconds
_MOST: Final = 65_536  # hosts in a span: 8 MB


class Comings:
    """Of one server. `most`: hosts that are counted in a span."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._began: float | None = None  # the present span
        self._now: dict[bytes, int] = {}
        self._before: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Hosts that are counted."""
        return len(self._now.keys() | self._before.keys())

    def count(self, host: bytes, time: float) -> int:
        """It has come once more: how often lately, this time among them. `host`: its key. `time`: seconds; of a clock that is put
        back a new span begins."""
        began = self._began
        if began is None or not 0.0 <= time - began < SPAN or len(self._now) >= self._most:
            is_next = began is not None and 0.0 <= time - began < 2 * SPAN
            self._before = self._now if is_next else {}
            self._now = {}
            self._began = time
        times = self._now[host] = self._now.get(host, 0) + 1
        return times + self._before.get(host, 0)
