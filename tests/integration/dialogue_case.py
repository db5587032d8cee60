"""Dialogues of tests/qmail/dialogues over real sockets: which can be had of a server that runs, and a client that plays one.

What a head says of the environment is said by rules, for those hold for the next connection, as control files do.
"""

import re
import socket
import ssl
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

import attrs

from tests.qmail.scene import Scene, read_scene
from twistedmx.testing.dialogue import CLOSED, Act, Dialogue, Hear, Send, Step, masked
from twistedmx.testing.players import expected

_edit = re.compile(r"control/(\S+) (?:is (gone)|is (.*))")
_queued = re.compile(r"(?<= qp )\d+$|(?<= queued as )\d+$")
_PATIENCE = 30.0  # seconds, for a reply that never comes


@attrs.frozen(kw_only=True)
class Kind:
    """Settings that many dialogues share: with them one server is enough for all."""

    dialect: str
    tree: str

    @property
    def settings(self) -> str:
        """Of [qmail]. Delays are of a clock, which nobody moves here."""
        return f'dialect = "{self.dialect}"\ntree = "{self.tree}"\nchkuser = {{ error_delay = 0.0 }}\n'


def dialogues_of(kind: Kind) -> list[tuple[Dialogue, Scene]]:
    """Those that a server of this kind can play."""
    found = []
    for path in sorted(Path(__file__).parent.parent.joinpath("qmail", "dialogues").glob("*.smtp")):
        settings = _settings(path)
        qmail = settings.pop("qmail", {})
        if qmail.pop("chkuser", {"error_delay": 0.0}) == {"error_delay": 0.0}:
            qmail.pop("lines", None)  # of the log
            if not settings and qmail == attrs.asdict(kind):
                dialogue, scene = read_scene(str(path))
                if _is_real(dialogue, scene):
                    found.append((dialogue, scene))
    return found


def _settings(path: Path) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return tomllib.loads("\n".join(line[3:] for line in lines if line.startswith("#:")))


def _is_real(dialogue: Dialogue, scene: Scene) -> bool:
    """It needs no fake but the queue's, no clock, no name service, and no address that loopback has not."""
    acts = [step for step in dialogue.steps if isinstance(step, Act)]
    if any(act.kind == "W" or (act.kind == "A" and not _edit.fullmatch(act.words)) for act in acts):
        return False
    if any("valid MX" in line for line in dialogue.replies):
        return False
    return not (scene.programs or scene.mx or scene.rules or scene.authenticates)


def rules_of(scene: Scene) -> bytes:
    """What tcprules makes a cdb of: the environment of the head, and the steps that the fake queue takes."""
    variables = dict(scene.environment)
    if scene.queue:
        says = scene.queue.get("says", "").replace(" ", "_")
        variables["FAKE"] = f"message envelope text:6:{says} exit:{scene.queue['exit']}"
    return (":allow" + "".join(f',{name}="{value}"' for name, value in variables.items()) + "\n").encode()


def edits_of(words: str) -> tuple[str, str | None]:
    """(name, text) of an A: line; None: it is gone."""
    found = _edit.fullmatch(words)
    assert found is not None, words
    return found[1], None if found[2] else f"{found[3]}\n"


def should_hear(dialogue: Dialogue) -> list[str]:
    """Its replies, with what is another each time made one."""
    return [_queued.sub("N", line) for line in expected(dialogue).replies]


class Conversation:
    """A client at `address` that plays `dialogue` at a port of 127.0.0.1. `act`: does what an A: line says.

    Where the server has not said in time what it should, what it said is what was heard.
    """

    def __init__(self, dialogue: Dialogue, port: int, address: str) -> None:
        self._dialogue = dialogue
        self._port = port
        self._address = address
        self._heard = b""
        self._closed = False

    def play(self, act: Any) -> list[str]:
        """What was heard, as `should_hear` has it."""
        before = [step for step in takewhile(_is_edit, self._dialogue.steps) if isinstance(step, Act)]
        for step in before:  # what stands before all else is so when the connection comes
            act(step.words)
        self._socket: socket.socket = self._connected()
        with self._socket:
            for step in self._dialogue.steps[len(before) :]:
                match step:
                    case Send(octets=octets) if not self._closed:
                        self._socket.sendall(octets)
                    case Act(kind="T"):
                        self._socket = _TRUSTING.wrap_socket(self._socket)
                    case Act(kind="A", words=words):
                        act(words)
                    case Act(kind="L"):
                        break
                    case Hear(lines=lines, closed=closed):
                        self._hear(lines, closed)
            self._socket.close()
        return self._lines()

    def _connected(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self._port), _PATIENCE, (self._address, 0))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def _hear(self, lines: int, closed: bool) -> None:
        while not self._closed and (closed or self._heard.count(b"\r\n") < lines):
            try:
                octets = self._socket.recv(65_536)
            except TimeoutError:
                return
            except ConnectionError:  # it hung up with something of ours unread
                octets = b""
            self._heard += octets
            self._closed = not octets

    def _lines(self) -> list[str]:
        text = masked(self._heard.decode("latin-1").replace(self._address, "192.0.2.7"))
        return [_queued.sub("N", line) for line in text.split("\r\n")[:-1]] + [CLOSED] * self._closed


def _is_edit(step: Step) -> bool:
    return isinstance(step, Act) and step.kind == "A"


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TRUSTING = _trusting()
