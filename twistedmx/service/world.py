"""What the program has of the machine."""

import os
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import attrs
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import Logger

from twistedmx.delivery.disk import PosixDisk
from twistedmx.model.vitals import Vitals
from twistedmx.ports import Disk
from twistedmx.service.interpreter import allowed_cpus
from twistedmx.service.places import Place
from twistedmx.service.vitals import MachineVitals
from twistedmx.settings.dangers import Account
from twistedmx.settings.machine import account, descriptors, is_ours


def _cpus() -> int:
    return os.cpu_count() or 1


def _load() -> float:
    return os.getloadavg()[0] / _cpus()


def _if_it_can_be_read(load: Callable[[], float]) -> Callable[[], float | None]:
    """None where it cannot: some containers hide /proc/loadavg, and getloadavg(3) fails. Said once, however often it is asked."""
    log = Logger(namespace=__name__)
    is_told = False

    def read() -> float | None:
        nonlocal is_told
        try:
            return load()
        except OSError as error:
            if not is_told:
                is_told = True
                log.warn(
                    "the load of the machine cannot be read ({error}): while that is so, limits under load never hold, and "
                    "the history has none",
                    error=error.strerror or error,
                )
            return None

    return read


def _endpoint(reactor: Any, place: Place) -> IStreamServerEndpoint:
    made: IStreamServerEndpoint = serverFromString(reactor, place.text)
    return made


def _nothing_known(time: float) -> Vitals:
    return Vitals()


_STATM = Path("/proc/self/statm")  # proc(5): pages, those that are resident second


def resident_octets() -> int | None:
    """Memory of this process; None where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return None


@attrs.frozen(kw_only=True)
class World:
    """What the program has of the machine: given, so that a test can give another.

    `reactor`: time, threads and sockets. `uid`: the effective one. `resident_octets`: memory of the process, or None.
    `is_ours`: has one of our interfaces this address? `account`: a user of the system, None when there is none. `load`:
    average of a minute for each CPU, of which there are `cpus`, and this process `may_use` some; None where what was given
    for it raises OSError. `vitals`: how the machine is, at a time by `steady`: a clock that cannot be set, as the reactor's
    can; None: the reactor's. `descriptors`: that the process may have. `endpoints`: of a reactor, how to listen at a place;
    raises what Twisted does for words that are no endpoint. `environment`: its own.
    """

    reactor: Any
    disk: Disk
    now: Callable[[], float] = time.time
    pid: Callable[[], int] = os.getpid
    chance: Callable[[], Random] = Random
    uid: Callable[[], int] = os.geteuid
    resident_octets: Callable[[], int | None] = resident_octets
    is_ours: Callable[[str], bool] = is_ours
    account: Callable[[str], Account | None] = account
    load: Callable[[], float | None] = attrs.field(default=_load, converter=_if_it_can_be_read)
    cpus: Callable[[], int] = _cpus
    may_use: Callable[[], int] = allowed_cpus
    vitals: Callable[[float], Vitals] = _nothing_known
    steady: Callable[[], float] | None = None
    descriptors: Callable[[], int] = descriptors
    endpoints: Callable[[Any, Place], IStreamServerEndpoint] = _endpoint
    environment: Mapping[str, str] = attrs.Factory(lambda: dict(os.environ))

    def endpoint(self, place: Place) -> IStreamServerEndpoint:
        """How to listen there."""
        return self.endpoints(self.reactor, place)


def this_world() -> World:
    """The real one. Importing the reactor installs it: here, and nowhere else."""
    from twisted.internet import reactor

    return World(reactor=reactor, disk=PosixDisk(now=time.time), vitals=MachineVitals().read, steady=time.monotonic)
