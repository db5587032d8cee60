"""The program as operators start it: `twistd -n twistedmx` in a process of its own, on any free port."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import twistedmx
from tests.integration.output import Output

_SOURCE = Path(twistedmx.__file__).resolve().parent.parent
_PLUGIN = Path("twisted", "plugins", "twistedmx_plugin.py")
_TWISTD = os.path.join(os.path.dirname(sys.executable), "twistd")
ORDERLY = -signal.SIGTERM
LISTENS = r"twistedmx \S+ listens on (.+)$"


def _place(folder: str) -> Path:
    """A folder for PYTHONPATH with the package under test and its plugin, where twistd may write its dropin.cache."""
    place = Path(folder)
    if not place.exists():
        place.joinpath(_PLUGIN.parent).mkdir(parents=True)
        place.joinpath("twistedmx").symlink_to(_SOURCE / "twistedmx")
        place.joinpath(_PLUGIN).symlink_to(_SOURCE / _PLUGIN)
    return place


class TwistdProcess:
    """A process that is twistd. `output`: its log."""

    def __init__(self, words: Sequence[str], *, folder: str, environment: Mapping[str, str]) -> None:
        self._asked = False
        self._process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self.output = Output(self._process.stdout)

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


class Program(TwistdProcess):
    """A server that runs in `folder`, with its data there in `data`. It listens when it is built.

    `endpoints`: where, in Twisted's words. `port`, `ports`: their numbers.
    """

    def __init__(self, folder: str, endpoints: Sequence[str] = ("tcp:0:interface=127.0.0.1",)) -> None:
        self.folder = os.path.abspath(folder)
        self.data = os.path.join(self.folder, "data")
        os.makedirs(self.folder, exist_ok=True)
        words = [word for endpoint in endpoints for word in ("--port", endpoint)]
        super().__init__(
            [_TWISTD, "-n", "--pidfile=", "twistedmx", "--data", self.data, *words],
            folder=self.folder,
            environment={**os.environ, "PYTHONPATH": str(_place(self.folder + "-place"))},
        )
        try:
            places = self.output.wait_for(LISTENS)[1]
        except AssertionError:
            self._process.kill()
            raise
        self.ports = [int(port) for port in re.findall(r":(\d+)", places)]
        self.port = self.ports[0]

    def maildir(self, mailbox: str) -> str:
        """Of a local part at localhost."""
        return os.path.join(self.data, "mail", "localhost", mailbox)
