"""The server's limit of strangers' sessions over a phase of a drill, as its `status` tells it."""

from collections.abc import Mapping
from typing import Any


class Limits:
    """`first`, `last`, `highest`, `lowest`: that it was. `lowest_after`: seconds of the phase until it was that first. `strangers`:
    sessions at once, the most; `load`: for each CPU, the highest; `load_now`: as told last. None: not told.
    `high_at_first`: limits under load held already then."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None
        self.highest: int | None = None
        self.lowest: int | None = None
        self.lowest_after: float | None = None
        self.strangers: int | None = None
        self.load: float | None = None
        self.load_now: float | None = None
        self.high_at_first = False

    def told(self, governor: Any, seconds: float) -> None:
        """What `status` has of it, `seconds` after the phase began. An older server has nothing."""
        if not isinstance(governor, Mapping):
            return
        if self.first is None:
            self.high_at_first = governor.get("under_load") is True
        self._limit(governor.get("limit"), seconds)
        strangers, vitals = governor.get("strangers"), governor.get("vitals")
        if isinstance(strangers, int):
            self.strangers = max(strangers, self.strangers or 0)
        load = vitals.get("load") if isinstance(vitals, Mapping) else None
        self.load_now = float(load) if isinstance(load, int | float) else None
        if self.load_now is not None:
            self.load = max(self.load_now, self.load or 0.0)

    def _limit(self, limit: Any, seconds: float) -> None:
        if not isinstance(limit, int):
            return
        self.last = limit
        self.first = limit if self.first is None else self.first
        self.highest = limit if self.highest is None else max(limit, self.highest)
        if self.lowest is None or limit < self.lowest:
            self.lowest, self.lowest_after = limit, seconds

    def document(self) -> Mapping[str, float | None]:
        """For machines."""
        return {
            "limit_first": self.first,
            "limit_highest": self.highest,
            "limit_lowest": self.lowest,
            "limit_lowest_after": _rounded(self.lowest_after, 1),
            "limit_last": self.last,
            "strangers_most": self.strangers,
            "load_most": _rounded(self.load, 2),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
