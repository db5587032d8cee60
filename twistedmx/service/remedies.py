"""What an operator does about a recipient that is refused, and where he looks for what is not remembered."""

import shlex

from twistedmx.model.verdict import Reason
from twistedmx.report.meanings import MEANINGS
from twistedmx.settings import Settings

_TABLE = "mailboxes.table"  # as the backend is called
# By the kind of the backend that serves the domain.
_PLACES = {
    "maildirs": "make its folder where [[mailboxes.maildirs]] looks for it",
    "passwd": "add the user to the system (useradd)",
    "sql": "add it to the database of [[mailboxes.sql]]",
    "http": "let the web service of [[mailboxes.http]] know it",
}


def for_recipient(address: str, reason: str, backend: str, settings: Settings) -> str:
    """What changes the answer for `address`, in words; "" where nothing is to be changed. `reason`, `backend`: of `look_up`."""
    table = settings.mailboxes.table
    match reason:
        case Reason.ACCEPTED.value:
            return ""
        case Reason.UNKNOWN_MAILBOX.value if backend and backend != _TABLE:
            kind = backend.removeprefix("mailboxes.").partition("[")[0]
            elsewhere = _PLACES.get(kind, f"add it to {backend}")
            return f"{elsewhere}, or {_line(address, table)}" if table else elsewhere
        case Reason.UNKNOWN_MAILBOX.value:
            return f"{_line(address, table)}; it holds at the next connection"
        case Reason.NOT_OURS.value:
            words = "its domain is then one of ours"
            return (
                f"{_line(address, table)}; {words}" if table else "[mailboxes]: name a backend that serves its domain"
            )
        case _:
            return next((MEANINGS[each].change for each in Reason if each.value == reason), "")


def _line(address: str, table: str) -> str:
    if not table:
        return "name a file of addresses as [mailboxes] table, and write it there"
    if table.endswith(".toml"):
        return f'write "{address}" into `mailboxes` of {table}'
    return f"write the line `{address}` into {table}"


def where_to_look(words: str, settings: Settings) -> str:
    """A command that finds what the log says of `words`, or in words where the log is. It goes back as far as the log does."""
    quoted, log = shlex.quote(words), settings.log
    match log.destination:
        case "file":
            return f"grep -F {quoted} {shlex.quote(log.file)}"
        case "journald":
            return f"journalctl SYSLOG_IDENTIFIER=twistedmx --grep={quoted}"
        case "syslog":
            return f"grep -F {quoted} in what syslog writes of twistedmx (facility mail; on Debian /var/log/mail.log)"
        case "stdout":
            return f"grep -F {quoted} in the standard output of the server"
        case _:
            return f"grep -F {quoted} in the log of twistd"
