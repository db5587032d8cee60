"""What a line of the log says of an event: its fields by name, in a fixed order, whatever they are then written as.

docs/log.md describes each, docs/log.schema.json is the same for machines; a test keeps the three in step. Values are strings,
numbers and lists of strings. `severity` is a word of RFC 5424 6.2.1, for destinations that know severities.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from twistedmx.model.envelope import Refused
from twistedmx.model.event import (
    BackendFailed,
    BackendRecovered,
    Event,
    MailboxesKept,
    MailboxesLoaded,
    NetworkBlocked,
    NetworkUnblocked,
    NetworkWouldBeBlocked,
    NobodyAccepted,
    SessionEnded,
    SettingsKept,
    SettingsReloaded,
    SubscriberDropped,
    TransactionEnded,
)
from twistedmx.model.peer import Tls
from twistedmx.model.verdict import Reason

Fields = dict[str, Any]

# RFC 5424 6.2.1
ERROR: Final = 3
WARNING: Final = 4
INFORMATIONAL: Final = 6

# Refused recipients, and reverse-paths, named in one line; `refused` counts all.
_NAMED: Final = 50
_quoted = json.JSONEncoder().encode
_bare = re.compile(r"[!#-<>-\[\]-~][!#-\[\]-~]*").fullmatch  # no space, quote or backslash, nor "=" at its start
_spaced = re.compile(r"[ !#-\[\]-~]*").fullmatch  # the same between quotes, as JSON has it too: benchmarks/facts.py
_LAST: Final = 253_402_300_799.0  # the last second that has four digits for its year
# What an operator should see among a thousand lines.
_SEVERITIES: Final[dict[type | Reason, int]] = {
    MailboxesKept: WARNING,
    BackendFailed: WARNING,
    SettingsKept: WARNING,
    SubscriberDropped: ERROR,
    Reason.DISK_FULL: WARNING,
    Reason.DISK_FAILED: ERROR,
    Reason.FAULT: ERROR,
}


def _tls(tls: Tls | None) -> Fields:
    if tls is None:
        return {"tls": "-", "tls_name": "", "tls_client": ""}
    return {"tls": f"{tls.protocol}:{tls.cipher}", "tls_name": tls.server_name, "tls_client": tls.client}


def _refused(refused: Refused) -> Fields:
    named = [
        f"{address.decode()}:{verdict.reason.value}"
        for verdict, addresses in refused.runs
        for address in addresses[:_NAMED]
    ]
    return {"refused": refused.count, "refused_to": named[:_NAMED]}


def _transaction(event: TransactionEnded) -> Fields:
    return {
        "event": "transaction",
        "session": event.session,
        "queue_id": event.queue_id,
        "peer": event.peer.address,
        "via": event.peer.via,
        "helo": event.helo,
        **_tls(event.tls),
        "verdict": event.verdict.action.value if event.verdict is not None else "none",
        "reason": event.reason.value,
        "from": str(event.envelope.reverse_path),
        "to": [str(recipient.path) for recipient in event.envelope.recipients],
        **_refused(event.refused),
        "octets": event.octets,
        "seconds": round(event.seconds, 3),
        "reply": str(event.verdict.reply) if event.verdict is not None else "",
        "detail": event.detail,
    }


def _nobody(event: NobodyAccepted) -> Fields:
    return {
        "event": "nobody-accepted",
        "session": event.session,
        "peer": event.peer.address,
        "via": event.peer.via,
        "helo": event.helo,
        **_tls(event.tls),
        "transactions": event.transactions,
        "from": [str(path) for path in event.reverse_paths[:_NAMED]],
        **_refused(event.refused),
    }


def _session(event: SessionEnded) -> Fields:
    return {
        "event": "session",
        "session": event.session,
        "peer": event.peer.address,
        "port": event.peer.port,
        "via": event.peer.via,
        "helo": event.helo,
        **_tls(event.tls),
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


def _failed(event: BackendFailed) -> Fields:
    return {"event": "backend-failed", "source": event.source, "fault": event.fault}


def _recovered(event: BackendRecovered) -> Fields:
    return {"event": "backend-recovered", "source": event.source, "seconds": round(event.seconds, 3)}


def _reloaded(event: SettingsReloaded) -> Fields:
    return {"event": "settings-reloaded", "source": event.source, "changed": list(event.changed)}


def _settings_kept(event: SettingsKept) -> Fields:
    return {"event": "settings-kept", "source": event.source, "faults": list(event.faults)}


def _blocked(event: NetworkBlocked | NetworkUnblocked) -> Fields:
    block = event.block
    return {
        "event": "network-blocked" if type(event) is NetworkBlocked else "network-unblocked",
        "network": str(block.network),
        "id": block.id,
        "reason": block.reason,
        "origin": block.origin,
        "relapse": block.relapse,
        "expiry": time_of(min(block.expiry, _LAST)) if block.expiry is not None else "",
        "evidence": block.evidence,
    }


def _would_be_blocked(event: NetworkWouldBeBlocked) -> Fields:
    return {
        "event": "network-would-be-blocked",
        "network": str(event.network),
        "reason": event.reason,
        "origin": event.origin,
        "evidence": event.evidence,
    }


def _dropped(event: SubscriberDropped) -> Fields:
    return {"event": "subscriber-dropped", "subscriber": event.subscriber, "fault": event.fault}


# Events that are lines; what is not here is told to other subscribers alone.
FIELDS: Final[dict[type, Callable[[Any], Fields]]] = {
    TransactionEnded: _transaction,
    NobodyAccepted: _nobody,
    SessionEnded: _session,
    MailboxesLoaded: _loaded,
    MailboxesKept: _kept,
    BackendFailed: _failed,
    BackendRecovered: _recovered,
    SettingsReloaded: _reloaded,
    SettingsKept: _settings_kept,
    NetworkBlocked: _blocked,
    NetworkUnblocked: _blocked,
    NetworkWouldBeBlocked: _would_be_blocked,
    SubscriberDropped: _dropped,
}


def severity(event: Event) -> int:
    """How much an operator should mind: RFC 5424 6.2.1."""
    of_kind = _SEVERITIES.get(type(event))
    if of_kind is not None:
        return of_kind
    reason = getattr(event, "reason", None)
    return _SEVERITIES.get(reason, INFORMATIONAL) if reason is not None else INFORMATIONAL


@lru_cache(maxsize=2)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_of(at: float) -> str:
    """RFC 3339, UTC, milliseconds. `at`: seconds since the epoch."""
    second, milliseconds = divmod(round(at * 1000), 1000)
    return f"{_second(second)}.{milliseconds:03}Z"


def flat(value: Any) -> str:
    """A value as one string: a list with commas between its items."""
    return ",".join(value) if isinstance(value, list) else str(value)


def text(fields: Fields) -> str:
    """event key=value key=value ...: printable ASCII, whatever a peer said."""
    pairs = [fields["event"]]
    for key, value in fields.items():
        if type(value) is int or type(value) is float:
            pairs.append(f"{key}={value}")
        elif key != "event":
            plain = value if type(value) is str else flat(value)
            if not plain:
                pairs.append(f'{key}=""')
            elif _bare(plain):
                pairs.append(f"{key}={plain}")
            else:
                pairs.append(f'{key}="{plain}"' if _spaced(plain) else f"{key}={_quoted(plain)}")
    return " ".join(pairs)


def json_of(at: float, fields: Fields) -> str:
    """One object, ASCII, `time` first."""
    return _quoted({"time": time_of(at), **fields})
