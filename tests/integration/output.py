"""What a child process says, line by line, with a deadline: nobody has to sleep, and nobody waits for ever."""

import re
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from threading import Thread

_DEADLINE = 60.0  # seconds; a loaded machine is slow, a test that hangs is worse


class Output:
    """Reads `stream` to its end. `lines`: what was waited for or passed over so far, without line ends."""

    def __init__(self, stream: Iterable[str]) -> None:
        self.lines: list[str] = []
        self._coming: SimpleQueue[str | None] = SimpleQueue()
        self._stream = stream
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def wait_for(self, pattern: str, within: float = _DEADLINE) -> re.Match[str]:
        """The match in the next line that has one. Raises AssertionError at the end or the deadline, with all lines."""
        until = time.monotonic() + within
        while True:
            try:
                line = self._coming.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                raise AssertionError(f"nothing like {pattern!r} for {within} s in:\n{self._text()}") from None
            if line is None:
                self._coming.put(None)
                raise AssertionError(f"it ended without {pattern!r}:\n{self._text()}")
            self.lines.append(line)
            found = re.search(pattern, line)
            if found is not None:
                return found

    def so_far(self) -> list[str]:
        """All lines that have come."""
        while not self._coming.empty() and (line := self._coming.get()) is not None:
            self.lines.append(line)
        return self.lines

    def rest(self) -> list[str]:
        """All lines, when the child has ended. Raises AssertionError after the deadline."""
        self._thread.join(_DEADLINE)
        if self._thread.is_alive():
            raise AssertionError(f"it has not closed its output:\n{self._text()}")
        while (line := self._coming.get()) is not None:
            self.lines.append(line)
        self._coming.put(None)
        return self.lines

    def _text(self) -> str:
        return "\n".join(self.lines)
