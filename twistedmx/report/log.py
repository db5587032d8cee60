"""The log: one line for each transaction, one for each session, one when a table of mailboxes changes.

The order of the fields is fixed; docs/log.md describes each. In text a value stands bare when it is plain printable ASCII,
else as a JSON string: whatever a peer says, it cannot begin a line or forge a field.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from twistedmx.model.envelope import Recipient
from twistedmx.model.event import Event, MailboxesKept, MailboxesLoaded, SessionEnded, TransactionEnded
from twistedmx.model.peer import Tls
from twistedmx.setting import setting

Fields = dict[str, Any]

# Refused recipients named in one line; `refused` counts them all.
_NAMED: Final = 10
_bare = re.compile(r"[!#-<>-\[\]-~][!#-\[\]-~]*").fullmatch  # no space, quote or backslash, nor "=" at its start


def _one_of(*words: str) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}, is {value!r}")

    return check


@attrs.frozen(kw_only=True)
class LogSettings:
    """Settings `[log]`."""

    format: str = setting(
        "text",
        unit="",
        why='"text": key=value, for people and grep; "json": one object a line, for machines.',
        precedent="qlog lines of patched qmail-smtpd; Caddy, mox",
        validator=_one_of("text", "json"),
    )
    file: str = setting(
        "",
        unit="",
        why='Where lines go: a path, "-" for standard output, "" for the log of twistd.',
        precedent="Postfix maillog_file",
    )


def _tls(tls: Tls | None) -> str:
    return f"{tls.protocol}:{tls.cipher}" if tls is not None else "-"


def _named(refused: tuple[Recipient, ...]) -> list[str]:
    return [f"{recipient.path}:{recipient.verdict.reason.value}" for recipient in refused[:_NAMED]]


def _transaction(event: TransactionEnded) -> Fields:
    return {
        "event": "transaction",
        "session": event.session,
        "queue_id": event.queue_id,
        "peer": event.peer.address,
        "helo": event.helo,
        "tls": _tls(event.tls),
        "verdict": event.verdict.action.value if event.verdict is not None else "none",
        "reason": event.reason.value,
        "from": str(event.envelope.reverse_path),
        "to": [str(recipient.path) for recipient in event.envelope.recipients],
        "refused": event.refused_count,
        "refused_to": _named(event.refused),
        "octets": event.octets,
        "seconds": round(event.seconds, 3),
        "reply": str(event.verdict.reply) if event.verdict is not None else "",
        "detail": event.detail,
    }


def _session(event: SessionEnded) -> Fields:
    return {
        "event": "session",
        "session": event.session,
        "peer": event.peer.address,
        "port": event.peer.port,
        "helo": event.helo,
        "tls": _tls(event.tls),
        "reason": event.reason.value,
        "commands": event.commands,
        "transactions": event.transactions,
        "messages": event.messages,
        "refused": event.refused_recipients,
        "errors": event.errors,
        "seconds": round(event.seconds, 3),
    }


def _loaded(event: MailboxesLoaded) -> Fields:
    return {
        "event": "mailboxes-loaded",
        "source": event.source,
        "addresses": event.addresses,
        "seconds": round(event.seconds, 3),
    }


def _kept(event: MailboxesKept) -> Fields:
    return {"event": "mailboxes-kept", "source": event.source, "fault": event.fault}


# Events that are lines; what is not here is told to other subscribers alone.
_FIELDS: Final[dict[type, Callable[[Any], Fields]]] = {
    TransactionEnded: _transaction,
    SessionEnded: _session,
    MailboxesLoaded: _loaded,
    MailboxesKept: _kept,
}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text_value(value: Any) -> str:
    text = ",".join(value) if isinstance(value, list) else str(value)
    return text if _bare(text) else json.dumps(text)


def _text(fields: Fields) -> str:
    return " ".join(
        [fields["event"], *(f"{key}={_text_value(value)}" for key, value in fields.items() if key != "event")]
    )


class Log:
    """A subscriber of events. `write`: takes each line, without its end. `stamped`: the lines begin with their time."""

    def __init__(self, settings: LogSettings, write: Callable[[str], None], *, stamped: bool) -> None:
        self._json = settings.format == "json"
        self._write = write
        self._stamped = stamped

    def __call__(self, event: Event) -> None:
        fields_of = _FIELDS.get(type(event))
        if fields_of is None:
            return
        fields = fields_of(event)
        if self._json:
            self._write(json.dumps({"time": _time(event.at), **fields}))
        else:
            self._write(f"{_time(event.at)} {_text(fields)}" if self._stamped else _text(fields))
