"""Users that a program wants and the system does not have: in copies of passwd and group, for a mount namespace."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import Place

FIRST_ID = 64_001


def with_users(place: Place, names: Sequence[str]) -> None:
    """Write `passwd` and `group` into the folder: the system's, and these users, each with a group of its name."""
    passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for number, name in enumerate(names, FIRST_ID):
        passwd += f"{name}:x:{number}:{number}::/nonexistent:/bin/false\n"
        group += f"{name}:x:{number}:\n"
    place.write("passwd", passwd)
    place.write("group", group)
