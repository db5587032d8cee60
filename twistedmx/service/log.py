"""The log as a subscriber of events."""

from twisted.logger import Logger

from twistedmx.report.lines import Lines
from twistedmx.report.log import Log
from twistedmx.settings import Settings

_log = Logger(namespace="twistedmx")


def log_of(settings: Settings) -> Log:
    """A file is opened at the first line: after privileges were dropped."""
    if settings.log.file:
        return Log(settings.log, Lines(settings.log.file), stamped=True)
    return Log(settings.log, lambda line: _log.info("{line}", line=line), stamped=False)
