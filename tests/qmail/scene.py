r"""A qmail host on fakes, for dialogues: the tree of `testing.qmail_tree`, with what the head of a dialogue changes in it.

The head is TOML behind "#!", beside that of `testing.dialogue` behind "#:" ([qmail] dialect and tree are there):

    #! log = true                    E: lines tell what stands in the log, too
    #! trace = true                  D: lines have our Received field
    #! authenticates = true          there is a check program; users are those of `testing.stage`
    #! certificate = true            there is a control/servercert.pem
    #! control.NAME = "text"         what stands in control/NAME; false: it is not there
    #! environment.NAME = "value"    of the program, as a run script exports it
    #! rules."192.0.2." = "deny"     of tcprules; or {NAME = "value"}, with false for a variable that is unset
    #! queue.exit = 31               how the queue program ends; `queue.says`: its own words; `queue.pid`: else 8001
    #! programs.NAME = {status = 0, 1 = "E550 no\n"}    what a plugin or RCPTCHECK does: its end, and what it writes on descriptors
    #! mx."example.com" = "none"     what the DNS says of a domain: none, could-not-tell; else found

D: lines tell what the queue has got: the envelope, `Fann@example.org Tbob@example.org`, and the content. More A: lines:

    control/NAME is TEXT             from now on, with a line end; `control/NAME is gone`, `control/NAME cannot be read`
    programs are late                until `programs answer`
    users cannot be read             and nobody can tell which domains are vpopmail's
"""

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path as File
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport

from twistedmx.model.storage import Declined, HandedOver, Outcome
from twistedmx.net.tls import ServerTls, make_demo_certificate
from twistedmx.policy.mx import MxAnswer
from twistedmx.policy.transaction import Transaction
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.call import Call, Tell
from twistedmx.qmail.chkuser import Recipients
from twistedmx.qmail.chkuser_senders import Senders
from twistedmx.qmail.delivering import recipients_of
from twistedmx.qmail.house import House
from twistedmx.qmail.log_lines import Dialect
from twistedmx.qmail.program import Ended
from twistedmx.qmail.queue_exits import is_refusal, reply_of
from twistedmx.qmail.rcpt_check import RcptCheck
from twistedmx.qmail.spp import Plugins
from twistedmx.qmail.spp_file import read_spp_file
from twistedmx.qmail.vpopmail import Vpopmail
from twistedmx.service.qmail_environment import Environments, UsualRules
from twistedmx.service.qmail_host import QmailHost, rules_of
from twistedmx.settings import Settings
from twistedmx.testing.cdb import write_cdb
from twistedmx.testing.dialogue import Dialogue, parse_dialogue
from twistedmx.testing.passwords import FakePasswords
from twistedmx.testing.qmail_tree import QmailTree, make_qmail_tree
from twistedmx.testing.stage import CLIENT, Stage

_unseen = re.compile(r"[^\n\x20-\x5b\x5d-\x7e]| (?=\n|\Z)")
_edit = re.compile(r"control/(\S+) (?:is (gone)|(cannot be read)|is (.*))")
FIRST_PID = 4711


@attrs.frozen(kw_only=True)
class Scene:
    """The head of a dialogue."""

    log: bool = False
    trace: bool = False
    authenticates: bool = False
    certificate: bool = False
    control: Mapping[str, Any] = attrs.Factory(dict)
    environment: Mapping[str, str] = attrs.Factory(dict)
    rules: Mapping[str, Any] = attrs.Factory(dict)
    queue: Mapping[str, Any] = attrs.Factory(dict)
    programs: Mapping[str, Any] = attrs.Factory(dict)
    mx: Mapping[str, str] = attrs.Factory(dict)

    @property
    def knows_addresses(self) -> bool:
        """Whether it would be another one with a peer at 127.0.0.1."""
        return self.log or self.trace or bool(self.rules)


def read_scene(path: str) -> tuple[Dialogue, Scene]:
    """The dialogue in a file, and its head. Raises BadDialogue, ValueError and OSError."""
    text = File(path).read_text(encoding="utf-8")
    lines = text.split("\n")
    head = [line[3:] for line in lines if line.startswith("#!")]
    rest = "\n".join("" if line.startswith("#!") else line for line in lines)
    return parse_dialogue(rest, File(path).name), Scene(**tomllib.loads("\n".join(head)))


@lru_cache(maxsize=1)
def _tree() -> QmailTree:
    """One for all: nothing in it is changed but control/, which each stage has of its own."""
    folder = tempfile.mkdtemp(dir=os.getcwd())
    os.chmod(folder, 0o755)
    return make_qmail_tree(os.path.join(folder, "qmail"))


@lru_cache(maxsize=1)
def _certificate() -> bytes:
    path = os.path.join(os.path.dirname(_tree().root), "servercert.pem")
    make_demo_certificate(path, "host.example", 1_700_000_000.0)
    return File(path).read_bytes()


