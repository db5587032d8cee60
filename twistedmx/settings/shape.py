"""The shape of the settings, read from their classes: single settings, sections, arrays of tables.

A field whose type is an attrs class is a section, `[like.this]`; one that is a tuple of an attrs class is an array of
tables, `[[like.this]]`; any other field is one setting. Whoever walks over the settings asks here which is which. A class whose
tables are of several kinds says so itself: `kind_of` a table is its class, `kinds` are those of the manual.
"""

from typing import Any, TypeAlias, get_args, get_origin

import attrs

Field: TypeAlias = "attrs.Attribute[Any]"
_Factory: Any = attrs.Factory  # a class, whatever its stub says


def section_of(field: Field) -> type | None:
    """The class of the section that the field is, if it is one."""
    return field.type if attrs.has(field.type) else None  # type: ignore[arg-type]  # any type may be asked


def table_of(field: Field) -> type | None:
    """The class of each table of the array that the field is, if it is one."""
    inner = get_args(field.type) if get_origin(field.type) is tuple else ()
    return inner[0] if len(inner) == 2 and inner[1] is Ellipsis and attrs.has(inner[0]) else None


def is_single(field: Field) -> bool:
    """Is it one setting?"""
    return section_of(field) is None and table_of(field) is None


def is_required(field: Field) -> bool:
    """Must it be written? Settings of an array's tables may be so."""
    return field.default is attrs.NOTHING


def default_of(field: Field) -> Any:
    """The value when nothing is written; `attrs.NOTHING` when it must be."""
    default = field.default
    return default.factory() if isinstance(default, _Factory) else default


def dotted(place: str, name: str) -> str:
    """The key of a setting below `place`, which is "" for the top of the file."""
    return f"{place}.{name}" if place else name
