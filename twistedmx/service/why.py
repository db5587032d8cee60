"""`why`: all that is known of an id, a session, an address, a network or a recipient, and what undoes or changes it.

    {"what", "kind", "found", "since", "blocks": [...], "never": [...], "hosts": [...], "sessions": [...], "older",
     "open", "recipient", "look"}

`since`: from when on refusals are remembered. `older`: sessions that are known beside those that are told. `open`: the session, if
it is: what is refused in it may not be told yet. `look`: what to do when this is not enough. Times are seconds since the epoch.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from twistedmx.model.block import Block
from twistedmx.model.peer import NOWHERE, Network
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason
from twistedmx.net.control import Refused
from twistedmx.policy.networks import host_or_wider, network_of
from twistedmx.report.meanings import MEANINGS
from twistedmx.report.trail_record import HostTrail, Refusal, SessionTrail
from twistedmx.service.entries import block_told, first_within, never_told
from twistedmx.service.look_up import BadAddress, look_up
from twistedmx.service.remedies import for_recipient, where_to_look

if TYPE_CHECKING:
    from twistedmx.service.server import Server

_MOST: Final = 20  # sessions, and entries of a network, that are told
_MOST_AT_ONCE: Final = 200  # some megabytes of what peers said
_session = re.compile(r"([0-9B-Z]{10})(?:\.\d+)?", re.ASCII)  # and a transaction's queue id
_block = re.compile(r"[0-9B-Z]{8}", re.ASCII)


# What was refused, by where; elsewhere it was a command, and the stage's own word says which.
_WHAT: Final = {Stage.RCPT: "recipient", Stage.REFUSED: "recipient", Stage.MESSAGE: "content"}


async def why(server: "Server", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Of {"what": ..., "most": sessions at most, or None}. Raises Refused when `what` is none of all these."""
    what = str(arguments.get("what") or "").strip()
    try:
        most = min(max(int(arguments.get("most") or _MOST), 1), _MOST_AT_ONCE)
    except (OverflowError, TypeError, ValueError):
        raise Refused("most is a number") from None
    answer: dict[str, Any] = {
        "what": what,
        "kind": "",
        "since": server.lasting.trail.since,
        "blocks": [],
        "never": [],
        "hosts": [],
        "sessions": [],
        "older": 0,
        "open": None,
        "recipient": None,
        "look": where_to_look(what, server.parts.settings),
    }
    blocking = server.lasting.blocking
    block = blocking.blocklist.by_id(what)
    if block is not None:
        answer["kind"] = "block"
        _about_network(server, answer, block.network, most, [block])
    elif found := _session.fullmatch(what.upper()):
        answer["kind"] = "session"
        answer["look"] = where_to_look(found[1], server.parts.settings)
        _about_session(server, answer, found[1])
    elif "@" in what or what.lower() == "postmaster":
        answer["kind"] = "recipient"
        await _about_recipient(server, answer, what, most)
    elif _block.fullmatch(what.upper()):
        answer["kind"] = "block"
    else:
        try:
            network = network_of(what)
        except ValueError as error:
            raise Refused(f"{error}, nor an id that a peer was told, nor a recipient as ann@example.org") from None
        answer["kind"] = "network" if "/" in what else "address"
        _about_network(server, answer, network, most)
    keys = ("blocks", "never", "hosts", "sessions", "open", "recipient")
    return answer | {"found": any(answer[key] for key in keys)}


def _about_network(
    server: "Server", answer: dict[str, Any], network: Network, most: int, blocks: Sequence[Block] | None = None
) -> None:
    """`blocks`: of which it is, if that is known."""
    blocking = server.lasting.blocking
    if blocks is None:
        around = blocking.blocklist.about(network)
        within, _ = first_within(blocking.blocklist, network, _MOST)
        blocks = list({block.id: block for block in (*around, *within)}.values())
    hosts, sessions = server.lasting.trail.of_hosts(host_or_wider(network))
    answer["blocks"] = [_block_told(server, block) for block in blocks]
    answer["never"] = [never_told(never, blocking) for never in blocking.blocklist.never.touching(network)[:_MOST]]
    answer["hosts"] = [_host_told(host) for host in hosts[-most:]]
    _tell_sessions(server, answer, sessions, most)


