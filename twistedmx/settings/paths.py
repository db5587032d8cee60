"""Files and folders in the settings: a relative name starts where the settings file is, not where twistd was called."""

import os
from typing import Any, TypeVar

import attrs
from attrs import AttrsInstance

Section = TypeVar("Section", bound=AttrsInstance)


def in_folder(section: Section, folder: str) -> Section:
    """The settings, or a section of them, with every path absolute. "" and "-" are no paths."""
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(section)):
        value = getattr(section, field.name)
        if attrs.has(type(value)):
            changes[field.name] = in_folder(value, folder)
        elif isinstance(value, tuple) and value and attrs.has(type(value[0])):
            changes[field.name] = tuple(in_folder(each, folder) for each in value)
        elif field.metadata.get("path"):
            changes[field.name] = _absolute(value, folder)
    whole: Any = section
    evolved: Section = attrs.evolve(whole, **changes)
    return evolved


def _absolute(value: Any, folder: str) -> Any:
    if isinstance(value, tuple):
        return tuple(_absolute(each, folder) for each in value)
    if value in ("", "-"):
        return value
    return os.path.join(folder, value)
