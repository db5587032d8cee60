"""What a `.qmail` file says is to be done with a message (dot-qmail(5), qmail-local.c): its lines as values.

    #anything           nothing
    |command            a program, by sh
    ./path  /path       into that mbox; a Maildir where the path ends in "/"
    &address  address   forwarded
    +list               from here on forwards alone

Blanks at the end of a line do not count. The whole file is judged before its first line is obeyed, where qmail-local.c delivers
what stands above a fault, at each try again.

Pure: octets and modes come in. Which file it is, `dot_qmail` says.
"""

from collections.abc import Sequence
from typing import Final

import attrs

FORBIDDEN_BITS: Final = 0o002  # of a home and of a .qmail file: conf-patrn as it is shipped
LARGEST: Final = 1_048_576  # octets of a .qmail file; a list of some 40,000 addresses
_STICKY: Final = 0o1000
_EXECUTABLE: Final = 0o100


class BadInstructions(ValueError):
    """Nothing is done before somebody mends it. The text is for the operator and ends with a status as qmail's do."""


def _check(instance: object, attribute: "attrs.Attribute[bytes]", word: bytes) -> None:
    if not word or b"\n" in word or b"\0" in word or word[-1:] in b" \t\r":
        raise ValueError(f"no word of a .qmail file: {word!r}")


def _check_path(instance: object, attribute: "attrs.Attribute[bytes]", path: bytes) -> None:
    _check(instance, attribute, path)
    if not path.startswith((b"/", b".")) or path.endswith(b"/") != isinstance(instance, Maildir):
        raise ValueError(f"no path of a delivery: {path!r}")


@attrs.frozen(kw_only=True)
class Program:
    """`command`: for `/bin/sh -c`."""

    command: bytes = attrs.field(validator=_check)


@attrs.frozen(kw_only=True)
class Maildir:
    """`path`: from the home, or absolute; ends in "/"."""

    path: bytes = attrs.field(validator=_check_path)


@attrs.frozen(kw_only=True)
class Mbox:
    """`path`: from the home, or absolute."""

    path: bytes = attrs.field(validator=_check_path)


@attrs.frozen(kw_only=True)
class Forward:
    """`address`: as it is written there."""

    address: bytes = attrs.field(validator=_check)


@attrs.frozen(kw_only=True)
class ForwardsOnly:
    """The line `+list`."""


Line = Program | Maildir | Mbox | Forward | ForwardsOnly


def check_home(mode: int, forbidden: int = FORBIDDEN_BITS) -> None:
    """`mode`: of the home. Raises BadInstructions."""
    if mode & forbidden:
        raise BadInstructions("Uh-oh: home directory is writable; take that from others with chmod o-w. (#4.7.0)")
    if mode & _STICKY:
        raise BadInstructions("Home directory is sticky: user is editing his .qmail file; chmod -t ends it. (#4.2.1)")


def parse_file(octets: bytes, mode: int, default: bytes, forbidden: int = FORBIDDEN_BITS) -> tuple[Line, ...]:
    """The lines of a `.qmail` file of this mode, or those of `default`, the default delivery, where it is empty.

    Raises BadInstructions.
    """
    if mode & forbidden:
        raise BadInstructions("Uh-oh: .qmail file is writable; take that from others with chmod o-w. (#4.7.0)")
    if len(octets) > LARGEST:
        raise BadInstructions(f".qmail file has more than {LARGEST} octets; make a list of it. (#4.2.1)")
    return parse(octets, forwards_only=bool(mode & _EXECUTABLE)) if octets else parse(default)


def parse(octets: bytes, *, forwards_only: bool = False) -> tuple[Line, ...]:
    """All lines but comments and blank ones. Raises BadInstructions."""
    if octets.endswith(b"\n"):
        octets = octets[:-1]
    lines: list[Line] = []
    for number, octets_of_line in enumerate(octets.split(b"\n"), 1):
        line = octets_of_line.rstrip(b" \t")
        if not line:
            if number == 1:
                raise BadInstructions("Uh-oh: first line of .qmail file is blank. (#4.2.1)")
            continue
        if line.startswith(b"#"):
            continue
        if b"\0" in line or line.endswith(b"\r"):
            raise BadInstructions(
                f"line {number} of .qmail file has a NUL, or ends in CR; write it with LF line ends. (#4.2.1)"
            )
        read = _read(line, number)
        if isinstance(read, ForwardsOnly):
            forwards_only = True
        elif read is None:
            continue
        elif forwards_only and not isinstance(read, Forward):
            kind = "prog" if isinstance(read, Program) else "file"
            raise BadInstructions(
                f"Uh-oh: .qmail has {kind} delivery in line {number} but has x bit set, or +list above. (#4.7.0)"
            )
        lines.append(read)
    return tuple(lines)


def _read(line: bytes, number: int) -> Line | None:
    """`line`: with something in it. None for what qmail-local.c passes over."""
    first, rest = line[:1], line[1:]
    if first in b"./":
        return Maildir(path=line) if line.endswith(b"/") else Mbox(path=line)
    if first == b"+":
        return ForwardsOnly() if rest == b"list" else None
    if first not in b"|&":
        return Forward(address=line)
    if not rest:
        what = "runs nothing" if first == b"|" else "forwards to nobody"
        raise BadInstructions(f"line {number} of .qmail file {what}. (#4.2.1)")
    return Program(command=rest) if first == b"|" else Forward(address=rest)


def render(lines: Sequence[Line]) -> bytes:
    """A file that says this; at least one line, for an empty one says something else."""
    return b"".join(map(_render, lines)) or b"#\n"


def _render(line: Line) -> bytes:
    match line:
        case Program(command=command):
            return b"|" + command + b"\n"
        case Forward(address=address):
            return b"&" + address + b"\n"
        case Maildir(path=path) | Mbox(path=path):
            return path + b"\n"
    return b"+list\n"
