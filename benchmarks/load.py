"""The generators of load, benchmarks/load.c, victim.c and flood.c: compiled once, and run on a core of their own."""

import contextlib
import functools
import hashlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.fault import CannotMeasure
from benchmarks.group import go_first, go_last

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "twistedmx-benchmarks"
_TLS = ("-DWITH_TLS", "-lssl", "-lcrypto")


@functools.cache
def program(name: str = "load", *, tls: bool = False) -> Path:
    """The compiled program `name`.c, made unless it is there. Raises CannotMeasure."""
    flags = _TLS if tls else ()
    source = Path(__file__).with_name(f"{name}.c")
    text = b"".join(file.read_bytes() for file in (source, *sorted(source.parent.glob("*.h"))))
    place = _CACHE / f"{name}-{hashlib.sha256(text + repr(flags).encode()).hexdigest()[:16]}"
    if place.exists():
        return place
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise CannotMeasure(
            f"no C compiler to build benchmarks/{name}.c with: install one (apt-get install gcc libc6-dev), or set CC"
        )
    _CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f"{place.name}.{os.getpid()}")
    done = subprocess.run(
        [compiler, "-O2", "-o", unfinished, source, *flags], capture_output=True, text=True, check=False
    )
    if done.returncode:
        needs = "libssl-dev, for the handshakes" if tls else "libc6-dev"
        raise CannotMeasure(f"benchmarks/{name}.c does not compile (Debian's package {needs}?):\n{done.stderr[:2000]}")
    unfinished.rename(place)
    return place


class Generator:
    """One run of a program that tells events, each a line of JSON, and waits for us in between. It is behind all else on its core
    (`rank`), but the legitimate sender, who stands for one that has a machine to himself."""

    rank = staticmethod(go_last)

    def __init__(self, command: Sequence[str | Path], options: Mapping[str, Any], *, core: int) -> None:
        words = [f"{key}={value}" for key, value in options.items()]
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), *command, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.rank(self._process.pid)
        self._heard = b""  # and not yet read

    def wait_for(self, event: str, *, seconds: float) -> dict[str, Any]:
        """What it tells next, which is `event`. Raises CannotMeasure when it is an error, or does not come."""
        line = self._line(event, time.monotonic() + seconds)
        told: dict[str, Any] = json.loads(line)
        if told.pop("event") != event:
            raise CannotMeasure(told.get("words", repr(line)))
        return told

    def _line(self, event: str, until: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._heard:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                raise CannotMeasure(f"the load generator did not tell {event!r} in time")
            octets = os.read(descriptor, 65_536)
            if not octets:
                raise CannotMeasure(f"the load generator ended with status {self._process.wait()} before {event!r}")
            self._heard += octets
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def go_on(self) -> None:
        """It has waited for us. If it has ended instead, `wait_for` says why."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            os.write(self._process.stdin.fileno(), b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


class Load(Generator):
    """Of load.c. Events come in the order that it tells."""

    def __init__(self, mode: str, options: Mapping[str, Any], *, core: int) -> None:
        super().__init__([program(tls=mode == "tls"), mode], options, core=core)


class Sender(Generator):
    """Of victim.c: the legitimate sender. Under TLS if the options have `tls`."""

    rank = staticmethod(go_first)

    def __init__(self, options: Mapping[str, Any], *, core: int) -> None:
        super().__init__([program("victim", tls=bool(options.get("tls")))], options, core=core)


class Flood(Generator):
    """Of flood.c: handshakes without end."""

    def __init__(self, options: Mapping[str, Any], *, core: int) -> None:
        super().__init__([program("flood", tls=True)], options, core=core)
