"""The command line, and how it ends: 0 good, 1 the answer is no, 2 usage or no server to ask."""

import contextlib
import os
import signal
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, TextIO

from twistedmx import __version__
from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.commands import COMMANDS
from twistedmx.cli.control import Refused, Unreachable
from twistedmx.cli.terminal import Terminal
from twistedmx.cli.where import CONFIG, VARIABLE
from twistedmx.cli.world import World

_ABOUT = """\
The operator's command of twistedmx, a receiving mail server. The server itself is started by
twistd: twistd twistedmx --config FILE."""
_END = """\
Status: 0 good, 1 the answer is no or there are faults, 2 usage or no server to ask.
Each command has a --help with an example; docs/commands.md has them all."""


def main(
    argv: Sequence[str] | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    world: World | None = None,
) -> int:
    """Run one command. Returns the status of the program; raises nothing but KeyboardInterrupt's like."""
    if stdout is None:
        _never_fail_to_write()
    terminal = Terminal(stdout=stdout or sys.stdout, stderr=stderr or sys.stderr)
    try:
        with contextlib.redirect_stdout(terminal.stdout), contextlib.redirect_stderr(terminal.stderr):
            options = parser().parse_args(argv)
    except SystemExit as end:
        return Status.UNABLE if end.code else Status.GOOD
    command: Command = options.command
    try:
        status = command.run(Call(options=_complete(options), terminal=terminal, world=world or World()))
        terminal.stdout.flush()
    except Refused as error:
        for line in str(error).splitlines():
            terminal.complain(f"twistedmx {command.name}: {line}")
        return Status.NO
    except Unreachable as error:
        terminal.complain(f"twistedmx {command.name}: {error}")
        return Status.UNABLE
    except BrokenPipeError:  # of "| head": who read has enough
        if stdout is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Status.GOOD
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def parser() -> ArgumentParser:
    """Of the whole command line."""
    layout: dict[str, Any] = {"formatter_class": RawDescriptionHelpFormatter, "allow_abbrev": False}
    whole = ArgumentParser(prog="twistedmx", description=_ABOUT, epilog=_END, **layout)
    whole.add_argument("--version", action="version", version=f"twistedmx {__version__}")
    _add_common(whole)
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        example = f"example:\n{_indented(command.example)}"
        one = commands.add_parser(command.name, help=command.what, description=command.about, epilog=example, **layout)
        _add_common(one)
        one.add_argument("--json", action="store_true", help="answer with one JSON document")
        command.options(one)
        one.set_defaults(command=command)
    return whole


def _add_common(one: ArgumentParser) -> None:
    """Before the command or behind it. Without a default, or the one behind would overrule what stood before."""
    one.add_argument("--config", metavar="FILE", default=SUPPRESS, help=f"settings file (${VARIABLE}, else {CONFIG})")
    one.add_argument(
        "--socket", metavar="PATH", default=SUPPRESS, help="control socket (as the settings say: DATA/control.sock)"
    )


def _complete(options: Namespace) -> Namespace:
    for name in ("config", "socket"):
        if not hasattr(options, name):
            setattr(options, name, None)
    return options


def _indented(example: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in example.splitlines())


def _never_fail_to_write() -> None:
    """A terminal that knows no such character is shown its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
