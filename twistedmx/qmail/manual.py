"""The manual page of every name that qmail-smtpd and its patches read, made from `standings`: docs/qmail-names.md.

python -m twistedmx.qmail.manual > docs/qmail-names.md
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from twistedmx.qmail.standings import ROWS, Standing, Where

_HEAD: Final = """\
# Control files and variables of a qmail host

Every file in `control/` and `users/`, and every variable of the environment, that qmail-smtpd, its patches, chkuser, IndiMail or
SPAMCONTROL read, and what becomes of it here ([qmail.md](qmail.md)). `twistedmx check-config --qmail DIR` tells the same of what
your host has.

| standing | what it means |
| --- | --- |
| honoured | it does what it did |
| with a difference | it does what it did, but for what is said beside it |
| not yet active | known, and not obeyed yet |
| not supported | not obeyed; what to use instead stands beside it |
| elsewhere | another program of qmail reads it, as before |

What is not in these tables is read by nobody here. Programs that the server starts (QMAILQUEUE, qmail-spp, RCPTCHECK, the check
program of AUTH) have every variable of the run script and of the rules, whatever its name.

This page is made by `python -m twistedmx.qmail.manual`; a test keeps it in step with the code.
"""
_TITLES: Final = {
    Where.CONTROL: "Files in `control/`",
    Where.USERS: "Files in `users/`",
    Where.ENVIRONMENT: "Variables",
}


def manual() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *(line for where, title in _TITLES.items() for line in _section(where, title))])


def _section(where: Where, title: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| name | standing | what becomes of it |"
    yield "| --- | --- | --- |"
    rows = [row for row in ROWS if row.where is where and row.standing is not Standing.UNKNOWN]
    # Names of one meaning are one row.
    for (standing, words), group in groupby(rows, key=lambda row: (row.standing, row.words)):
        names = ", ".join(f"`{row.name}`" for row in group)
        yield f"| {names} | {standing.value} | {words.replace('|', chr(92) + '|')} |"
    yield ""


if __name__ == "__main__":
    print(manual(), end="")
