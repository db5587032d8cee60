"""What a drill has of the machine. Importing the reactor installs it: here, and nowhere else in this room."""

import resource
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import attrs
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)


@attrs.frozen(kw_only=True)
class World:
    """`reactor`: time, processes and sockets. `now`: seconds of a clock that nobody sets. `chance`: a new one at each call."""

    reactor: Any
    now: Callable[[], float] = time.monotonic
    chance: Callable[[], Random] = Random


def this_world() -> World:
    """The real one."""
    from twisted.internet import reactor

    return World(reactor=reactor)


def raise_descriptors() -> int:
    """As many descriptors as we may have; how many that are. A session is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def seconds_at_work() -> float:
    """CPU seconds that this process has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def complain_only() -> None:
    """Of all that Twisted tells, faults alone, on standard error: each connection would be a line or two."""
    faults = LogLevelFilterPredicate(defaultLogLevel=LogLevel.critical)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [faults])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
