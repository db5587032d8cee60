"""A line of the log as text: event key=value key=value ..., printable ASCII, whatever a peer said.

A value stands bare when it is plain, else as a JSON string. What the values are is `fields`; here is how they are written, and for
the kinds of line that a message and a guesser cost a shorter way to the same text, at a third of the price (benchmarks/facts.py).
"""

import re
from collections.abc import Callable
from typing import Any, Final

from twistedmx.model.event import Event, NobodyAccepted, SessionEnded, TransactionEnded
from twistedmx.model.peer import Tls
from twistedmx.report.fields import fields_of, first_from, flat, quoted, refused_to
from twistedmx.report.values import Fields

_bare = re.compile(r"[!#-<>-\[\]-~][!#-\[\]-~]*").fullmatch  # no space, quote or backslash, nor "=" at its start
_spaced = re.compile(r"[ !#-\[\]-~]*").fullmatch  # the same between quotes, as JSON has it too


def _word(value: str) -> str:
    """As it stands behind "key="."""
    if not value:
        return '""'
    if _bare(value):
        return value
    return f'"{value}"' if _spaced(value) else quoted(value)


def text(fields: Fields) -> str:
    """The line that says `fields`."""
    pairs = [fields["event"]]
    for key, value in fields.items():
        if type(value) is int or type(value) is float:
            pairs.append(f"{key}={value}")
        elif key != "event":
            pairs.append(f"{key}={_word(value if type(value) is str else flat(value))}")
    return " ".join(pairs)


def text_of(event: Event) -> str | None:
    """The line that tells `event`; None for one that is no line."""
    short = _SHORT.get(type(event))
    line: str | None = short(event) if short is not None else None
    if line is None:
        fields = fields_of(event)
        line = text(fields) if fields is not None else None
    return line


def _tls(tls: Tls | None) -> str:
    if tls is None:
        return 'tls=- tls_name="" tls_client=""'
    return f"tls={tls.protocol}:{tls.cipher} tls_name={_word(tls.server_name)} tls_client={_word(tls.client)}"


def _transaction(event: TransactionEnded) -> str | None:
    """One to a single recipient, of which none was refused. What is ours is known to be plain, and is not looked at."""
    envelope, verdict, peer = event.envelope, event.verdict, event.peer
    if verdict is None or event.refused.count or len(envelope.recipients) != 1:
        return None
    return (
        f"transaction session={event.session} queue_id={event.queue_id} peer={_word(peer.address)} via={_word(peer.via)} "
        f"helo={_word(event.helo)} {_tls(event.tls)} verdict={verdict.action._value_} reason={event.reason._value_} "
        f"from={_word(str(envelope.reverse_path))} to={_word(str(envelope.recipients[0].path))} "
        f'refused=0 refused_to="" octets={event.octets} seconds={round(event.seconds, 3)} '
        f"reply={_word(str(verdict.reply))} detail={_word(event.detail)}"
    )


def _session(event: SessionEnded) -> str | None:
    if event.flooded:
        return None
    peer = event.peer
    return (
        f"session session={event.session} peer={_word(peer.address)} port={peer.port} via={_word(peer.via)} "
        f"helo={_word(event.helo)} {_tls(event.tls)} reason={event.reason._value_} commands={event.commands} "
        f"transactions={event.transactions} messages={event.messages} refused={event.refused_recipients} "
        f"errors={event.errors} seconds={round(event.seconds, 3)}"
    )


def _nobody(event: NobodyAccepted) -> str | None:
    if event.flooded:
        return None
    peer = event.peer
    return (
        f"nobody-accepted session={event.session} peer={_word(peer.address)} via={_word(peer.via)} helo={_word(event.helo)} "
        f"{_tls(event.tls)} transactions={event.transactions} from={_word(flat(first_from(event)))} "
        f"refused={event.refused.count} refused_to={_word(flat(refused_to(event.refused)))}"
    )


_SHORT: Final[dict[type, Callable[[Any], str | None]]] = {
    TransactionEnded: _transaction,
    NobodyAccepted: _nobody,
    SessionEnded: _session,
}
