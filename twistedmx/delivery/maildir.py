"""Maildirs: the names of their files, their layout, and what was left behind in `tmp`.

By https://cr.yp.to/proto/maildir.html. Knows nothing of messages or of batches. Called from one thread at a time.
"""

import contextlib
from collections.abc import Callable
from random import Random

from twistedmx.ports import Disk

TMP, NEW, CUR = "tmp", "new", "cur"

_STALE = 36 * 3600  # seconds; "you may safely remove" such files, says the page above
_SWEEP_EVERY = 86_400  # seconds
_KNOWN = 16_384  # Maildirs; some 250 octets each
_LONGEST_HOST = 128  # octets: a file name may have 255, a host name 253


class Names:
    """File names nobody else makes.

    `now`: seconds since the epoch. `pid`: `os.getpid`, asked each time because of daemonising. `chance`: tells apart two
    hosts or two starts which agree in all the rest.
    """

    def __init__(self, *, now: Callable[[], float], chance: Random, host: str, pid: Callable[[], int]) -> None:
        self._now = now
        self._chance = chance
        self._pid = pid
        self._host = host.replace("/", r"\057").replace(":", r"\072")[:_LONGEST_HOST]
        self._count = 0

    def next(self) -> str:
        """Another one."""
        second, microsecond = divmod(int(self._now() * 1_000_000), 1_000_000)
        self._count += 1
        return (
            f"{second}.M{microsecond:06d}P{self._pid()}Q{self._count}R{self._chance.getrandbits(64):016x}.{self._host}"
        )


class Layout:
    """Makes Maildirs where they are missing, and sweeps their `tmp`, at the first delivery and once a day."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._swept: dict[str, float] = {}  # by Maildir: when; the oldest first, so that it can be bounded

    def prepare(self, disk: Disk, maildir: str) -> None:
        """When this returns, `maildir` is there and would survive a power cut. Raises OSError.

        `disk`: that of its owner.
        """
        swept = self._swept.get(maildir)
        if swept is not None and 0 <= self._now() - swept < _SWEEP_EVERY:
            return
        if swept is None:
            synced = disk.make_directories(maildir, (TMP, NEW, CUR))
            # One that was there may have been made a moment ago, by us or by another, and never synced.
            # Where we may not look, we made nothing: make_directories would have failed.
            for directory in (maildir, _parent(maildir)):
                if directory not in synced:
                    with contextlib.suppress(PermissionError):
                        disk.sync_directory(directory)
        self._sweep(disk, f"{maildir}/{TMP}")
        self._swept.pop(maildir, None)
        if len(self._swept) >= _KNOWN:
            del self._swept[next(iter(self._swept))]
        self._swept[maildir] = self._now()

    def forget(self, maildir: str) -> None:
        """It was seen to be missing: the next `prepare` makes it again."""
        self._swept.pop(maildir, None)

    def _sweep(self, disk: Disk, directory: str) -> None:
        # Housekeeping: what cannot be read or removed waits for another day, and delays no mail.
        with contextlib.suppress(OSError):
            for path in disk.list_stale(directory, _STALE):
                with contextlib.suppress(OSError):
                    disk.remove(path)


def _parent(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] or "/"
