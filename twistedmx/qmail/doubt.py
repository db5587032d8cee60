"""What cannot be told just now: the third outcome of a look-up, beside what was found and nothing.

A file that is there and cannot be read is never taken for one that is missing: the original does that in places, and refuses
mail for good (550) because of a wrong owner. Whoever asked answers 451.
"""

import os


class CouldNotTell(Exception):
    """A look-up failed. The text is for the operator, never for the peer: it names the file, what was found and the remedy."""

    def __init__(self, file: str | bytes, found: str, remedy: str) -> None:
        super().__init__(f"{os.fsdecode(file)}: {found}; {remedy}")


def unreadable(file: str | bytes, error: OSError) -> CouldNotTell:
    """`file` is there, or may be there, and the system does not let us look."""
    return CouldNotTell(
        file,
        f"cannot be read: {error.strerror or error}",
        f"let uid {os.geteuid()}, as which this server runs, read it and search the folders above it",
    )
