"""A systemd unit started as systemd would: its sockets opened and passed on, its commands run, its words heard.

What it does not do: everything that needs the kernel or root (users, sandboxes, limits). `systemd-analyze` judges those.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from tests.integration.output import Output

# sd_listen_fds(3): the first socket is descriptor 3, and they are for the process that LISTEN_PID names.
_PASS_ON = """\
import os, sys
os.dup2(int(os.environ["TAKEN"]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1], sys.argv[1:])
"""

_ENDED = "its process ended"  # said by us


def values(text: str, key: str) -> list[str]:
    """All that a unit file says of a key."""
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


class Unit:
    """`service`: the text of the file. `listening`: the socket of its .socket unit, called `name` there.

    `output`: standard output and error. `said`: what it tells systemd, a line for each. Watched every `watchdog` seconds.
    """

    def __init__(
        self, service: str, listening: socket.socket, name: str, *, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._service = service
        self._listening = listening
        self._name = name
        self._folder = folder
        self._environment = dict(environment)
        self._heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._heard.bind(str(folder / "notify"))
        self.said = Output(iter(lambda: self._heard.recv(4096).decode(), ""))
        self._process: subprocess.Popen[str] | None = None

    def start(self, watchdog: float) -> None:
        """ExecStartPre, then ExecStart. It serves when this returns."""
        for words in values(self._service, "ExecStartPre"):
            self._run(words)
        taken = self._listening.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _PASS_ON, *self._words("ExecStart")],
            cwd="/",
            env={
                **self._environment,
                "TAKEN": str(taken),
                "LISTEN_FDS": "1",
                "LISTEN_FDNAMES": self._name,
                "NOTIFY_SOCKET": str(self._folder / "notify"),
                "WATCHDOG_USEC": str(int(watchdog * 1_000_000)),
            },
            pass_fds=[taken],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self.output = Output(self._process.stdout)
        Thread(target=self._watch, args=[self._process], daemon=True).start()
        if self.said.wait_for(f"^(READY=1|{_ENDED})$")[0] == _ENDED:
            self._process.wait()
            self._process.stdout.close()
            self._process = None
            raise AssertionError("\n".join(["it ended", *self.output.rest()]))

    def _watch(self, process: "subprocess.Popen[str]") -> None:
        process.wait()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(_ENDED.encode(), str(self._folder / "notify"))

    def reload(self) -> str:
        """ExecReload; what it prints."""
        return "".join(self._run(words) for words in values(self._service, "ExecReload"))

    def stop(self) -> int:
        """SIGTERM; the status. Harmless when it has ended, or never begun."""
        status = 0
        if self._process is not None and self._process.stdout is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
                self.said.wait_for(f"^{_ENDED}$")
            status = self._process.wait(60)
            self.output.rest()
            self._process.stdout.close()
            self._process = None
        return status

    def close(self) -> None:
        """Stop, and hear no more."""
        self.stop()
        self._heard.shutdown(socket.SHUT_RDWR)
        self._heard.close()

    def _words(self, key: str) -> list[str]:
        (line,) = values(self._service, key)
        return line.split()

    def _run(self, line: str) -> str:
        done = subprocess.run(line.split(), cwd="/", env=self._environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"{line} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


def loopback_socket() -> tuple[socket.socket, str]:
    """Listens at a free port of this machine's; and its domain in Twisted's words: INET6, or INET where there is no IPv6."""
    try:
        return socket.create_server(("::1", 0), family=socket.AF_INET6), "INET6"
    except OSError:
        return socket.create_server(("127.0.0.1", 0)), "INET"


def environment() -> dict[str, str]:
    """Ours, without what another systemd may have told us."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_", "PYTHON"))
    }
