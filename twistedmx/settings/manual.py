"""The manual page of all settings, made from the settings themselves: docs/settings.md is what this prints.

python -m twistedmx.settings.manual > docs/settings.md
"""

from collections.abc import Iterator
from typing import Any, Final

import attrs

from twistedmx.settings.composed import Settings
from twistedmx.settings.shape import Field, default_of, dotted, is_required, is_single, section_of, table_of
from twistedmx.settings.written import written

_HEAD: Final = """\
# Settings

One TOML file, given with `twistd twistedmx --config FILE`. Every setting has a default; write only what differs. Paths are
absolute or relative to the file. All faults of a file are told at once, each with its key and what to do:
`twistedmx check-config FILE`. What a file comes to is printed by `twistedmx settings FILE`.

A section in two brackets, `[[like.this]]`, may be there any number of times; each has settings of its own. *Required*: must be
written there. *Restart*: holds after a restart only; all else is taken up by `twistedmx reload`.

This page is made by `python -m twistedmx.settings.manual`; a test keeps it in step with the code.
"""


def manual(kind: type = Settings) -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *_section(kind, "The top of the file", "", "")])


def _section(kind: Any, title: str, place: str, why: str) -> Iterator[str]:
    yield f"## {title}\n"
    if why:
        yield f"{why}\n"
    fields = attrs.fields(kind)
    single = [field for field in fields if is_single(field)]
    if single:
        yield "| setting | default | unit | what it does | precedent |"
        yield "| --- | --- | --- | --- | --- |"
        yield from map(_row, single)
        yield ""
    for field in fields:
        key, about = dotted(place, field.name), field.metadata.get("why", "")
        section, table = section_of(field), table_of(field)
        if section is not None:
            yield from _section(section, f"`[{key}]`", key, about)
        elif table is not None:
            yield from _section(table, f"`[[{key}]]`", key, about)
            for which, what, kind in table.kinds() if hasattr(table, "kinds") else ():
                yield from _section(kind, f"`[[{key}]]` with `{which}`", key, what)


def _row(field: Field) -> str:
    about = field.metadata
    default = "*required*" if is_required(field) else f"`{written(default_of(field))}`"
    why = about["why"] + (" *Restart.*" if about["restart"] else "")
    cells = (f"`{field.name}`", default, about["unit"], why, about["precedent"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    print(manual(), end="")
