"""The log file of twistd, while two processes write to it: each line behind the last one, whoever wrote that.

Twisted remembers where it was in the file, and would write over the other's lines.
"""

import contextlib
import fcntl
import os
from collections.abc import Mapping
from typing import Any


def share_log(twistd: Mapping[str, Any], folder: str) -> None:
    """From now on. `twistd`: its options. `folder`: of the start, where a relative path begins."""
    name = twistd.get("logfile") or ("" if twistd.get("nodaemon") else "twistd.log")
    if not name or name == "-" or twistd.get("syslog"):
        return
    with contextlib.suppress(OSError):
        log = os.stat(os.path.join(folder, name))
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError):  # the one of the list itself is closed by now
                if os.path.samestat(os.fstat(descriptor), log):
                    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
