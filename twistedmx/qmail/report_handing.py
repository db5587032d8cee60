"""What is wrong where tcpserver stays before this server: programs that its run script or its rules name, and that are not run."""

from collections.abc import Iterable, Iterator, Mapping

from twistedmx.qmail.chain import SMTPDS
from twistedmx.qmail.finding import Finding, Reader, fault
from twistedmx.qmail.named_programs import named_otherwise
from twistedmx.qmail.report_programs import Variable
from twistedmx.qmail.run_script import RunScript
from twistedmx.qmail.settings import QmailSettings


def of_handing(
    settings: QmailSettings,
    script: RunScript | None,
    variables: Iterable[Variable],
    environment: Mapping[bytes, bytes],
    *,
    by: Reader | None,
    reader: Reader,
) -> Iterator[Finding]:
    """`variables`: of all connections. `environment`: of this server. `by`: whom tcpserver becomes, None where that is not known.
    `reader`: whom this server becomes."""
    if not settings.socket or by is None or by.uid in (0, reader.uid):
        return
    harm = f"a program, and {by}, whom tcpserver becomes, is not trusted with that: who comes hears 421"
    other = f"have tcpserver's -u be {reader}"
    for variable in variables:
        if named_otherwise({variable.name: variable.value}, environment):
            name = variable.name.decode("ascii", "backslashreplace")
            yield fault(
                variable.source,
                f"{name} names {harm}",
                f"export the same in the run script of this server, and call this command with it; or {other}",
            )
    for step in script.steps if script is not None else ():
        words = step.value.split()
        if step.name in SMTPDS and words and words != list(settings.check_program):
            named = ", ".join(f'"{word}"' for word in words)
            yield fault(
                f"{script.file}:{step.line}" if script is not None else "",
                f"the words behind {step.name} name {harm}",
                f"write [qmail] check_program = [{named}]; or {other}",
            )
