"""The control socket: a Unix socket that serves the operator's commands, one JSON object a line in, one a line out.

    {"command": "status", "arguments": {}}
    {"ok": true, "result": {...}}   or   {"ok": false, "error": "words for the operator"}

Who may connect is decided by the permissions of the socket alone. A line that is no such object is answered with what is
wrong; a command that fails by a fault of ours is a traceback in our log and a word of it here.

BUGS: the answers of one connection come in order, so a slow command holds those behind it.
"""

import contextlib
import errno
import json
import os
import socket
import stat
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from twistedmx.linux import O_PATH
from twistedmx.setting import setting

Command = Callable[[Mapping[str, Any]], Any | Awaitable[Any]]

_MOST_CONNECTIONS: Final = 32
_LONGEST_PATH: Final = 107
_MOST_WAITING: Final = 16  # commands of one connection behind the one under way


def _octal(instance: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    try:
        mode = int(value, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise ValueError(f'must be permissions in octal digits, as "0600", is {value!r}')


@attrs.frozen(kw_only=True)
class ControlSettings:
    """Settings `[control]`."""

    socket: str = setting(
        "control.sock",
        unit="",
        why="Unix socket of the operator's commands (twistedmx status, reload ...), relative to `data`; empty: none.",
        precedent="Dovecot doveadm socket, OpenSMTPD smtpd.sock",
        restart=True,
    )
    mode: str = setting(
        "0600",
        unit="octal permissions",
        why="Who may write to the socket may command the server; 0660 lets in the group of the server's user.",
        precedent="Dovecot unix_listener mode",
        validator=_octal,
        restart=True,
    )


class Refused(Exception):
    """A command that cannot be done. The text is for the operator."""


class AnotherServer(Exception):
    """Somebody answers on the socket already."""


class ControlConnection(LineOnlyReceiver):
    """One operator's connection."""

    delimiter = b"\n"
    MAX_LENGTH = 65_536
    _log = Logger()
    factory: "Control"

    def connectionMade(self) -> None:
        """Somebody with the right to do so came."""
        self._waiting: deque[bytes] = deque()
        self._answering = False
        self.factory.connections += 1

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Gone; what is under way goes on, its answer is heard by nobody."""
        self._waiting.clear()
        self.factory.connections -= 1

    def lineReceived(self, line: bytes) -> None:
        """A request."""
        if len(self._waiting) >= _MOST_WAITING:
            self._say_no("too many commands at once: wait for the answers")
            self.transport.loseConnection()  # type: ignore[union-attr]  # connected, for it spoke
            return
        self._waiting.append(line)
        if not self._answering:
            self._next()

    def lineLengthExceeded(self, line: bytes) -> None:
        """Nothing that we know is so long."""
        self._say_no(f"a request has at most {self.MAX_LENGTH} octets")
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _next(self) -> None:
        while self._waiting and not self._answering:
            self._answering = True
            answering = maybeDeferred(self.factory.answer, self._waiting.popleft())
            answering.addCallback(self._say_yes).addErrback(self._failed)
            answering.addBoth(self._answered)

    def _answered(self, result: None) -> None:
        self._answering = False
        self._next()

    def _say_yes(self, result: Any) -> None:
        self._say({"ok": True, "result": result})

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, Refused):
            self._say_no(str(failure.value))
        else:
            self._log.failure("a command on the control socket failed by a fault of ours", failure=failure)
            self._say_no("failed by a fault of the server; its log has the traceback")

    def _say_no(self, words: str) -> None:
        self._say({"ok": False, "error": words})

    def _say(self, answer: Mapping[str, Any]) -> None:
        self.transport.write(json.dumps(answer).encode() + self.delimiter)  # type: ignore[union-attr]  # connected


class Control(ServerFactory):
    """`commands`: by name; each is given the arguments and returns what JSON can say, or an awaitable of it, or raises
    Refused."""

    noisy = False

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands
        self.connections = 0
        self._folder = -1

    def stopFactory(self) -> None:
        """The socket is gone."""
        if self._folder != -1:
            os.close(self._folder)
            self._folder = -1

    def reach(self, path: str) -> str:
        """`path`, or a name for it that the kernel takes: of 107 octets at most (unix(7))."""
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            return path
        folder, name = os.path.split(path)
        self._folder = os.open(folder, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder}/{name}"

    def buildProtocol(self, address: IAddress | None) -> Protocol | None:
        if self.connections >= _MOST_CONNECTIONS:
            return None
        connection = ControlConnection()
        connection.factory = self
        return connection

    def answer(self, line: bytes) -> Any:
        """What the command in `line` returns. Raises Refused."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            raise Refused('a request is one JSON object a line: {"command": "status", "arguments": {}}') from None
        if not isinstance(request, dict) or not isinstance(request.get("command"), str):
            raise Refused('a request is an object with "command", and "arguments" where it has any')
        arguments = request.get("arguments", {})
        if not isinstance(arguments, dict):
            raise Refused('"arguments" is an object')
        command = self._commands.get(request["command"])
        if command is None:
            known = ", ".join(sorted(self._commands))
            raise Refused(f"no such command: {request['command']!r}; this server knows {known}")
        return command(arguments)


def clear_way(path: str) -> None:
    """Remove the socket that a killed server left behind. Raises AnotherServer when one answers there, and OSError."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "is there, and is no socket", path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        except BlockingIOError:
            pass  # a server whose queue is full is one as well
    raise AnotherServer(path)


def listen(reactor: Any, path: str, mode: int, control: Control) -> IListeningPort:
    """Serve `control` at `path`, which exists with `mode` and never with more. Raises what `clear_way` does, and
    CannotListenError."""
    reached = control.reach(path)
    clear_way(reached)
    before = os.umask(0o777 & ~mode)
    try:
        port: IListeningPort = reactor.listenUNIX(reached, control, mode=mode)
    finally:
        os.umask(before)
    return port
