"""The manual page of all settings, made from the settings themselves: docs/settings.md is what this prints.

python -m twistedmx.settings.manual > docs/settings.md
"""

from collections.abc import Iterator
from typing import Any

import attrs

from twistedmx.settings.composed import Settings

_HEAD = """\
# Settings

One TOML file, given with `twistd twistedmx --config FILE`. Every setting has a default; write only what differs. Paths are
absolute or relative to the file. All faults of a file are told at once, each with its key and what to do.

This page is made by `python -m twistedmx.settings.manual`; a test keeps it in step with the code.
"""


def manual() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *_section(Settings, "The top of the file", "")])


def _section(kind: Any, title: str, prefix: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| setting | default | unit | what it does | precedent |"
    yield "| --- | --- | --- | --- | --- |"
    inner = []
    for field in attrs.fields(kind):
        if attrs.has(field.type):
            inner.append(field)
        else:
            about = field.metadata
            row = (f"`{field.name}`", _toml(field.default), about["unit"], about["why"], about["precedent"])
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
    for field in inner:
        yield from _section(field.type, f"`[{prefix}{field.name}]`", f"{prefix}{field.name}.")


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"`[{', '.join(f'{chr(34)}{item}{chr(34)}' for item in value)}]`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{value:_}`" if isinstance(value, int) and value >= 10_000 else f"`{value}`"


if __name__ == "__main__":
    print(manual(), end="")
