"""`twistedmx ban`, `unban`, `why` and `list`: the blocklist of a running server."""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused
from twistedmx.model.block import Block
from twistedmx.policy.block_files import (
    json_lines,
    list_lines,
    nftables_lines,
    parse_json,
    parse_list,
    postfix_lines,
    spared,
    write_whole,
)
from twistedmx.policy.networks import network_of

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "": 1}
_BAN: Final = """\
$ twistedmx ban 192.0.2.0/24 --for 12h --evidence "guesses names since noon"
192.0.2.0/24: blocked until 2026-11-21 00:10 UTC, id 7KW3PQ2N (operator: guesses names since noon)"""
_UNBAN: Final = """\
$ twistedmx unban 7KW3PQ2N
192.0.2.0/24: not blocked any more (was: operator: guesses names since noon)"""
_LIST: Final = """\
$ twistedmx list
203.0.113.7/32: blocked until it is removed, id Z8D4MXTB (operator)"""

_WHY: Final = """\
$ twistedmx why 192.0.2.9
192.0.2.0/24: blocked until 2026-11-21 00:10 UTC, id 7KW3PQ2N (operator: guesses names since noon)
undo: twistedmx unban 7KW3PQ2N"""


def seconds_of(text: str) -> float:
    """ "90", "30m", "12h", "7d" or "ever". Raises ArgumentTypeError with words for the operator."""
    if text == "ever":
        return float("inf")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f'{text!r} is no time; write 30m, 12h, 7d or "ever"')
    return float(found[1]) * _UNITS[found[2]]


def line_of(block: Mapping[str, Any]) -> str:
    """One entry, as a server told it."""
    expiry = block.get("expiry")
    until = (
        "it is removed"
        if expiry is None
        else f"{datetime.fromtimestamp(min(float(expiry), 253_402_300_799), UTC):%Y-%m-%d %H:%M} UTC"
    )
    return f"{block.get('network')}: blocked until {until}, id {block.get('id')} ({_because(block)})"


def _because(block: Mapping[str, Any]) -> str:
    words = dict.fromkeys(str(block.get(key) or "") for key in ("origin", "reason", "evidence"))
    return ": ".join(filter(None, words))


def _ban_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="an address, or a network as 192.0.2.0/24")
    parser.add_argument("--from", dest="source", metavar="FILE", help="a plain list of them, or JSON lines of `list`")
    parser.add_argument(
        "--for", dest="seconds", type=seconds_of, metavar="TIME", help='30m, 12h, 7d, "ever" (default: by its relapses)'
    )
    parser.add_argument("--reason", metavar="WORD", help="a word for the log (default: operator)")
    parser.add_argument("--evidence", metavar="TEXT", help="what was seen; the peer never hears it")
    parser.add_argument("--force", action="store_true", help="though the server advises against it")


def _ban(call: Call) -> Status:
    chosen = call.options
    seconds = 1e300 if chosen.seconds == float("inf") else chosen.seconds  # JSON has no infinity
    networks = list(chosen.networks) + (_read(chosen.source) if chosen.source else [])
    if not networks:
        raise Refused("name a network, or a file with --from")
    arguments = {"seconds": seconds, "reason": chosen.reason, "evidence": chosen.evidence, "force": chosen.force}
    told = [call.ask("ban", {"network": network, **arguments}) for network in networks]
    return _say(call, told, line_of)


