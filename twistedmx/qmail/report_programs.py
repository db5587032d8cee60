"""What is wrong with the programs that a qmail host runs, for the queue, for AUTH and for each recipient, and with our delivery."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping

import attrs

from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.finding import Finding, Reader, fault, not_a_program, warning
from twistedmx.qmail.queue_program import DEFAULT
from twistedmx.qmail.settings import QmailSettings


@attrs.frozen(kw_only=True)
class Variable:
    """One of a connection's environment, or of some connections'. `source`: "environment", or a file with line or rule."""

    name: bytes
    value: bytes
    source: str


def is_delivered_here(home: str, settings: QmailSettings) -> bool:
    """By `delivery` of the settings, or because there is no queue."""
    return (settings.delivery or ("queue" if os.path.exists(_queue(home)) else "own")) == "own"


def of_programs(
    home: str, controls: Controls | BadControls, settings: QmailSettings, variables: Iterable[Variable], reader: Reader
) -> Iterator[Finding]:
    """`variables`: all that any connection may have."""
    known = list(variables)
    yield from _queues(home, settings, known, reader)
    yield from _check_program(home, settings, known, reader)
    for variable in known:
        if variable.name == b"RCPTCHECK" and variable.value:
            path = os.path.join(home, os.fsdecode(variable.value))
            harm = f"RCPTCHECK ({variable.source}) names it, and every recipient is answered 421"
            yield from not_a_program(path, reader, harm)
    if is_delivered_here(home, settings) and isinstance(controls, Controls) and controls.defaultdelivery is None:
        yield warning(
            os.path.join(home, "control", "defaultdelivery"),
            "is missing, and mail is delivered here: who has no .qmail file gets it into ./Mailbox, as with qmail",
            "write ./Maildir/ into it, or what qmail-start has as its argument",
        )


def _queue(home: str) -> str:
    return os.path.join(home, os.fsdecode(DEFAULT))


def _queues(home: str, settings: QmailSettings, known: Iterable[Variable], reader: Reader) -> Iterator[Finding]:
    named = {variable.value: variable for variable in known if variable.name == b"QMAILQUEUE" and variable.value}
    for value, variable in named.items():
        harm = f"QMAILQUEUE ({variable.source}) names it, and every message is answered 451"
        yield from not_a_program(os.path.join(home, os.fsdecode(value)), reader, harm)
    if not named and not is_delivered_here(home, settings):
        yield from not_a_program(_queue(home), reader, "every message is answered 451")


def _check_program(home: str, settings: QmailSettings, known: Iterable[Variable], reader: Reader) -> Iterator[Finding]:
    if settings.check_program:
        program = settings.check_program[0]
        harm = "[qmail] check_program names it, and every AUTH is answered 454"
        found = shutil.which(program) if "/" not in program else os.path.join(home, program)
        if found is None:
            yield fault(program, f"is not in PATH: {harm}", "write its whole path")
        else:
            yield from not_a_program(found, reader, harm)
        return
    for variable in known:
        if variable.name == b"SMTPAUTH" and variable.value.lstrip(b"!") not in (b"-", b"0"):
            yield warning(
                f"SMTPAUTH ({variable.source})",
                "is set, and there is no check program: nobody can log in",
                'name it: [qmail] check_program = ["/home/vpopmail/bin/vchkpw", "/bin/true"]',
            )
            return


def as_environment(variables: Iterable[Variable]) -> Mapping[bytes, bytes]:
    """The last one of each name."""
    return {variable.name: variable.value for variable in variables}
