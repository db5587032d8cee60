"""The log in syslog, through the Unix socket of this machine: facility mail, framed as RFC 3164 or RFC 5424 has it.

RFC 3164 as the C library writes it into /dev/log: local time and no host name, which the receiver adds. RFC 5424 with the
event as MSGID, and no structured data: we have no enterprise number to name it by; `[log] format = "json"` is for machines.

BUGS: a line that no datagram holds (a message to many hundred recipients) is cut. Receivers cut as well, rsyslog at 8 KiB.
"""

import socket
from collections.abc import Callable
from datetime import datetime
from typing import Final

from twistedmx.model.event import Event
from twistedmx.report.datagrams import Datagrams
from twistedmx.report.fields import fields_of, json_of, severity
from twistedmx.report.log import LogSettings
from twistedmx.report.losses import Losses
from twistedmx.report.text import text
from twistedmx.report.values import time_of

SOCKET: Final = "/dev/log"
_MAIL: Final = 2  # RFC 5424 6.2.1
_CUT: Final = 8192  # rsyslog maxMessageSize
# RFC 3164 4.1.2 has them in English, whatever the locale.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Syslog:
    """A subscriber of events. `host`: our name, for RFC 5424. `pid`: of the process by now."""

    def __init__(
        self, settings: LogSettings, losses: Losses, *, host: str, pid: Callable[[], int], path: str = SOCKET
    ) -> None:
        self._json = settings.format == "json"
        self._frame = self._rfc5424 if settings.syslog_format == "rfc5424" else self._rfc3164
        self._host = host
        self._pid = pid
        self._datagrams = Datagrams(path, losses, _send_cut)

    def __call__(self, event: Event) -> None:
        fields = fields_of(event)
        if fields is None:
            return
        line = json_of(event.at, fields) if self._json else text(fields)
        framed = self._frame(event.at, fields["event"])
        self._datagrams.send(f"<{_MAIL * 8 + severity(event)}>{framed}{line}".encode())

    def close(self) -> None:
        """Give the socket back."""
        self._datagrams.close()

    def _rfc3164(self, at: float, event: str) -> str:
        local = datetime.fromtimestamp(at)  # local time is what RFC 3164 4.1.2 says
        return f"{_MONTHS[local.month - 1]} {local.day:2} {local:%H:%M:%S} twistedmx[{self._pid()}]: "

    def _rfc5424(self, at: float, event: str) -> str:
        return f"1 {time_of(at)} {self._host} twistedmx {self._pid()} {event} - "


def _send_cut(syslog: socket.socket, datagram: bytes) -> None:
    syslog.send(datagram[:_CUT])
