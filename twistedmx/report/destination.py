"""From the settings of the log to the subscriber that writes it."""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from twistedmx.model.event import Event
from twistedmx.report import journald, syslog
from twistedmx.report.lines import Lines
from twistedmx.report.log import Log, LogSettings
from twistedmx.report.losses import Losses


class Destination(Protocol):
    """A subscriber of events that holds something open."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Another one takes its place. Never waits, never raises."""


def log_of(
    settings: LogSettings,
    losses: Losses,
    *,
    host: str,
    pid: Callable[[], int],
    twistd: Callable[[str], None],
    later: Callable[[Callable[[], None]], IDelayedCall | None] | None = None,
) -> Destination:
    """Opens nothing before the first line: by then privileges were dropped.

    `losses`: counts on when a reload makes another log. `host`: our name. `twistd`: takes a line for twistd's own log, which
    adds the time. `later`: calls soon, and lines are gathered until then.
    """
    match settings.destination:
        case "journald":
            return journald.Journald(losses, settings.socket or journald.SOCKET)
        case "syslog":
            return syslog.Syslog(settings, losses, host=host, pid=pid, path=settings.socket or syslog.SOCKET)
        case "twistd":
            return Log(settings, twistd, stamped=False)
        case destination:
            lines = Lines("-" if destination == "stdout" else settings.file, losses, later=later)
            return Log(settings, lines, stamped=True, close=lines.close)
