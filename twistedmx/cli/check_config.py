"""`twistedmx check-config`: may a server be started with these settings, and what in them is dangerous? And of a qmail host: what
becomes of its files and variables?"""

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused
from twistedmx.cli.qmail_table import table

_EXAMPLE: Final = """\
$ twistedmx check-config /etc/twistedmx/twistedmx.toml
warning: /etc/twistedmx/twistedmx.toml: backlog: 8192 is more than the kernel allows, 4096; \
sysctl -w net.core.somaxconn=8192, or write 4096
/etc/twistedmx/twistedmx.toml: good, 1 warning"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="settings file, in place of --config")
    parser.add_argument("--strict", action="store_true", help="a warning is a fault: status 1")
    parser.add_argument(
        "--qmail", metavar="DIR", help="folder of a qmail that is to be served, in place of [qmail] home"
    )
    parser.add_argument("--run-script", metavar="FILE", help="run script of its qmail-smtpd: read, and never run")
    parser.add_argument(
        "--allow-open-relay", action="store_true", help="it is meant that everybody may send to everywhere"
    )
    parser.add_argument("--all", action="store_true", help="of a qmail also what is honoured as it was")


def run(call: Call) -> Status:
    """Of a qmail what becomes of it; faults, then warnings, a line each; then one line that says how it is."""
    options = call.options
    path: str | None = call.config
    if options.qmail and not call.config_is_named and not os.path.exists(call.config):
        path = None  # who moves a host has no settings yet
    found = ([], []) if path is None else call.world.findings(path)
    faults, dangers = ([_of(call.config, line) for line in lines] for lines in found)
    qmail = _look_at_qmail(call, path)
    if options.run_script and qmail is None:
        raise Refused("--run-script: which qmail? name its folder: --qmail /var/qmail, or [qmail] home in the settings")
    if qmail is not None:
        faults += map(_sentence, qmail["faults"])
        dangers += map(_sentence, qmail["warnings"])
    what = call.config if path is not None else str(options.qmail)
    good = not faults and not (dangers and options.strict)
    if options.json:
        document = {"file": path, "good": good, "faults": faults, "warnings": dangers}
        call.terminal.document(document if qmail is None else {**document, "qmail": qmail})
        return Status.GOOD if good else Status.NO
    if qmail is not None:
        columns = call.world.size()[0] if call.terminal.stdout.isatty() else None
        for line in table(qmail, whole=options.all, columns=columns):
            call.terminal.say(line)
    _say(call, what, faults, dangers, good=good)
    return Status.GOOD if good else Status.NO


def _look_at_qmail(call: Call, path: str | None) -> Mapping[str, Any] | None:
    options = call.options
    try:
        return call.world.look_at_qmail(
            path, options.qmail, options.run_script, call.world.environment, open_relay=options.allow_open_relay
        )
    except ValueError as error:
        raise Refused(str(error)) from None


def _say(call: Call, what: str, faults: Sequence[str], dangers: Sequence[str], *, good: bool) -> None:
    for fault in faults:
        call.terminal.say(f"fault: {fault}")
    for danger in dangers:
        call.terminal.say(f"warning: {danger}")
    counts = [_count(len(faults), "fault")] if faults else ["good" if good else "not good"]
    if dangers:
        counts.append(_count(len(dangers), "warning"))
    call.terminal.say(f"{what}: {', '.join(counts)}")


def _sentence(finding: Mapping[str, str]) -> str:
    return f"{finding['file']}: {finding['found']}; {finding['remedy']}"


def _of(path: str, line: str) -> str:
    return line if line.startswith(f"{path}:") else f"{path}: {line}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


CHECK_CONFIG: Final = Command(
    name="check-config",
    what="may a server be started with these settings?",
    about=(
        "Reads the settings, their tables and certificates as a start would, and binds nothing.\n"
        "Faults keep a server from starting; warnings are of what is dangerous.\n\n"
        "Of a qmail host it tells what becomes of each control file and variable, and what is wrong there:\n"
        "  $ twistedmx check-config --qmail /var/qmail --run-script /service/qmail-smtpd/run"
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
