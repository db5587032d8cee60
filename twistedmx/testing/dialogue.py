r"""SMTP dialogues as files: what is said, and what happens beside it.

    # RFC 5321 4.3.2: RCPT before MAIL is out of sequence     comments; the first one is the rule that the dialogue shows
    #: limits.recipients = 2       settings in TOML, as in the server's own file
    S: 220 mx.example.org ESMTP twistedmx
    C: EHLO client.example.net     consecutive C: lines leave in one write; each gets CRLF, unless it ends in "\"
    C: \x00\r\n\                   \r \n \t \\ and \xHH stand for octets; other text is sent in UTF-8
    C: NOOP \{600*x}              600 times x, here and in E: and "|" lines
    E: transaction accepted ...    an event (words in `words_of`)
    D: /mail/demo@example.org      a copy that was stored; its content, below the trace fields, follows in "|" lines
    | Subject: hello               with \\ and \xHH for what is not seen; "\" at the end: no line end there
    T:                             both sides make a TLS handshake here
    W: 300                         seconds pass
    A: look-ups answer             the world acts (words in `stage`); at the top of a file, before the client connects
    S: <closed>                    the server has hung up
    L:                             the client goes away

The client goes away after the last line too. Session and queue ids read ID and ID.1, the id of a block ID, the client's address
192.0.2.7. Replies and events are compared whole, each in their order; how a packet is cut may change how they lie between each
other, and nothing else.
"""

import re
import tomllib
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path as File
from typing import Any

import attrs

from twistedmx.model.auth_event import Authenticated, AuthenticationFailed
from twistedmx.model.envelope import Refused
from twistedmx.model.event import (
    CommandRefused,
    Event,
    NobodyAccepted,
    PolicyFailed,
    PolicyRefused,
    SessionEnded,
    TlsEstablished,
    TransactionEnded,
    VerdictInShadow,
)
from twistedmx.policy import plugin
from twistedmx.settings import Settings, settings_from
from twistedmx.testing.policies import SCRIPTED

plugin.add(SCRIPTED)
CLOSED = "<closed>"
_escape = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|([rnt\\]))")
_times = re.compile(r"\\\{(\d+)\*([^{}]+)\}")
_id = re.compile(r"\b[0-9B-DF-HJ-NP-TV-XYZ]{10}(?=\.\d|\b)|(?<=the id )[0-9B-DF-HJ-NP-TV-XYZ]{8}\b")
_ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


@attrs.frozen
class Send:
    """The client writes `octets`, at once or one by one."""

    octets: bytes


@attrs.frozen
class Act:
    """Something else happens: `kind` is T, W, A or L, `words` what stands behind it."""

    kind: str
    words: str


@attrs.frozen
class Hear:
    """The client waits until this many reply lines have come in all; `closed`: and the end of the connection."""

    lines: int
    closed: bool


Step = Send | Act | Hear


@attrs.frozen(kw_only=True)
class Dialogue:
    """One file. `steps`: in order. `replies`: all S: lines. `events`: all E: and D: lines with what follows these."""

    name: str
    rule: str
    settings: Settings
    steps: Sequence[Step]
    replies: Sequence[str]
    events: Sequence[str]

    @property
    def before(self) -> Sequence[str]:
        """What happens before the client connects: the acts that are the first steps."""
        first = takewhile(lambda step: isinstance(step, Act) and step.kind == "A", self.steps)
        return [step.words for step in first if isinstance(step, Act)]


class BadDialogue(ValueError):
    """A file that is no dialogue. The text says where and why."""


def read_dialogue(path: str) -> Dialogue:
    """The dialogue in a file. Raises BadDialogue and OSError."""
    return parse_dialogue(File(path).read_text(encoding="utf-8"), File(path).name)


