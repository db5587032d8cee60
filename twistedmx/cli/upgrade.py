"""`twistedmx upgrade`: the program is started again beside the running server, and takes its place."""

from argparse import ArgumentParser
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status

_EXAMPLE: Final = """\
$ twistedmx upgrade
asks the server to start anew, and waits until that serves
process 4712 was ready after 0.84 s, and serves since 1.07 s
process 4711 takes nobody any more, and ends with its last session"""

_SECONDS: Final = 330.0  # what the server gives the new process, and a little more


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--foreground",
        action="store_true",
        help="also a server that runs in the foreground: who started it will see it end, and must not start another",
    )


def run(call: Call) -> Status:
    """How it went, or every fault for which the old process goes on."""
    if not call.options.json:
        call.terminal.say("asks the server to start anew, and waits until that serves")
    arguments = {"foreground": True} if call.options.foreground else {}
    answer = call.ask("upgrade", arguments, within=_SECONDS)
    if call.options.json:
        call.terminal.document(answer)
        return Status.GOOD
    told: dict[str, Any] = answer if isinstance(answer, dict) else {}
    steps = dict(told.get("steps") or ())
    ready, serves = (float(steps.get(step) or 0) for step in ("ready", "serves"))
    call.terminal.say(f"process {told.get('pid')} was ready after {ready:.2f} s, and serves since {serves:.2f} s")
    call.terminal.say(f"process {told.get('before')} takes nobody any more, and ends with its last session")
    for note in told.get("notes") or ():
        call.terminal.complain(f"twistedmx upgrade: {note}")
    return Status.GOOD


UPGRADE: Final = Command(
    name="upgrade",
    what="have a new start of the program take the place of the running server",
    about=(
        "For a version that was installed meanwhile, or settings that need a restart. No connection is refused or lost: the\n"
        "new process has the sockets of the old one, which finishes its sessions. Where the new one has a fault, all faults\n"
        "are told and the old one goes on as it was: status 1."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
