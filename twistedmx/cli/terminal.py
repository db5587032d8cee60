"""What a command writes. Names, addresses and reasons may be a peer's words: a terminal must not obey them."""

import json
from collections.abc import Sequence
from typing import Any, TextIO

import attrs


def plain(text: object) -> str:
    """The text with all that is not printable as an escape: control characters, line ends, directions of writing."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text)
    )


@attrs.frozen(kw_only=True)
class Terminal:
    """`stdout`: the answer. `stderr`: why there is none, and what goes beside it."""

    stdout: TextIO
    stderr: TextIO

    def say(self, line: str = "") -> None:
        """One line of the answer."""
        print(plain(line), file=self.stdout)

    def complain(self, line: str) -> None:
        """One line beside the answer."""
        print(plain(line), file=self.stderr)

    def octets(self, octets: bytes) -> None:
        """As they are. Raises ValueError where they would go to a terminal, which obeys them."""
        if self.stdout.isatty():
            raise ValueError("a terminal would obey what is in it; send it to a file or through a pipe")
        self.stdout.flush()
        self.stdout.buffer.write(octets)

    def can_write(self, characters: str) -> bool:
        """Whether its encoding has them."""
        try:
            characters.encode(self.stdout.encoding or "ascii")
        except (LookupError, UnicodeEncodeError):
            return False
        return True

    def redraw(self, lines: Sequence[str], above: int) -> None:
        """In place of the `above` lines that stand last; at once. Of a terminal that obeys ECMA-48."""
        print(f"\x1b[{above}A\x1b[J" if above else "", end="", file=self.stdout)
        for line in lines:
            self.say(line)
        self.stdout.flush()

    def record(self, value: Any) -> None:
        """One of many answers for machines: a JSON document on a line, at once."""
        print(json.dumps(value), file=self.stdout, flush=True)

    def document(self, value: Any) -> None:
        """The answer for machines: one JSON document, all of ASCII."""
        print(json.dumps(value, indent=2), file=self.stdout)
