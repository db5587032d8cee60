"""What is not the same in two versions of the settings."""

from typing import Any

import attrs

from twistedmx.settings.composed import Settings


def changed(before: Settings, after: Settings) -> list[str]:
    """Keys of the settings that differ, as written in the file: "listen", "limits.size"."""
    return [key for key, _ in _changed(before, after, "")]


def beyond_reload(before: Settings, after: Settings) -> list[str]:
    """Of these, the keys that a running server cannot take up."""
    return [key for key, field in _changed(before, after, "") if field.metadata.get("restart")]


def _changed(before: Any, after: Any, prefix: str) -> list[tuple[str, "attrs.Attribute[Any]"]]:
    differing: list[tuple[str, attrs.Attribute[Any]]] = []
    for field in attrs.fields(type(before)):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if attrs.has(type(one)):
            differing += _changed(one, other, f"{prefix}{field.name}.")
        elif one != other:
            differing.append((f"{prefix}{field.name}", field))
    return differing
