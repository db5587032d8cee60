"""What the program has of the machine."""

import os
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import attrs

from twistedmx.delivery.disk import PosixDisk
from twistedmx.ports import Disk
from twistedmx.settings.machine import is_ours


def _load() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1)


@attrs.frozen(kw_only=True)
class World:
    """What the program has of the machine: given, so that a test can give another.

    `reactor`: time, threads and sockets. `uid`: the effective one. `environment`: of the process. `is_ours`: has one of our
    interfaces this address? `load`: average of a minute for each CPU.
    """

    reactor: Any
    disk: Disk
    now: Callable[[], float] = time.time
    pid: Callable[[], int] = os.getpid
    chance: Callable[[], Random] = Random
    uid: Callable[[], int] = os.geteuid
    is_ours: Callable[[str], bool] = is_ours
    load: Callable[[], float] = _load
    environment: Mapping[str, str] = attrs.Factory(lambda: dict(os.environ))


def this_world() -> World:
    """The real one. Importing the reactor installs it: here, and nowhere else."""
    from twisted.internet import reactor

    return World(reactor=reactor, disk=PosixDisk(now=time.time))
