"""Settings as sections of keys, which a case may add to, and as the text that ours reads."""

import json
from collections.abc import Mapping
from typing import Any

# Section -> key -> value, as TOML has them; "": what stands before the first section.
Settings = Mapping[str, Mapping[str, Any]]


def joined(*settings: Settings) -> Settings:
    """All of them; of a key that is there twice the last value."""
    found: dict[str, dict[str, Any]] = {}
    for each in settings:
        for section, keys in each.items():
            found.setdefault(section, {}).update(keys)
    return found


def text(settings: Settings) -> str:
    """As TOML. Values are numbers, words, truths and lists of these: JSON writes them alike."""
    parts = [f"{key} = {json.dumps(value)}\n" for key, value in settings.get("", {}).items()]
    for section, keys in settings.items():
        if section:
            parts += [f"[{section}]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())]
    return "".join(parts)
