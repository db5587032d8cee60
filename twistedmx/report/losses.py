"""Lines of the log that could not be written: counted, and said once until one gets through again."""

from twisted.logger import Logger


class Losses:
    """Of every destination that the log has had. `lines`: how many, since the start."""

    _log = Logger()

    def __init__(self) -> None:
        self.lines = 0
        self._said = False

    def lost(self, destination: str, error: str, lines: int = 1) -> None:
        """Lines are gone, and `error` says why."""
        self.lines += lines
        if not self._said:
            self._said = True
            self._log.error("lines of the log are lost: {destination}: {error}", destination=destination, error=error)

    def got_through(self) -> None:
        """A line was written."""
        self._said = False
