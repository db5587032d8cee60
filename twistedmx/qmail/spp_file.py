"""control/smtpplugins of qmail-spp: which programs are asked at which stage of a session.

    [connection]
    plugins/greeting
    [rcpt]
    :test -n "$SMTPMAILFROM" || echo 'E550 no bounces here'

A section is chosen by the first letter of its name; a line is the path of a program, from qmail's home, without words behind it;
behind a colon it is for /bin/sh. Lines are read as all lists of control/ are: blanks at their end are stripped, empty ones and
those that begin with `#` are none. What the original ignores without a word, we ignore and tell.

Deviations. The original is on where ENABLE_SPP is set, even to 0, which sagredo's run script does where there is no file; and then
each connection is answered 421, for there is no file. Here 0 and nothing are off, and a missing file has no plugins.
"""

import os
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import attrs

from twistedmx.qmail.log_lines import line, safe_text

MOST_OCTETS: Final = 65_536  # of the file
MOST_PLUGINS: Final = 64  # of one stage: each is a process, for each command
_DEFAULT: Final = b"control/smtpplugins"
_SHELL: Final = (b"/bin/sh", b"-c")


class BadSppFile(ValueError):
    """It cannot be read for another reason than that it is missing. The peer hears `421 unable to read controls (#4.3.0)`."""


class Stage(Enum):
    """When a plugin is asked; the value is the letter of its section. `PASS`: a recipient that all checks let through."""

    CONNECTION = b"c"
    HELO = b"h"
    MAIL = b"m"
    RCPT = b"r"
    PASS = b"p"
    DATA = b"d"
    AUTH = b"a"


@attrs.frozen(kw_only=True)
class Plugin:
    """`line`: as the file has it, its `number` there from 1. `argv`: what is run."""

    line: bytes
    number: int
    argv: tuple[bytes, ...]


@attrs.frozen(kw_only=True)
class SppFile:
    """`path`: as the operator has it. `plugins`: of each stage that has any. `faults`: lines that are ignored, and why."""

    path: bytes = _DEFAULT
    plugins: Mapping[Stage, tuple[Plugin, ...]] = MappingProxyType({})
    faults: tuple[str, ...] = ()


NO_PLUGINS: Final = SppFile()


def is_enabled(environment: Mapping[bytes, bytes]) -> bool:
    """Whether plugins are asked in this session."""
    return environment.get(b"ENABLE_SPP", b"") not in (b"", b"0")


def read_spp_file(home: bytes | str, environment: Mapping[bytes, bytes], tell: Callable[[bytes], None]) -> SppFile:
    """The file of this session. Raises BadSppFile.

    `home`: qmail's. `environment`: the session's, with ENABLE_SPP and SPPCONFFILE, a path from `home`. `tell`: hears of faults,
    each a line of the log.
    """
    if not is_enabled(environment):
        return NO_PLUGINS
    path = environment.get(b"SPPCONFFILE") or _DEFAULT
    try:
        with open(os.path.join(os.fsencode(home), path), "rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except FileNotFoundError:
        tell(_line(path, "is missing, so no plugins are asked; write it, or unset ENABLE_SPP"))
        return attrs.evolve(NO_PLUGINS, path=path)
    except (OSError, ValueError) as error:
        raise BadSppFile(f"{os.fsdecode(path)}: {getattr(error, 'strerror', None) or error}") from error
    found = parse_spp_file(octets, path)
    for fault in found.faults:
        tell(_line(path, fault))
    return found


def parse_spp_file(octets: bytes, path: bytes = _DEFAULT) -> SppFile:
    """What the file says. Raises BadSppFile where it is longer than MOST_OCTETS."""
    if len(octets) > MOST_OCTETS:
        raise BadSppFile(f"{os.fsdecode(path)}: is longer than {MOST_OCTETS} octets")
    letters = {stage.value: stage for stage in Stage}
    plugins: dict[Stage, list[Plugin]] = {}
    faults: list[str] = []
    stage: Stage | None = None
    section = b""
    for number, raw in enumerate(octets.split(b"\n"), 1):
        text = raw.rstrip(b" \t\r")
        if not text or text.startswith(b"#"):
            continue
        if text.startswith(b"["):
            section, stage = text, letters.get(text[1:2])
            if stage is None:
                faults.append(f"line {number}: {_shown(text)} is no section; there are {_SECTIONS}")
            continue
        wrong = _fault(text, section)
        if not wrong and stage is not None and len(plugins.get(stage, ())) == MOST_PLUGINS:
            wrong = f"a stage has {MOST_PLUGINS} plugins at most"
        if wrong:
            faults.append(f"line {number}: {_shown(text)} is ignored: {wrong}")
        elif stage is not None:
            argv = (*_SHELL, text[1:]) if text.startswith(b":") else (text,)
            plugins.setdefault(stage, []).append(Plugin(line=text, number=number, argv=argv))
    by_stage = {stage: tuple(found) for stage, found in plugins.items()}
    return SppFile(path=path, plugins=MappingProxyType(by_stage), faults=tuple(faults[:_MOST_FAULTS]))


_SECTIONS: Final = ", ".join(f"[{stage.name.lower()}]" for stage in Stage)
_MOST_FAULTS: Final = 20  # told at each session


def _fault(text: bytes, section: bytes) -> str:
    if not section:
        return f"it stands before the first section; there are {_SECTIONS}"
    if b"\0" in text:
        return "it has a NUL"
    return "there is no command behind the colon" if text == b":" else ""


def _shown(text: bytes) -> str:
    return safe_text(text, most=80).decode()


def _line(path: bytes, text: str) -> bytes:
    return line(b"qmail-smtpd: ", safe_text(path), b": ", text.encode())
