"""What a command asks of the server's own code. It is loaded when it is asked: with it comes all of Twisted."""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from twistedmx.drill.plan import Plan


def _findings(path: str) -> tuple[list[str], list[str]]:
    from twistedmx.service.check import findings

    faults, dangers = findings(path)
    return list(faults), list(dangers)


def _look_up(path: str, addresses: Sequence[str]) -> list[Mapping[str, Any]]:
    from twistedmx.service.offline import look_up

    return list(look_up(path, addresses))


def _look_at_qmail(
    path: str | None, home: str | None, script: str | None, environment: Mapping[str, str], *, open_relay: bool
) -> dict[str, Any] | None:
    from twistedmx.service.check_qmail import look_at_qmail

    octets = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    return look_at_qmail(path, home, script, octets, open_relay=open_relay, at=time.time())


def _drill(plan: Plan, thresholds: str | None, **more: Any) -> Any:
    from twistedmx.drill.start import drill

    return drill(plan, thresholds, **more)


@attrs.frozen(kw_only=True)
class World:
    """`environment`: of the process. `findings`: faults and dangers of a settings file. `look_up`: recipients, asked of the
    backends that a settings file describes; raises ValueError with a line for each thing that hinders it. `look_at_qmail`: as
    `service.check_qmail` has it, with `environment` as here. `drill`: as
    `twistedmx.drill.start` has it. `seconds`: of a clock that is never put back; `sleep`: for so many. `size`: columns and lines of
    the terminal. `cpus`: of the machine.
    """

    environment: Mapping[str, str] = attrs.field(factory=lambda: dict(os.environ))
    findings: Callable[[str], tuple[list[str], list[str]]] = _findings
    look_up: Callable[[str, Sequence[str]], Sequence[Mapping[str, Any]]] = _look_up
    look_at_qmail: Callable[..., dict[str, Any] | None] = _look_at_qmail
    drill: Callable[..., Any] = _drill
    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    size: Callable[[], tuple[int, int]] = shutil.get_terminal_size
    cpus: int = attrs.field(factory=lambda: os.cpu_count() or 1)
