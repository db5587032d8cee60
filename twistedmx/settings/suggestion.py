"""What may have been meant by a key that is no setting: most are typing errors, or stand under the wrong section."""

import difflib
from collections.abc import Iterator
from typing import Any, Final

import attrs

from twistedmx.settings.shape import dotted, section_of, table_of

_ALIKE: Final = 0.6  # difflib's own
_VERY_ALIKE: Final = 0.8  # of names in other sections, where there are many; or beside one that stands there exactly


def alike(name: str, kind: type) -> list[str]:
    """The setting of a section of class `kind` that may have been meant by `name`, or none."""
    return difflib.get_close_matches(name, [field.name for field in attrs.fields(kind)], 1, _ALIKE)


def suggestion(name: str, kind: type, place: str, root: type) -> str:
    """Words for who wrote `name` in a section of class `kind`. `place`: its key without numbers, "" for the top.

    `root`: the class of all settings.
    """
    here = [field.name for field in attrs.fields(kind)]
    elsewhere = [(other, way) for other, section, way in _all(root, "", "") if section != place]
    exactly = [way for other, way in elsewhere if other == name]
    close = difflib.get_close_matches(name, here, 1, _VERY_ALIKE if exactly else _ALIKE)
    meant = [*map(repr, close), *exactly]
    if not meant:
        close = difflib.get_close_matches(name, [other for other, _ in elsewhere], 1, _VERY_ALIKE)
        meant = [way for other, way in elsewhere if other in close]
    return f"did you mean {' or '.join(meant)}?" if meant else f"known here: {', '.join(here)}"


def _all(kind: Any, place: str, header: str) -> Iterator[tuple[str, str, str]]:
    """Each name, the section it stands in, and how to write it there."""
    for field in attrs.fields(kind):
        key = dotted(place, field.name)
        section, table = section_of(field), table_of(field)
        if section is not None:
            yield field.name, place, f"[{key}]"
            yield from _all(section, key, f"[{key}]")
        elif table is not None:
            yield field.name, place, f"[[{key}]]"
            yield from _all(table, key, f"[[{key}]]")
        else:
            yield field.name, place, f"{header} {field.name}" if header else f"{field.name} above the first [section]"