def parse_dialogue(text: str, name: str) -> Dialogue:
    """The dialogue in `text`. Raises BadDialogue."""
    rule = ""
    toml: list[str] = []
    steps: list[Step] = []
    replies: list[str] = []
    events: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        mark, words = line[:2], line[3:]
        match mark:
            case "#:":
                toml.append(words)
            case "# ":
                rule = rule or line[2:]
            case "" | "#":
                pass
            case "C:":
                if steps and isinstance(steps[-1], Send):
                    steps[-1] = Send(steps[-1].octets + _octets(words))
                else:
                    steps.append(Send(_octets(words)))
            case "S:":
                if words != CLOSED:
                    replies.append(words)
                if steps and isinstance(steps[-1], Hear):
                    steps.pop()
                steps.append(Hear(len(replies), words == CLOSED))
            case "E:" | "D:":
                events.append(f"{mark} {_repeated(words)}")
            case "| " | "|":
                events[-1] += f"\n{_repeated(line[2:])}"
            case "T:" | "W:" | "A:" | "L:":
                steps.append(Act(mark[0], words))
            case _:
                raise BadDialogue(f"{name}:{number}: {line!r} begins with no mark; see twistedmx.testing.dialogue")
    if not rule:
        raise BadDialogue(f"{name}: has no first comment that names its rule")
    document: dict[str, Any] = tomllib.loads("\n".join(toml))
    return Dialogue(
        name=name,
        rule=rule,
        settings=settings_from({"host": "mx.example.org", **document}, name),
        steps=steps,
        replies=replies,
        events=events,
    )


def masked(text: str) -> str:
    """Replies in which every id, another one each time, reads ID."""
    return _id.sub("ID", text)


def _repeated(words: str) -> str:
    return _times.sub(lambda found: found[2] * int(found[1]), words)


def _octets(words: str) -> bytes:
    octets = _repeated(words).encode("utf-8")
    cut = octets.endswith(b"\\") and not octets.endswith(b"\\\\")
    octets = octets[:-1] if cut else octets + b"\r\n"
    return _escape.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else _ESCAPES[found[2]], octets)


def _refused(refused: Refused) -> str:
    return "".join(
        f" {verdict.reason.value}=<{address.decode('utf-8', 'backslashreplace')}>"
        for verdict, addresses in refused.runs
        for address in addresses
    )


def words_of(event: Event) -> str | None:
    """An event as an E: line tells it; None for what dialogues leave out."""
    match event:
        case TransactionEnded():
            to = ",".join(f"<{recipient.path}>" for recipient in event.envelope.recipients)
            size = f" octets={event.octets}" if event.verdict is not None else ""
            return f"transaction {event.reason.value} from=<{event.envelope.reverse_path}> to={to}{size}{_refused(event.refused)}"
        case NobodyAccepted():
            senders = ",".join(f"<{path}>" for path in event.reverse_paths)
            return f"nobody-accepted transactions={event.transactions} from={senders}{_refused(event.refused)}"
        case SessionEnded():
            counts = f"commands={event.commands} messages={event.messages} errors={event.errors}"
            client = f" client={event.peer.address}" if event.peer.via else ""
            return f"session {event.reason.value} {counts}{client}"
        case TlsEstablished():
            return "tls"
        case Authenticated():
            return f"authenticated {event.mechanism} user={event.user}"
        case AuthenticationFailed():
            return f"authentication-failed {event.mechanism} user={event.user} {event.reason.value}"
        case CommandRefused():
            sender = f" from=<{event.reverse_path}>" if event.reverse_path is not None else ""
            verdict = event.verdict
            return (
                f"refused {event.stage.value} {verdict.action.value} {verdict.reason.value}{sender} count={event.count}"
            )
        case PolicyRefused() | VerdictInShadow():
            mode = "refused" if isinstance(event, PolicyRefused) else "in-shadow"
            sender = f" from=<{event.reverse_path}>" if event.reverse_path is not None else ""
            to = f" to=<{event.recipient}>" if event.recipient is not None else ""
            words = f"{event.stage.value} {event.verdict.action.value} {event.verdict.reason.value} helo={event.helo}"
            return f"policy {event.policy} {mode} {words}{sender}{to} count={event.count}"
        case PolicyFailed():
            return f"policy {event.policy} failed {event.stage.value} {event.reason.value} count={event.count}"
        case _:
            return None
