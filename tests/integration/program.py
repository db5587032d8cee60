"""The program as operators start it: `twistd -n twistedmx` in a process of its own, on any free port."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import twistedmx
from tests.integration.output import Output

_SOURCE = Path(twistedmx.__file__).resolve().parent.parent
_PLUGINS = Path("twisted", "plugins")
_TWISTD = os.path.join(os.path.dirname(sys.executable), "twistd")
ORDERLY = -signal.SIGTERM
# Lines that should not be there. That it runs as root is how some run the tests, and no fault of the server's.
COMPLAINT = re.compile(r"Traceback|dropin|#(?!warn\] runs as root)(?:warn|error|critical)")
LOOPBACK = "tcp:0:interface=127.0.0.1"
LISTENS = r"twistedmx \S+ listens on (.+)$"


def _place(folder: str) -> Path:
    """A folder for PYTHONPATH with the package under test and its plugin, where twistd may write its dropin.cache."""
    place = Path(folder)
    if not place.exists():
        place.joinpath(_PLUGINS).mkdir(parents=True)
        place.joinpath("twistedmx").symlink_to(_SOURCE / "twistedmx")
        for plugin in (_SOURCE / _PLUGINS).glob("*.py"):
            place.joinpath(_PLUGINS, plugin.name).symlink_to(plugin)
    return place


class TwistdProcess:
    """A process that is twistd. `output`: its log."""

    def __init__(
        self, words: Sequence[str], *, folder: str, environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> None:
        self._asked = False
        self._process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self.output = Output(self._process.stdout)
        self.pid = self._process.pid

    def ports_of(self, listens: str = LISTENS) -> list[int]:
        """The ports that it says it listens on, once it has. Kills it when it does not."""
        try:
            places = self.output.wait_for(listens)[1]
        except AssertionError:
            self._process.kill()
            raise
        return [int(port) for port in re.findall(r":(\d+)", places)]

    def hang_up(self) -> None:
        """SIGHUP: read the settings again."""
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """SIGKILL, as a power cut is for a process."""
        self._process.kill()
        self._process.wait(60)

    def ended(self) -> tuple[int, list[str]]:
        """As `stop`, of one that ends by itself."""
        self._asked = True
        return self.stop()

    def ended_alone(self) -> tuple[int, list[str]]:
        """As `ended`, of one whose output others have as well: the lines so far."""
        self._asked = True
        return self._process.wait(60), self.output.so_far()

    def ask_to_stop(self) -> None:
        """SIGTERM, once: to a second one twistd answers with a traceback."""
        if not self._asked and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._asked = True

    def stop(self) -> tuple[int, list[str]]:
        """End it; its exit status, and all lines of its log. Harmless when it has ended.

        The status is ORDERLY: twistd, when all is done, ends by the signal that asked it to (twisted.application.app,
        _exitWithSignal), which a shell shows as 143 and systemd takes for success.
        """
        self.ask_to_stop()
        try:
            status = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        lines = self.output.rest()
        self._process.stdout.close()
        return status, lines


class Started(TwistdProcess):
    """A server by the settings file `config`. `words`: more of `twistd twistedmx`'s. `environment`: beside ours.

    It may not come to listen: `ports_of` waits for that, `ended` for its end.
    """

    def __init__(self, config: Path, *words: str, environment: Mapping[str, str] | None = None) -> None:
        folder = config.parent
        super().__init__(
            [*words_of(config), *words],
            folder=str(folder),
            environment=shown(folder / "place", **(environment or {})),
        )


def words_of(config: Path) -> list[str]:
    """The command line of a server by this settings file."""
    return [_TWISTD, "-n", "--pidfile=", "twistedmx", "--config", str(config)]


def shown(place: Path, **more: str) -> dict[str, str]:
    """The environment in which a Python finds the package under test, and its twistd the plugin. `place`: will be made."""
    return {**os.environ, "PYTHONPATH": str(_place(str(place))), **more}


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    """`twistedmx` with these words, as an operator types it."""
    return subprocess.run(
        [sys.executable, "-m", "twistedmx", *words],
        env={**os.environ, "PYTHONPATH": str(_SOURCE)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def programs(folder: Path) -> Path:
    """A folder as a virtual environment is: its bin/ has twistd, twistedmx and python. `folder`: will be made."""
    place = _place(str(folder / "place"))
    (folder / "bin").mkdir()
    commands = {"twistd": _TWISTD, "twistedmx": f"{sys.executable} -m twistedmx", "python": sys.executable}
    for name, words in commands.items():
        path = folder / "bin" / name
        path.write_text(f'#!/bin/sh\nPYTHONPATH={place} exec {words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    return folder


def short_folder() -> Path:
    """A new folder, for everybody to look into: the name of a Unix socket has at most 107 octets, those of trial have more.
    Its maker removes it with `remove`."""
    folder = Path(tempfile.mkdtemp(prefix="mx"))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """With all that is in it."""
    shutil.rmtree(folder)


def free_port(host: str = "127.0.0.1") -> int:
    """One that nobody listens on just now, for programs that cannot say which one they were given."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


class Program(TwistdProcess):
    """A server that runs in `folder`, with its data there in `data`. It listens when it is built.

    `endpoints`, `tls_endpoints`: where, in Twisted's words; `port`, `ports`: their numbers.
    """

    def __init__(
        self,
        folder: str,
        endpoints: Sequence[str] = ("tcp:0:interface=127.0.0.1",),
        tls_endpoints: Sequence[str] = (),
    ) -> None:
        self.folder = os.path.abspath(folder)
        self.data = os.path.join(self.folder, "data")
        os.makedirs(self.folder, exist_ok=True)
        words = [word for endpoint in endpoints for word in ("--port", endpoint)]
        words += [word for endpoint in tls_endpoints for word in ("--tls-port", endpoint)]
        super().__init__(
            [_TWISTD, "-n", "--pidfile=", "twistedmx", "--data", self.data, *words],
            folder=self.folder,
            environment={**os.environ, "PYTHONPATH": str(_place(self.folder + "-place"))},
        )
        self.ports = self.ports_of()
        self.port = self.ports[0]

    def maildir(self, mailbox: str) -> str:
        """Of a local part at localhost."""
        return os.path.join(self.data, "mail", "localhost", mailbox)
