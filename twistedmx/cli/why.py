"""`twistedmx why`: all that the server knows of an id, a session, a client or a recipient, and what undoes or changes it."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.entries import line_of, never_line_of
from twistedmx.cli.rcpt import line_of as rcpt_line_of
from twistedmx.cli.times import moment, until

_NAMED: Final = 3  # recipients in a line
_EXAMPLE: Final = """\
$ twistedmx why qj7rk3twn1
session QJ7RK3TWN1: client 192.0.2.9, HELO mail.example.net, without TLS
  2026-11-20 12:10:07 UTC  sales@example.org, info@example.org: unknown-mailbox: the domain is ours, and has no such mailbox
      heard: 550 5.1.1 No such mailbox here
      change: add it to the mailboxes of its domain; twistedmx why RECIPIENT says where
  2026-11-20 12:10:09 UTC  hung up: bad-recipients: it named too many recipients that are not here, as who guesses names does
      heard: 421 4.7.0 Too many recipients that are not here; closing (id QJ7RK3TWN1)
      change: [conduct] bad_recipients
192.0.2.0/24: blocked until 2026-11-21 00:10 UTC, id 7KW3PQ2N (operator: guesses names since noon)
  heard: 554 No SMTP service for 192.0.2.0: it is blocked; if you think that is wrong, tell our postmaster the id 7KW3PQ2N
  undo: twistedmx unban 7KW3PQ2N"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="+",
        metavar="ID|ADDRESS|RECIPIENT",
        help="an id that a peer was told, a session, an address or network of clients, or a recipient",
    )
    parser.add_argument("--most", type=int, metavar="NUMBER", help="sessions at the most, the newest (default: 20)")


def run(call: Call) -> Status:
    """Status 1 when of any of them nothing is known."""
    answers = [call.ask("why", {"what": what, "most": call.options.most}) for what in call.options.what]
    if call.options.json:
        call.terminal.document(answers)
    else:
        for answer in answers:
            for line in lines_of(answer):
                call.terminal.say(line)
    return Status.GOOD if all(answer.get("found") for answer in answers) else Status.NO


def lines_of(answer: Mapping[str, Any]) -> Iterator[str]:
    """What a server answered (`twistedmx.service.why`), for people."""
    if not answer.get("found"):
        yield from _nothing(answer)
        return
    if answer.get("older"):
        yield f"{answer['older']} older sessions are not shown (--most)"
    for session in answer.get("sessions") or ():
        yield from _session(session)
    if answer.get("open"):
        yield from _open(answer["open"])
    for host in answer.get("hosts") or ():
        yield _host(host)
    for block in answer.get("blocks") or ():
        yield from _block(block)
    for never in answer.get("never") or ():
        yield never_line_of(never)
        yield f"  undo: {_setting_or_command(never)}"
    if answer.get("recipient"):
        yield from _recipient(answer["recipient"])


def _nothing(answer: Mapping[str, Any]) -> Iterator[str]:
    since = answer.get("since")
    remembered = f"since {moment(since)}, when the server started, and " if since is not None else ""
    yield f"{answer.get('what')}: nothing is known: no block, and no refusal {remembered}of those that are still remembered"
    yield f"  look into the log, which goes further back: {answer.get('look')}"


def _session(session: Mapping[str, Any]) -> Iterator[str]:
    said = f", HELO {session['helo']}" if session.get("helo") else ""
    tls = session.get("tls") or "without TLS"
    yield f"session {session.get('session')}: client {_client(session)}{said}, {tls}"
    for refusal in session.get("refusals") or ():
        yield f"  {moment(refusal.get('at') or 0)}  {_refused(refusal)}"
        yield from _words(refusal)
    beyond = session.get("beyond") or {}
    if beyond:
        yield f"  and more that are not named: {_counts(beyond)}"
    if session.get("sample"):
        yield f"  sample: {session['sample']}"
    if not session.get("ended"):
        yield "  (it has not ended)"
    elif session.get("change") or session.get("heard"):
        yield f"  {moment(session.get('last') or 0)}  hung up: {session['ended']}: {session.get('meaning')}"
        yield from _words(session)
    else:
        yield f"  {moment(session.get('last') or 0)}  ended: {session['ended']}: {session.get('meaning')}"


def _open(session: Mapping[str, Any]) -> Iterator[str]:
    since = moment(session.get("since") or 0)
    yield f"session {session.get('session')}: client {_client(session)}, open since {since}"
    yield "  what is refused in it is told when its transaction is over, some seconds later at most: ask again then"


def _client(session: Mapping[str, Any]) -> str:
    via = f" (told by {session['via']})" if session.get("via") else ""
    return f"{session.get('peer') or 'not known'}{via}"


def _refused(refusal: Mapping[str, Any]) -> str:
    named, count = list(refusal.get("recipients") or ()), int(refusal.get("count") or 0)
    more = count - len(named[:_NAMED])
    to = ", ".join(named[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    if refusal.get("what") == "content":
        to = f"message {refusal.get('queue_id')} from <{refusal.get('from')}> to {to}"
    elif not named:
        sender = f" from <{refusal['from']}>" if refusal.get("from") else ""
        to = f"at {refusal.get('what')}{sender}{f', {count} times' if count > 1 else ''}"
    detail = f" ({refusal['detail']})" if refusal.get("detail") else ""
    return f"{to}: {refusal.get('reason')}: {refusal.get('meaning')}{detail}"


def _words(told: Mapping[str, Any]) -> Iterator[str]:
    if told.get("heard"):
        yield f"      heard: {told['heard']}"
    if told.get("change"):
        yield f"      change: {told['change']}"


def _host(host: Mapping[str, Any]) -> str:
    counts = _counts(host.get("reasons") or {})
    return f"host {host.get('host')}: {host.get('sessions')} sessions since {moment(host.get('first') or 0)}: {counts}"


def _counts(reasons: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    relapse = f", relapse {block['relapse']}" if block.get("relapse") else ""
    if not block.get("holds"):
        end = until(block.get("expiry"))
        yield f"{block.get('network')}: was blocked until {end}, id {block.get('id')}{relapse}; it would be a relapse"
        return
    yield line_of(block) + relapse
    if block.get("heard"):
        yield f"  heard: {block['heard']}"
    yield f"  undo: {block.get('undo')}"


def _setting_or_command(never: Mapping[str, Any]) -> str:
    undo = str(never.get("undo") or "")
    return undo if undo.startswith("twistedmx") else f"it is so by {undo}"


def _recipient(recipient: Mapping[str, Any]) -> Iterator[str]:
    yield f"now: {rcpt_line_of(recipient)}"
    if recipient.get("verdict") != "accept":
        yield f"  {recipient.get('reason')}: {recipient.get('meaning')}"
    if recipient.get("change"):
        yield f"  change: {recipient['change']}"


WHY: Final = Command(
    name="why",
    what="why was it refused, blocked or hung up on, and what changes that?",
    about=(
        "Of an id that a peer was told (of a block, a session or a message), in any case of its letters, of an address or a\n"
        "network of clients, or of a recipient: every refusal that is remembered, the newest last, with what the peer heard, what\n"
        "it means, and the command or setting that undoes or changes it. Status 1 when nothing is known; the log goes further back."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