def _about_session(server: "Server", answer: dict[str, Any], id_: str) -> None:
    """The session, and whether its client is blocked by now."""
    sessions = server.lasting.trail.session(id_)
    _tell_sessions(server, answer, sessions, len(sessions))
    answer["open"] = _open_told(server, id_.upper())
    blocks = {}
    for session in sessions:
        block = server.lasting.blocking.blocklist.find(session.peer.address)
        if block is not None:
            blocks[block.id] = block
    answer["blocks"] = [_block_told(server, block) for block in blocks.values()]


def _open_told(server: "Server", id_: str) -> dict[str, Any] | None:
    """A session that has not ended: a transaction tells what was refused in it when it is over, and not before."""
    attending = server.factory.attending(id_)
    if attending is None:
        return None
    return {
        "session": id_,
        "peer": "" if attending.peer.address == NOWHERE else attending.peer.address,
        "via": attending.peer.via,
        "since": server.lasting.blocking.now() - attending.seconds,
    }


async def _about_recipient(server: "Server", answer: dict[str, Any], what: str, most: int) -> None:
    """What was refused to it, and what `rcpt` says of it now. Raises Refused."""
    settings = server.parts.settings
    try:
        now = await look_up(what, server.parts.site.recipients, server.lasting.mailboxes)
    except BadAddress as error:
        raise Refused(str(error)) from None
    reason = next(reason for reason in Reason if reason.value == now["reason"])
    answer["recipient"] = {
        **now,
        "meaning": MEANINGS[reason].sentence,
        "change": for_recipient(now["address"], now["reason"], now["backend"], settings),
    }
    address = now["address"].encode()
    sessions = server.lasting.trail.of_recipient(address)
    _tell_sessions(server, answer, sessions, most, address.lower())


def _tell_sessions(
    server: "Server",
    answer: dict[str, Any],
    sessions: Sequence[SessionTrail],
    most: int,
    recipient: bytes | None = None,
) -> None:
    """`recipient`: only what was refused to it is told."""
    sampled = {sample.session for sample in server.lasting.samples}
    answer["sessions"] = [
        {
            **_session_told(session, recipient),
            "sample": f"twistedmx samples {session.id}" if session.id in sampled else "",
        }
        for session in (sessions[-most:] if most else ())
    ]
    answer["older"] = len(sessions) - len(answer["sessions"])


def _block_told(server: "Server", block: Block) -> dict[str, Any]:
    blocking = server.lasting.blocking
    refusal = blocking.blocklist.refusal(block, str(block.network.network_address))
    told = block_told(block, blocking)
    return {
        **told,
        "heard": str(refusal) if refusal is not None else "",
        "undo": f"twistedmx unban {block.id}" if told["holds"] else "",
    }


def _host_told(host: HostTrail) -> dict[str, Any]:
    return {
        "host": host.host,
        "first": host.first,
        "last": host.last,
        "sessions": host.sessions,
        "reasons": {reason.value: count for reason, count in host.reasons.items()},
    }


def _session_told(session: SessionTrail, recipient: bytes | None) -> dict[str, Any]:
    ended = session.ended
    refusals = [
        each for each in session.refusals if recipient is None or recipient in map(bytes.lower, each.recipients)
    ]
    return {
        "session": session.id,
        "peer": "" if session.peer.address == NOWHERE else session.peer.address,
        "via": session.peer.via,
        "helo": session.helo,
        "tls": session.tls,
        "first": session.first,
        "last": session.last,
        "ended": ended.value if ended is not None else "",
        "meaning": MEANINGS[ended].sentence if ended is not None else "",
        "heard": session.words,
        "change": MEANINGS[ended].change if ended is not None else "",
        "refusals": [_refusal_told(each, recipient) for each in refusals],
        "beyond": {reason.value: count for reason, count in session.beyond.items()},
    }


def _refusal_told(refusal: Refusal, recipient: bytes | None) -> dict[str, Any]:
    verdict = refusal.verdict
    meaning = MEANINGS[verdict.reason]
    named = [each for each in refusal.recipients if recipient is None or each.lower() == recipient]
    return {
        "at": refusal.at,
        "queue_id": refusal.queue_id,
        "what": _WHAT.get(refusal.stage, refusal.stage.value),
        "from": refusal.sender.decode("utf-8", "backslashreplace"),
        "recipients": [each.decode("utf-8", "backslashreplace") for each in named],
        "count": refusal.count if recipient is None else len(named),
        "verdict": verdict.action.value,
        "reason": verdict.reason.value,
        "meaning": meaning.sentence,
        "heard": str(verdict.reply),
        "change": meaning.change,
        "detail": verdict.detail,
    }
