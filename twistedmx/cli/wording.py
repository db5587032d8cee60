"""Numbers, names and rows as `twistedmx status` says them: in words, whatever a server tells."""

import textwrap
from collections.abc import Mapping
from typing import Any, Final

_WIDTH: Final = 80  # of what stands beside the labels


def anything(value: Any) -> list[str]:
    """What we know nothing of."""
    if isinstance(value, Mapping):
        return wrapped(pairs(value))
    if isinstance(value, list):
        return [", ".join(pairs(item)) if isinstance(item, Mapping) else number_of(item) for item in value]
    return [number_of(value)]


def pairs(values: Mapping[str, Any]) -> list[str]:
    """ "sessions 12", of each."""
    return [f"{name_of(name)} {number_of(value)}" for name, value in values.items()]


def counts(values: Mapping[str, Any]) -> str:
    """ "12 sessions, 3 tls"."""
    return ", ".join(f"{number_of(number)} {name_of(name)}" for name, number in values.items())


def wrapped(parts: list[str]) -> list[str]:
    """Lines of a row, of what stands between its commas."""
    return textwrap.wrap(", ".join(parts), _WIDTH, break_long_words=False, break_on_hyphens=False)


def name_of(name: str) -> str:
    """As people write it."""
    return name.replace("_", " ")


def number_of(value: Any) -> str:
    """Anything, without a word of Python."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return f"({', '.join(pairs(value))})"
    if isinstance(value, list) and value and all(type(one) is int for one in value):
        return "/".join(map(str, value))  # of a limit: in calm, under load, under attack
    if isinstance(value, list):
        return ", ".join(map(number_of, value)) or "none"
    if value == "":
        return "none"
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def octets_of(number: float) -> str:
    """With the unit that makes it short."""
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.1f} {unit}" if unit != "octets" else f"{number} octets"
        number /= 1024
    return f"{number:.1f} TiB"
