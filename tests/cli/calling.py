"""Commands called in this process, beside a server that answers on a real Unix socket."""

import contextlib
import io
import json
import os
import shutil
import socket
import tempfile
from threading import Thread

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.cli import main
from twistedmx.cli.world import World
from twistedmx.net.control import Control, Refused


def no_findings(path):
    """A settings file without fault or danger."""
    return [], []


def no_look_up(path, addresses):
    """Nobody is to ask."""
    raise AssertionError(f"{path} was asked for {addresses}")


def no_drill(plan, thresholds, **more):
    """Nobody attacks."""
    raise AssertionError(f"{plan} was begun")


def no_sleep(seconds):
    """Nobody waits."""
    raise AssertionError(f"waited for {seconds} s")


class Standard(io.TextIOWrapper):
    """An output that takes octets as well. `is_terminal`: what it says of itself."""

    def __init__(self, *, is_terminal, encoding="utf-8"):
        self.written = io.BytesIO()
        self._is_terminal = is_terminal
        super().__init__(self.written, encoding=encoding, newline="")

    def isatty(self):
        return self._is_terminal


@attrs.frozen
class Said:
    """How a command ended, and what it wrote. `octets`: in place of `out`, as they are."""

    status: int
    out: str
    beside: str
    octets: bytes

    @property
    def json(self):
        return json.loads(self.out)


class FakeServer:
    """Answers each line with what `answer` returns, octets, on the socket `path`, until it is closed."""

    def __init__(self, path, answer):
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        self._socket.listen()
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                line = lines.readline()
                if not line:
                    continue
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # of who has heard enough
                    connection.sendall(self._answer(line))

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._socket.close()
        self._thread.join(10)


class Calling(SynchronousTestCase):
    """`folder`: short enough for the name of a socket in it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="mx")
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = os.path.join(self.folder, "control.sock")

    def write(self, text, name="mx.toml"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def serve(self, **commands):
        """A server with these commands: values, or functions of the arguments. Judged as the real server does."""
        control = Control({name: self._command(value) for name, value in commands.items()})

        def answer(line):
            try:
                return json.dumps({"ok": True, "result": control.answer(line)}).encode() + b"\n"
            except Refused as error:
                return json.dumps({"ok": False, "error": str(error)}).encode() + b"\n"

        self.serve_octets(answer)

    def serve_octets(self, answer):
        self.addCleanup(FakeServer(self.socket, answer).close)

    def call(
        self,
        *words,
        environment=None,
        findings=no_findings,
        look_up=no_look_up,
        drill=no_drill,
        at_terminal=False,
        encoding="utf-8",
        sleep=no_sleep,
        **more,
    ):
        """`more`: of the World."""
        out, beside = Standard(is_terminal=at_terminal, encoding=encoding), io.StringIO()
        world = World(
            environment=environment or {}, findings=findings, look_up=look_up, drill=drill, sleep=sleep, **more
        )
        status = main(words, out, beside, world)
        out.flush()
        octets = out.written.getvalue()
        return Said(status, octets.decode(errors="backslashreplace"), beside.getvalue(), octets)

    def ask(self, *words, **more):
        """With the socket named."""
        return self.call(*words, "--socket", self.socket, **more)

    @staticmethod
    def _command(value):
        return value if callable(value) else lambda arguments: value
