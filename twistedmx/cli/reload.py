"""`twistedmx reload`: a running server reads its settings, tables and certificates again, all or nothing."""

from typing import Final

from twistedmx.cli.command import Call, Command, Status

_EXAMPLE: Final = """\
$ twistedmx reload
reloaded; changed: limits.size, tls.certificate"""


def run(call: Call) -> Status:
    """What has changed, or every fault that keeps the old settings in place."""
    answer = call.ask("reload")
    if call.options.json:
        call.terminal.document(answer)
        return Status.GOOD
    changed = answer.get("changed") if isinstance(answer, dict) else None
    words = f"changed: {', '.join(map(str, changed))}" if changed else "no setting has changed"
    call.terminal.say(f"reloaded; {words}")
    return Status.GOOD


RELOAD: Final = Command(
    name="reload",
    what="read settings, tables and certificates again",
    about=(
        "No session is dropped. When anything has a fault, all faults are told and the server goes on with what it had: "
        "status 1.\nSIGHUP does the same, with its faults in the log."
    ),
    example=_EXAMPLE,
    run=run,
)
