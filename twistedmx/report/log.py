"""The log: a line for each transaction with a recipient, for some hundreds without, for each session, and for what changes.

The order of the fields is fixed; docs/log.md describes each. In text a value stands bare when it is plain printable ASCII,
else as a JSON string: whatever a peer says, it cannot begin a line or forge a field.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs

from twistedmx.model.event import Event
from twistedmx.model.remark import Remark
from twistedmx.report.fields import fields_of, json_of
from twistedmx.report.text import text_of
from twistedmx.report.values import time_of
from twistedmx.setting import setting

_STANDARD_OUTPUT: Final = "-"


def _one_of(*words: str) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in words:
            known = ", ".join(word or '""' for word in words)
            raise ValueError(f"must be one of {known}, is {value!r}")

    return check


@attrs.frozen(kw_only=True)
class LogSettings:
    """Settings `[log]`."""

    to: str = setting(
        "",
        unit="",
        why='Where lines go: "file", "stdout", "journald", "syslog", or "twistd": its own log. Empty: by `file`, else twistd.',
        precedent="Caddy output, Dovecot log_path",
        validator=_one_of("", "file", "stdout", "journald", "syslog", "twistd"),
    )
    format: str = setting(
        "text",
        unit="",
        why='"text": key=value, for people and grep; "json": one object a line, for machines; "qmail": docs/qmail.md.',
        precedent="qlog lines of patched qmail-smtpd; Caddy, mox",
        validator=_one_of("text", "json", "qmail"),
    )
    file: str = setting(
        "",
        unit="",
        why='The file that lines are appended to; "-" is standard output.',
        precedent="Postfix maillog_file",
        path=True,
    )
    socket: str = setting(
        "",
        unit="",
        why="Unix socket of journald or syslog where it is not the usual one: /run/systemd/journal/socket, /dev/log.",
        precedent="rsyslog imuxsock SysSock.Name",
        path=True,
    )
    syslog_format: str = setting(
        "rfc3164",
        unit="",
        why='How a line is framed for syslog: "rfc3164" as /dev/log is used to it, or "rfc5424" where it was told to expect it.',
        precedent="logger --rfc3164, --rfc5424",
        validator=_one_of("rfc3164", "rfc5424"),
    )

    @property
    def destination(self) -> str:
        """`to`, or what it is when it is empty."""
        if self.to:
            return self.to
        if not self.file:
            return "twistd"
        return "stdout" if self.file == _STANDARD_OUTPUT else "file"

    def faults(self) -> list[str]:
        """What cannot be: "key: what is wrong; what to do"."""
        if self.to == "file" and self.file in ("", _STANDARD_OUTPUT):
            return ['log.file: name the file of the log, or write to = "stdout" or to = "twistd"']
        if self.format == "qmail" and self.destination in ("journald", "syslog"):
            return ['log.format: lines of qmail go where multilog reads them; write to = "stdout", "file" or "twistd"']
        return []

    def warnings(self) -> list[str]:
        """What is written and does nothing."""
        unused = []
        if self.file and self.destination not in ("file", "stdout"):
            unused.append(f'log.file: is not used, for to = "{self.to}"')
        if self.socket and self.destination not in ("journald", "syslog"):
            unused.append("log.socket: is used by journald and syslog alone")
        if self.format != "text" and self.destination == "journald":
            unused.append("log.format: is not used, for journald gets each field by itself")
        return unused


class Log:
    """A subscriber of events.

    `write`: takes each line, without its end. `stamped`: lines of text begin with their time. `close`: ends what `write` has
    open.
    """

    def __init__(
        self,
        settings: LogSettings,
        write: Callable[[str], None],
        *,
        stamped: bool,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._json = settings.format == "json"
        self._remarks = settings.format == "qmail"
        self._write = write
        self._stamped = stamped
        self.close = close

    def __call__(self, event: Event) -> None:
        if self._remarks:
            if type(event) is Remark:
                self._write(event.line)  # whoever reads it has its own way to stamp it
            return
        if self._json:
            fields = fields_of(event)
            if fields is not None:
                self._write(json_of(event.at, fields))
            return
        line = text_of(event)
        if line is not None:
            self._write(f"{time_of(event.at)} {line}" if self._stamped else line)