def _home() -> str:
    tree = _tree()
    home = tempfile.mkdtemp(dir=os.path.dirname(tree.root))
    for name in os.listdir(tree.root):
        if name == "control":
            shutil.copytree(os.path.join(tree.root, name), os.path.join(home, name))
        else:
            os.symlink(os.path.join(tree.root, name), os.path.join(home, name))
    return home


class _Mx:
    """The port Mx."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = {name.encode(): MxAnswer(word) for name, word in answers.items()}

    def look_up(self, domain: bytes) -> Deferred[MxAnswer]:
        return succeed(self._answers.get(domain, MxAnswer.FOUND))


class _Places:
    """Programs that do as they are told. `asked`: how each was started, and with what."""

    def __init__(self, programs: Mapping[str, Any]) -> None:
        self._programs = {name.encode(): how for name, how in programs.items()}
        self._waiting: list[tuple[Deferred[Ended], Ended]] = []
        self.late = False
        self.asked: list[tuple[bytes, Mapping[bytes, bytes]]] = []

    def run(self, argv: Sequence[bytes], environment: Mapping[bytes, bytes], **how: Any) -> Deferred[Ended]:
        self.asked.append((argv[0], dict(environment)))
        does = self._programs[argv[0]]
        outputs = {1: b"", 2: b""} | {int(name): text.encode() for name, text in does.items() if name.isdigit()}
        ended = Ended(status=does.get("status", 0), outputs=outputs)
        if not self.late:
            return succeed(ended)
        waiting: Deferred[Ended] = Deferred()
        self._waiting.append((waiting, ended))
        return waiting

    def answer_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred, ended in waiting:
            if not deferred.called:
                deferred.callback(ended)


class _CheckProgram:
    """Of AUTH. `seen`: the environments in which it was asked."""

    def __init__(self, passwords: FakePasswords) -> None:
        self._passwords = passwords

    def of(self, environment: Mapping[bytes, bytes]) -> FakePasswords:
        return self._passwords


class Queued:
    """The port Incoming: a queue program that ends as it was told."""

    def __init__(self, stage: "QmailStage", envelope: str, field: bytes, environment: Mapping[bytes, bytes]) -> None:
        self._stage = stage
        self._envelope = envelope
        self._field = field
        self.environment = environment
        self.content = b""
        self.aborted = False

    def write(self, block: bytes) -> None:
        self.content += block

    def commit(self) -> Deferred[Outcome]:
        queue = self._stage.scene.queue
        code, says = queue.get("exit", 0), queue.get("says", "").encode()
        if code:
            fault = not is_refusal(code, says)
            return succeed(Declined(reply=reply_of(code, says), detail=f"exit {code}", fault=fault))
        octets = self._field * self._stage.scene.trace + self.content
        self._stage.told.append("\n".join([f"D: {self._envelope}", *_content_lines(octets)]))
        return succeed(HandedOver(name=str(queue.get("pid", 8001))))

    def beginning(self) -> bytes:
        return b""

    def abort(self) -> None:
        self.aborted = True


class _Delivering:
    """The queue."""

    def __init__(self, stage: "QmailStage") -> None:
        self._stage = stage

    def goes_with(self, address: bytes, others: Sequence[bytes], call: Call) -> bool:
        return True

    def open(self, transaction: Transaction, field: bytes, call: Call, beginning: int) -> Queued:
        words = ["F" + _seen_in(transaction.reverse_path.address)]
        words += ["T" + _seen_in(address) for address in recipients_of(transaction)]
        queued = Queued(self._stage, " ".join(words), field, dict(call.environment))
        self._stage.queue.append(queued)
        return queued


class QmailStage(Stage):
    """A Stage whose connections are those of a qmail host. `queue`: messages that were begun there; `places`: programs."""

    def __init__(
        self, scene: Scene, settings: Settings, tls: ServerTls | None = None, *, starttls: bool = True
    ) -> None:
        super().__init__(settings, tls, starttls=starttls)
        self.scene = scene
        self.home = _home()
        self.places = _Places(scene.programs)
        self.queue: list[Queued] = []
        self.warned: list[str] = []  # the operator
        for name, text in scene.control.items():
            self.edit(name, text)
        if scene.certificate:
            self.edit("servercert.pem", _certificate())
        if scene.rules:
            self.edit_rules(scene.rules)
        qmail = attrs.evolve(settings.qmail, home=self.home)
        check_program: Any = _CheckProgram(self.passwords) if scene.authenticates else None
        self.host = QmailHost(
            qmail,
            self._house(scene),
            site=self.site,
            timeouts=settings.timeouts,
            environments=Environments(
                {name.encode(): value.encode() for name, value in scene.environment.items()},
                rules_of(qmail) if scene.rules else UsualRules(()),
                self.warned.append,
                own_user=0,
            ),
            is_ours=lambda address: address == "127.0.0.1",
            tell=self._log_line,
            seconds=self.clock.seconds,
            first_pid=FIRST_PID,
            check_program=lambda arguments: check_program,
            plugins_of=self._plugins_of,
            warn=self.warned.append,
        )
        self.factory.visits = self.host.visit

    def _house(self, scene: Scene) -> House:
        qmail, mx = self._settings.qmail, _Mx(scene.mx)
        assign = self.assign = Assign(self.home)
        self.vpopmail = Vpopmail(assign)
        places: Any = self.places
        delivering: Any = _Delivering(self)
        return House(
            recipients=Recipients(assign=assign, accounts=Accounts(_tree().user_named), vpopmail=self.vpopmail, mx=mx),
            senders=Senders(mx),
            delivering=delivering,
            rcpt_check=RcptCheck(places, home=self.home),
            in_qmail_dialect=qmail.in_qmail_dialect,
            open_relay=qmail.open_relay,
            lines=Dialect(qmail.lines),
            offset=lambda at: 3600,
            now=self.site.ports.now,
        )

    def _plugins_of(self, environment: Mapping[bytes, bytes], tell: Tell) -> Plugins | None:
        file = read_spp_file(self.home, environment, tell)
        places: Any = self.places
        return Plugins(places, file, home=self.home, tell=tell) if file.plugins else None

    def _log_line(self, line: bytes) -> None:
        if self.scene.log:
            words = re.sub(r"\buid \d+", "uid UID", line.decode().rstrip().replace(self.home, "HOME"))
            self.told.append(f"E: log {words}")

    def close(self) -> None:
        """Files that stay open while a server runs."""
        self.assign.close()
        self.vpopmail.close()

    # -- the world acts ----------------------------------------------------------------------------------------------

    def edit(self, name: str, text: str | bytes | bool | int) -> None:
        """control/NAME is this from now on; False: it is gone."""
        path = os.path.join(self.home, "control", name)
        if os.path.lexists(path):
            os.unlink(path)
        if text is not False:
            File(path).write_bytes(text if isinstance(text, bytes) else str(text).encode())

    def edit_rules(self, rules: Mapping[str, Any]) -> None:
        """As tcprules does."""
        write_cdb(
            os.path.join(self.home, "control", "tcp.smtp.cdb"),
            [(name.encode(), _ruling(ruling)) for name, ruling in rules.items()],
        )

    def lock(self, name: str) -> None:
        """control/NAME cannot be read, by root either: it is a link to itself."""
        path = os.path.join(self.home, "control", name)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(path, path)

    def act(self, words: str) -> None:
        found = _edit.fullmatch(words)
        if found is not None:
            name, gone, locked, text = found.groups()
            if locked:
                self.lock(name)
            else:
                self.edit(name, False if gone else f"{text}\n")
            self.clock.advance(1 / 64)  # a burst of connections is one look; exact, for the wheel counts in seconds
        elif words == "users cannot be read":
            os.unlink(os.path.join(self.home, "users"))
            os.symlink("users", os.path.join(self.home, "users"))
        elif words == "programs are late":
            self.places.late = True
        elif words == "programs answer":
            self.places.answer_all()
        else:
            super().act(words)

    def connect(self, address: str = CLIENT) -> "Caller":
        """Somebody more."""
        return Caller(self, address)


class _Transport(StringTransport):
    def startTLS(self, context: object) -> None:
        """Nobody shakes hands."""


class Caller:
    """A client in memory, for what no dialogue can tell: two at a time, say."""

    def __init__(self, stage: QmailStage, address: str) -> None:
        self._stage = stage
        self.transport = _Transport(peerAddress=IPv4Address("TCP", address, 1024))
        self.shell: Any = stage.factory.buildProtocol(self.transport.getPeer())
        self.shell.makeConnection(self.transport)
        self._heard = 0

    def hear(self) -> list[str]:
        """What was said since."""
        octets = self.transport.value()
        new, self._heard = octets[self._heard :], len(octets)
        return new.decode().split("\r\n")[:-1]

    def say(self, *lines: bytes) -> list[str]:
        """All in one packet; what is answered at once."""
        self.shell.dataReceived(b"".join(line + b"\r\n" for line in lines))
        self._stage.settle()
        return self.hear()

    def go(self) -> None:
        self.shell.connectionLost(connectionDone)


def _ruling(ruling: Any) -> bytes:
    if ruling == "deny":
        return b"D\0"
    pairs = ((name.encode(), value) for name, value in ruling.items())
    return b"".join(
        b"-%b\0" % name if value is False else b"+%b=%b\0" % (name, value.encode()) for name, value in pairs
    )


def _content_lines(octets: bytes) -> list[str]:
    lines = _seen_in(octets).split("\n") if octets else []
    if lines and not lines[-1]:
        lines.pop()
    elif lines:
        lines[-1] += "\\"  # no line end
    return lines


def _seen_in(octets: bytes) -> str:
    """As a C: line would write it."""
    text = octets.decode("latin-1").replace("\\", "\\\\")
    return _unseen.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] != "\\" else "\\", text)
