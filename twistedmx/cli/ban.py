"""`twistedmx ban` and `unban`: the blocklist of a running server is changed."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused
from twistedmx.cli.entries import because, line_of, read_list
from twistedmx.cli.times import in_json, seconds_of
from twistedmx.model.block import Block

_AT_ONCE: Final = 500  # networks in a request
_OCTETS: Final = 40_000  # of a request, which may have 65,536
_TEXT: Final = 400  # characters of evidence, as the server keeps them; of reason and origin it keeps 255 octets
_BAN: Final = """\
$ twistedmx ban 192.0.2.0/24 --for 12h --evidence "guesses names since noon"
192.0.2.0/24: blocked until 2026-11-21 00:10 UTC, id 7KW3PQ2N (operator: guesses names since noon)"""
_UNBAN: Final = """\
$ twistedmx unban 7KW3PQ2N
192.0.2.0/24: not blocked any more (was: operator: guesses names since noon)"""


def _ban_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="an address, or a network as 192.0.2.0/24")
    parser.add_argument(
        "--from", dest="source", metavar="FILE", help="a plain list of them, or the JSON lines or array of `list`"
    )
    parser.add_argument(
        "--for", dest="seconds", type=seconds_of, metavar="TIME", help='30m, 12h, 7d, "ever" (default: by its relapses)'
    )
    parser.add_argument("--reason", metavar="WORD", help="a word for the log (default: operator, or the file's)")
    parser.add_argument("--evidence", metavar="TEXT", help="what was seen; the peer never hears it")
    parser.add_argument("--force", action="store_true", help="though the server advises against it")


def _ban(call: Call) -> Status:
    """All that are named, or none: what comes in several requests is judged whole before the first of it is blocked."""
    chosen = call.options
    named: list[Any] = [*chosen.networks, *(read_list(chosen.source).found if chosen.source else ())]
    if not named:
        raise Refused("name a network, or a file with --from")
    common = {
        "seconds": in_json(chosen.seconds),
        "reason": chosen.reason,
        "evidence": chosen.evidence,
        "source": os.path.basename(chosen.source) if chosen.source else None,
        "force": chosen.force,
    }
    requests = list(_requests(named))
    if len(requests) > 1:
        for request in requests:
            call.ask("ban", {**request, **common, "check": True})
    told: list[Any] = []
    for request in requests:
        try:
            told += call.ask("ban", {**request, **common})
        except Refused as error:
            _say(call, told)
            raise Refused(
                f"{error}; before that {len(told)} of {len(named)} were blocked" if told else str(error)
            ) from None
    return _say(call, told)


def _say(call: Call, told: Sequence[Mapping[str, Any]]) -> Status:
    if call.options.json:
        call.terminal.document(told)
    else:
        for block in told:
            call.terminal.say(line_of(block))
    return Status.GOOD


def _requests(named: Sequence[Any]) -> Iterator[dict[str, list[Any]]]:
    """In pieces that one line of the control socket has room for."""
    networks: list[Any] = []
    blocks: list[Any] = []
    octets = 0
    for each in named:
        item = _item(each) if isinstance(each, Block) else str(each)
        length = len(json.dumps(item)) + 2
        if len(networks) + len(blocks) >= _AT_ONCE or (octets and octets + length > _OCTETS):
            yield {"networks": networks, "blocks": blocks}
            networks, blocks, octets = [], [], 0
        (blocks if isinstance(each, Block) else networks).append(item)
        octets += length
    yield {"networks": networks, "blocks": blocks}


def _item(block: Block) -> dict[str, Any]:
    texts = {name: getattr(block, name)[:_TEXT] for name in ("id", "reason", "evidence", "origin")}
    return {**attrs.asdict(block, recurse=False), "network": str(block.network), **texts}


def _unban_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="NETWORK|ID", help="as it was blocked, or the id of the entry")


def _unban(call: Call) -> Status:
    """Each by itself: one that is not there keeps no other."""
    told: list[Any] = []
    status = Status.GOOD
    for what in call.options.what:
        try:
            told.append(call.ask("unban", {"what": what}))
        except Refused as error:
            call.terminal.complain(f"twistedmx unban: {error}")
            status = Status.NO
    if call.options.json:
        call.terminal.document(told)
    else:
        for block in told:
            call.terminal.say(f"{block.get('network')}: not blocked any more (was: {because(block)})")
    return status


BAN: Final = Command(
    name="ban",
    what="block a host or a network, and hang up on its sessions",
    about=(
        "Its next connections hear 554 with an id and are closed before any look-up. docs/blocklist.md says how long.\n"
        "All or nothing: when one of several should not be blocked, each such one is told and none is."
    ),
    example=_BAN,
    options=_ban_options,
    run=_ban,
)
UNBAN: Final = Command(
    name="unban",
    what="block it no more",
    about=(
        "By its network, or by the id that a peer was told. Of several each is tried, and the outcome of each is told; status 1\n"
        "when one of them was not blocked."
    ),
    example=_UNBAN,
    options=_unban_options,
    run=_unban,
)
