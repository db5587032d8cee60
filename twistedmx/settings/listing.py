"""Every setting of a server with its value and what the manual says of it: as values, and as a TOML file with comments.

The file can be read back: it is what the server was told, with all that it was not told beside it. Only secrets are hidden.
"""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from twistedmx.settings.secrets import showable
from twistedmx.settings.shape import Field, default_of, dotted, is_required, is_single, section_of
from twistedmx.settings.written import written

_WIDTH: Final = 100


@attrs.frozen(kw_only=True)
class Entry:
    """One setting. `key`: "limits.size", "mailboxes.sql[0].query". `value`, `default`: without secrets. `required`: it has
    no default. `changed`: its value is not the default. `restart`: a running server cannot take it up."""

    key: str
    name: str
    value: Any
    default: Any
    unit: str
    why: str
    precedent: str
    required: bool
    restart: bool
    changed: bool


@attrs.frozen(kw_only=True)
class Section:
    """`header`: as in the file, "[limits]", "[[mailboxes.sql]]" or "" for the top. `empty`: what the array is for, where it
    has no table."""

    header: str
    entries: tuple[Entry, ...] = ()
    empty: str = ""

    @property
    def is_table(self) -> bool:
        """Is it one of an array?"""
        return self.header.startswith("[[") and not self.empty


def sections(settings: Any, *, place: str = "", header: str = "") -> Iterator[Section]:
    """All of them, in the order of a file. `place`: the key of `settings`, "" for the whole."""
    fields = attrs.fields(type(settings))
    single = tuple(_entry(field, getattr(settings, field.name), place) for field in fields if is_single(field))
    yield Section(header=header, entries=single)
    above = header.strip("[]")
    for field in fields:
        value, path = getattr(settings, field.name), dotted(above, field.name)
        if is_single(field):
            continue
        if section_of(field) is not None:
            yield from sections(value, place=dotted(place, field.name), header=f"[{path}]")
        else:
            if not value:
                yield Section(header=f"[[{path}]]", empty=field.metadata.get("why", "None."))
            for number, table in enumerate(value):
                yield from sections(table, place=f"{dotted(place, field.name)}[{number}]", header=f"[[{path}]]")


def only_changed(listed: Iterable[Section]) -> Iterator[Section]:
    """The same with the changed settings alone."""
    for section in listed:
        if not section.empty:
            yield attrs.evolve(section, entries=tuple(entry for entry in section.entries if entry.changed))


def as_toml(listed: Iterable[Section]) -> str:
    """A file that says the same, each setting below what it is for. A section without settings is left out."""
    parts: list[str] = []
    for section in listed:
        if section.empty:
            parts.append(f"# {section.header}\n# {section.empty}")
        if section.entries or section.is_table:
            parts += [section.header] if section.header else []
            parts += map(_as_toml, section.entries)
    return "\n\n".join(parts)


def _entry(field: Field, value: Any, place: str) -> Entry:
    about, required = field.metadata, is_required(field)
    default = None if required else default_of(field)
    return Entry(
        key=dotted(place, field.name),
        name=field.name,
        value=showable(field, value),
        default=showable(field, default),
        unit=about["unit"],
        why=about["why"],
        precedent=about["precedent"],
        required=required,
        restart=about["restart"],
        changed=required or value != default,
    )


def _as_toml(entry: Entry) -> str:
    words = entry.why
    if entry.precedent:
        words += f" (Precedent: {entry.precedent}.)"
    facts = ["Required" if entry.required else f"Default {written(entry.default)}"]
    if entry.unit:
        facts.append(entry.unit)
    if entry.restart:
        facts.append("holds after a restart only")
    lines = textwrap.wrap(words, _WIDTH, break_long_words=False, break_on_hyphens=False)
    lines.append(f"{'; '.join(facts)}.")
    return "\n".join([*(f"# {line}" for line in lines), f"{entry.name} = {written(entry.value)}"])
