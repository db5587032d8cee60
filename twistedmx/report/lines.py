"""Where the lines of the log go: a file, or standard output."""

import os
import sys
from typing import TextIO

from twisted.logger import Logger


class Lines:
    """Appends lines to the file `path`, or to standard output where that is "-".

    The file is opened at the first line: by then privileges were dropped. A line that cannot be written is lost, which is
    said once in the log of twistd; the next one tries anew. A file that was moved away or removed (logrotate) is opened anew.
    """

    _log = Logger()

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._failing = False

    def __call__(self, line: str) -> None:
        try:
            self._append(line)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._log.error("cannot write to the log {path}: {error}", path=self._path, error=error)
            self._failing, self._file = True, None

    def _append(self, line: str) -> None:
        if self._file is not None and self._file is not sys.__stdout__ and self._was_moved(self._file):
            self._file.close()
            self._file = None
        if self._file is None:
            # sys.stdout leads into the log of twistd
            self._file = sys.__stdout__ if self._path == "-" else open(self._path, "a", encoding="utf-8")  # noqa: SIM115
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()

    def _was_moved(self, file: TextIO) -> bool:
        ours = os.fstat(file.fileno())
        try:
            there = os.stat(self._path)
        except OSError as error:
            return isinstance(error, FileNotFoundError)  # else we may not look: the file that we have is good
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)