def _read(path: str) -> list[str]:
    """The networks in a file. Raises Refused with every fault of it: of a list that is not understood none is blocked."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as lines:
            text = lines.read().splitlines()
    except OSError as error:
        raise Refused(f"--from {path}: {error.strerror or error}") from None
    is_json = next((line for line in text if line.strip()), "").startswith("{")
    parsed = parse_json(text) if is_json else parse_list(text)
    if parsed.faulty:
        more = [f"and {parsed.faulty - len(parsed.faults)} more lines"] if parsed.faulty > len(parsed.faults) else []
        raise Refused("\n".join([f"{path}: {fault}" for fault in parsed.faults] + more))
    return [str(found.network if isinstance(found, Block) else found) for found in parsed.found]


def _unban_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="NETWORK|ID", help="as it was blocked, or the id of the entry")


def _unban(call: Call) -> Status:
    told = [call.ask("unban", {"what": what}) for what in call.options.what]
    return _say(call, told, lambda block: f"{block.get('network')}: not blocked any more (was: {_because(block)})")


def _list(call: Call) -> Status:
    chosen = call.options
    answer = call.ask("list", {"network": chosen.network, "most": chosen.most})
    if chosen.json:
        call.terminal.document(answer)
        return Status.GOOD
    blocks = [_block_of(told) for told in answer.get("blocks") or ()]
    spare = list(spared(blocks, map(network_of, answer.get("never") or ())))
    shown = blocks if chosen.format in ("text", "json-lines") else spare
    lines = list(_FORMATS[chosen.format](shown, float(answer.get("now") or 0)))
    if chosen.to and answer.get("more"):
        raise Refused(f"--to {chosen.to}: there are more entries than are told at once: not written; name a network")
    if chosen.to:
        try:
            write_whole(chosen.to, lines)
        except OSError as error:
            raise Refused(f"--to {chosen.to}: {error.strerror or error}") from None
        return Status.GOOD
    for line in lines:
        call.terminal.say(line)
    if answer.get("more"):
        call.terminal.complain("twistedmx list: there are more: name a network, or raise --most")
    return Status.GOOD


def _block_of(told: Mapping[str, Any]) -> Block:
    return Block(**{**told, "network": network_of(str(told["network"]))})


def _why(call: Call) -> Status:
    answers = [call.ask("why", {"what": what}) for what in call.options.what]
    if call.options.json:
        call.terminal.document(answers)
        return Status.GOOD
    for what, answer in zip(call.options.what, answers, strict=True):
        if answer.get("block") is None:
            call.terminal.say(f"{what}: is not blocked")
        else:
            call.terminal.say(line_of(answer["block"]))
            call.terminal.say(f"undo: {answer.get('undo')}")
    return Status.GOOD


def _say(call: Call, told: list[Any], line: Any) -> Status:
    if call.options.json:
        call.terminal.document(told)
    else:
        for block in told:
            call.terminal.say(line(block))
    return Status.GOOD


_FORMATS: Final[dict[str, Callable[[Sequence[Block], float], Iterable[str]]]] = {
    "text": lambda blocks, now: (line_of(attrs.asdict(block)) for block in blocks),
    "plain": lambda blocks, now: list_lines(blocks),
    "json-lines": lambda blocks, now: json_lines(blocks),
    "nftables": nftables_lines,
    "postfix": lambda blocks, now: postfix_lines(blocks, lambda id_, network: f"blocked, id {id_}"),
}
BAN: Final = Command(
    name="ban",
    what="block a host or a network, and hang up on its sessions",
    about="Its next connections hear 554 with an id and are closed before any look-up. docs/blocklist.md says how long.",
    example=_BAN,
    options=_ban_options,
    run=_ban,
)
UNBAN: Final = Command(
    name="unban",
    what="block it no more",
    about="By its network, or by the id that a peer was told.",
    example=_UNBAN,
    options=_unban_options,
    run=_unban,
)


def _why_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="ADDRESS|ID", help="of a client, or as its refusal had it")


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", nargs="?", help="only what is within this network")
    parser.add_argument("--most", type=int, default=20_000, help="entries at the most (default, and most: 20000)")
    parser.add_argument("--format", choices=tuple(_FORMATS), default="text", help="as docs/blocklist.md has them")
    parser.add_argument("--to", metavar="FILE", help="write it whole into this file, in place of what is there")


WHY: Final = Command(
    name="why",
    what="is this address blocked, or what is this id that a peer was told?",
    about="The entry with its evidence, and the command that undoes it.",
    example=_WHY,
    options=_why_options,
    run=_why,
)
LIST: Final = Command(
    name="list",
    what="who is blocked, why, and until when",
    about="Those that hold now.",
    example=_LIST,
    options=_list_options,
    run=_list,
)
