"""What a command writes. Names, addresses and reasons may be a peer's words: a terminal must not obey them."""

import json
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

    def document(self, value: Any) -> None:
        """The answer for machines: one JSON document, all of ASCII."""
        print(json.dumps(value, indent=2), file=self.stdout)
