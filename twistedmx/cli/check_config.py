"""`twistedmx check-config`: may a server be started with these settings, and what in them is dangerous?"""

import argparse
from typing import Final

from twistedmx.cli.command import Call, Command, Status

_EXAMPLE: Final = """\
$ twistedmx check-config /etc/twistedmx/twistedmx.toml
warning: /etc/twistedmx/twistedmx.toml: backlog: 8192 is more than the kernel allows, 4096; \
sysctl -w net.core.somaxconn=8192, or write 4096
/etc/twistedmx/twistedmx.toml: good, 1 warning"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="settings file, in place of --config")
    parser.add_argument("--strict", action="store_true", help="a warning is a fault: status 1")


def run(call: Call) -> Status:
    """Faults, then warnings, a line each; then one line that says how it is."""
    path = call.config
    faults, dangers = ([_of(path, line) for line in lines] for lines in call.world.findings(path))
    good = not faults and not (dangers and call.options.strict)
    if call.options.json:
        call.terminal.document({"file": path, "good": good, "faults": faults, "warnings": dangers})
        return Status.GOOD if good else Status.NO
    for fault in faults:
        call.terminal.say(f"fault: {fault}")
    for danger in dangers:
        call.terminal.say(f"warning: {danger}")
    counts = [_count(len(faults), "fault")] if faults else ["good" if good else "not good"]
    if dangers:
        counts.append(_count(len(dangers), "warning"))
    call.terminal.say(f"{path}: {', '.join(counts)}")
    return Status.GOOD if good else Status.NO


def _of(path: str, line: str) -> str:
    return line if line.startswith(f"{path}:") else f"{path}: {line}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


CHECK_CONFIG: Final = Command(
    name="check-config",
    what="may a server be started with these settings?",
    about=(
        "Reads the settings, their tables and certificates as a start would, and binds nothing.\n"
        "Faults keep a server from starting; warnings are of what is dangerous."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
