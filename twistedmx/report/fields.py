"""What a line of the log says of an event: its fields by name, in a fixed order, whatever they are then written as.

docs/log.md describes each, docs/log.schema.json is the same for machines; a test keeps the three in step. Values are strings,
numbers and lists of strings. `severity` is a word of RFC 5424 6.2.1, for destinations that know severities.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from twistedmx.model.envelope import Refused
from twistedmx.model.event import (
    AttackBegan,
    BackendFailed,
    BackendRecovered,
    CommandRefused,
    Event,
    FloodBegan,
    MailboxesKept,
    MailboxesLoaded,
    NobodyAccepted,
    PolicyFailed,
    PolicyRefused,
    SessionEnded,
    SettingsKept,
    SettingsReloaded,
    SubscriberDropped,
    TransactionEnded,
    VerdictInShadow,
)
from twistedmx.model.governor_event import NewcomersRefused
from twistedmx.model.peer import Tls
from twistedmx.model.verdict import Reason
from twistedmx.report.auth_fields import OF_AUTHENTICATION
from twistedmx.report.defence_fields import OF_THE_DEFENCE
from twistedmx.report.values import Fields, time_of

# RFC 5424 6.2.1
ERROR: Final = 3
WARNING: Final = 4
INFORMATIONAL: Final = 6

# Refused recipients, and reverse-paths, named in one line; `refused` counts all.
_NAMED: Final = 50
quoted = json.JSONEncoder().encode
# What an operator should see among a thousand lines.
_SEVERITIES: Final[dict[type | Reason, int]] = {
    PolicyFailed: WARNING,
    MailboxesKept: WARNING,
    BackendFailed: WARNING,
    SettingsKept: WARNING,
    AttackBegan: WARNING,
    FloodBegan: WARNING,
    NewcomersRefused: WARNING,
    SubscriberDropped: ERROR,
    Reason.PASSWORDS_FAILED: WARNING,
    Reason.DISK_FULL: WARNING,
    Reason.DISK_FAILED: ERROR,
    Reason.QUEUE_FAILED: ERROR,
    Reason.FAULT: ERROR,
}


def _tls(tls: Tls | None) -> Fields:
    if tls is None:
        return {"tls": "-", "tls_name": "", "tls_client": ""}
    return {"tls": f"{tls.protocol}:{tls.cipher}", "tls_name": tls.server_name, "tls_client": tls.client}


def refused_to(refused: Refused) -> list[str]:
    """The first of the recipients that were refused, and why."""
    named: list[str] = []
    for verdict, addresses in refused.runs:
        reason = verdict.reason._value_  # .value costs as much as the rest of a name
        named += [f"{address.decode('utf-8', 'backslashreplace')}:{reason}" for address in addresses[:_NAMED]]
    return named[:_NAMED]


def first_from(event: NobodyAccepted) -> list[str]:
    """The first of the reverse-paths for which nobody was accepted."""
    return [str(path) for path in event.reverse_paths[:_NAMED]]


def _refused(refused: Refused) -> Fields:
    return {"refused": refused.count, "refused_to": refused_to(refused)}


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
        "from": first_from(event),
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


def _command(event: CommandRefused) -> Fields:
    verdict = event.verdict
    return {
        "event": "command-refused",
        "session": event.session,
        "peer": event.peer.address,
        "via": event.peer.via,
        "helo": event.helo,
        "stage": event.stage.value,
        "verdict": verdict.action.value,
        "reason": verdict.reason.value,
        "from": str(event.reverse_path) if event.reverse_path is not None else "",
        "count": event.count,
        "reply": str(verdict.reply),
        "detail": verdict.detail,
    }


def _ruling(event: PolicyRefused | VerdictInShadow) -> Fields:
    verdict = event.verdict
    return {
        "event": "policy-refused" if type(event) is PolicyRefused else "verdict-in-shadow",
        "session": event.session,
        "peer": event.peer.address,
        "via": event.peer.via,
        "helo": event.helo,
        "stage": event.stage.value,
        "policy": event.policy,
        "verdict": verdict.action.value,
        "reason": verdict.reason.value,
        "from": str(event.reverse_path) if event.reverse_path is not None else "",
        "to": str(event.recipient) if event.recipient is not None else "",
        "count": event.count,
        "reply": str(verdict.reply),
        "detail": verdict.detail,
    }


def _policy_failed(event: PolicyFailed) -> Fields:
    return {
        "event": "policy-failed",
        "policy": event.policy,
        "stage": event.stage.value,
        "reason": event.reason.value,
        "count": event.count,
        "fault": event.fault,
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


def _dropped(event: SubscriberDropped) -> Fields:
    return {"event": "subscriber-dropped", "subscriber": event.subscriber, "fault": event.fault}


# Events that are lines; what is not here is told to other subscribers alone.
FIELDS: Final[dict[type, Callable[[Any], Fields]]] = {
    TransactionEnded: _transaction,
    NobodyAccepted: _nobody,
    SessionEnded: _session,
    CommandRefused: _command,
    PolicyRefused: _ruling,
    VerdictInShadow: _ruling,
    PolicyFailed: _policy_failed,
    MailboxesLoaded: _loaded,
    MailboxesKept: _kept,
    BackendFailed: _failed,
    BackendRecovered: _recovered,
    SettingsReloaded: _reloaded,
    SettingsKept: _settings_kept,
    **OF_AUTHENTICATION,
    **OF_THE_DEFENCE,
    SubscriberDropped: _dropped,
}


def fields_of(event: Event) -> Fields | None:
    """What its line says. None: it has no line, or none of its own, for another stands for many like it."""
    if (type(event) is NobodyAccepted or type(event) is SessionEnded) and event.flooded:
        return None  # FloodGoesOn
    made = FIELDS.get(type(event))
    return made(event) if made is not None else None


def severity(event: Event) -> int:
    """How much an operator should mind: RFC 5424 6.2.1."""
    of_kind = _SEVERITIES.get(type(event))
    if of_kind is not None:
        return of_kind
    reason = getattr(event, "reason", None)
    return _SEVERITIES.get(reason, INFORMATIONAL) if reason is not None else INFORMATIONAL


def flat(value: Any) -> str:
    """A value as one string: a list with commas between its items."""
    return ",".join(value) if isinstance(value, list) else str(value)


def json_of(at: float, fields: Fields) -> str:
    """One object, ASCII, `time` first."""
    return quoted({"time": time_of(at), **fields})
