"""The client of the control socket (`twistedmx.net.control`): one question, one answer, no Twisted."""

import errno
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, Final

from twistedmx.linux import O_PATH

SECONDS: Final = 30.0
_LONGEST_PATH: Final = 107  # octets: unix(7)
_MOST_OCTETS: Final = 16_777_216  # of an answer
_UNKNOWN: Final = "no such command"  # how twistedmx.net.control begins to say so; a test keeps it


class Refused(Exception):
    """The server cannot do it. The text is the server's, for the operator; it may have several lines."""


class Unreachable(Exception):
    """No answer. The text says why and what to do."""


class NoServer(Unreachable):
    """Nobody is there to answer."""


def ask(path: str, command: str, arguments: Mapping[str, Any] | None = None, *, within: float = SECONDS) -> Any:
    """What the server at the socket `path` answers. Raises Refused, NoServer and Unreachable. `within`: seconds of silence."""
    request = json.dumps({"command": command, "arguments": dict(arguments or {})}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(within)
            _connect(connection, path)
            connection.sendall(request)
            line = _line(connection, path)
    except TimeoutError:
        raise Unreachable(f"{path}: no answer within {within:g} seconds; is the server busy? See its log") from None
    except OSError as error:
        raise _why(path, error) from None
    except ValueError as error:  # a NUL in the path
        raise Unreachable(f"{path!r}: is no path: {error}; correct [control] socket") from None
    return _result(line, path, command)


def _connect(connection: socket.socket, path: str) -> None:
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        connection.connect(path)
        return
    folder, name = os.path.split(path)
    descriptor = os.open(folder, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{name}")  # the server took the same way
    finally:
        os.close(descriptor)


def _line(connection: socket.socket, path: str) -> bytes:
    """Up to the line end. Raises Unreachable."""
    line = bytearray()
    while not line.endswith(b"\n"):
        octets = connection.recv(65_536)
        if not octets:
            words = "the server closed the connection without an answer; it is stopping, or has all the connections it takes"
            raise Unreachable(f"{path}: {words}")
        line += octets
        if len(line) > _MOST_OCTETS:
            raise Unreachable(f"{path}: an answer without end; is this the control socket of twistedmx?")
    return bytes(line)


def _why(path: str, error: OSError) -> Unreachable:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NoServer(f"{path}: no server runs there; start it, or name its settings (--config) or socket (--socket)")
    if error.errno == errno.ECONNREFUSED:
        return NoServer(f"{path}: nobody answers; the server has ended: start it, or name another socket with --socket")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreachable(f"{path}: you may not; be root or the server's user, or see [control] mode")
    return Unreachable(f"{path}: {error.strerror or error}")


def _result(line: bytes, path: str, command: str) -> Any:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer.get("ok") is True:
        return answer.get("result")
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        raise Unreachable(f"{path}: answers in another language; is this the control socket of twistedmx?")
    if answer["error"].startswith(_UNKNOWN):
        words = f"the server there does not know {command!r}: it is older than this command; restart it"
        raise Unreachable(f"{path}: {words} ({answer['error']})")
    raise Refused(answer["error"])
