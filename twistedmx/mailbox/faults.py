"""What is wrong with a table of mailboxes, for the person who wrote it.

All faults of a table are told at once. What is shown of the table is shortened and made printable: a fault goes to a
terminal and into a log, and a table may hold anything.
"""

import attrs

# Where an entry stands: the number of its line in a text table, the key in a TOML table; 0 means the whole file.
Place = int | str

_SHOWN_CHARACTERS = 80
_SHOWN_FAULTS = 50  # a table in the wrong encoding has a fault in every line; a log line should not have


@attrs.frozen(kw_only=True)
class Fault:
    """One thing to mend. `found`, `expected`, `remedy`: half sentences, joined by semicolons for the reader."""

    source: str
    place: Place
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.source}:{self.place}:" if self.place else f"{self.source}:"
        if isinstance(self.place, str):
            where = f"{self.source}: {self.place}:"
        return f"{where} {self.found}; expected {self.expected}; {self.remedy}"


class BadTable(ValueError):
    """A table cannot be used. `faults`: all that is wrong with it, in the order of the file. The text has a line for each."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        lines = [str(fault) for fault in self.faults[:_SHOWN_FAULTS]]
        if len(self.faults) > _SHOWN_FAULTS:
            lines.append(f"... and {len(self.faults) - _SHOWN_FAULTS} more")
        return "\n".join(lines)


def shown(written: bytes | str) -> str:
    """What an operator wrote, in quotes, printable and short."""
    text = written.decode("utf-8", "backslashreplace") if isinstance(written, bytes) else written
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    printable = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return f"'{printable}'"
