"""`twistedmx allow`: networks that nobody blocks, while the server runs and after a restart."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused
from twistedmx.cli.entries import line_of, never_line_of, read_list
from twistedmx.cli.times import in_json, seconds_of
from twistedmx.model.block import Block

_AT_ONCE: Final = 500  # networks in a request
_EXAMPLE: Final = """\
$ twistedmx allow 192.0.2.0/24 --for 7d --evidence "our partner's servers"
192.0.2.0/24: never blocked until 2026-11-27 12:10 UTC (operator: our partner's servers)
holds no longer: 192.0.2.9/32: blocked until 2026-11-21 00:10 UTC, id 7KW3PQ2N (conduct: bad-recipients)"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="an address, or a network as 192.0.2.0/24")
    parser.add_argument("--from", dest="source", metavar="FILE", help="a list of them, as `ban` takes it")
    parser.add_argument("--for", dest="seconds", type=seconds_of, metavar="TIME", help='30m, 12h, 7d, "ever" (default)')
    parser.add_argument("--evidence", metavar="TEXT", help="why, for whoever asks later")
    parser.add_argument("--remove", action="store_true", help="they may be blocked again; blocks within hold again")
    parser.add_argument("--force", action="store_true", help="though a network is very wide")


def run(call: Call) -> Status:
    """What is allowed now, or what was."""
    chosen = call.options
    found = read_list(chosen.source).found if chosen.source else ()
    networks = list(chosen.networks) + [str(each.network if isinstance(each, Block) else each) for each in found]
    if not networks:
        raise Refused("name a network, or a file with --from")
    common = {
        "seconds": in_json(chosen.seconds),
        "evidence": chosen.evidence,
        "remove": chosen.remove,
        "force": chosen.force,
    }
    told: list[Any] = []
    for first in range(0, len(networks), _AT_ONCE):
        try:
            told += call.ask("allow", {"networks": networks[first : first + _AT_ONCE], **common})
        except Refused as error:
            if first:
                raise Refused(f"{error}; before that {first} of {len(networks)} were done") from None
            raise
    if call.options.json:
        call.terminal.document(told)
        return Status.GOOD
    for each in told:
        for line in [f"{each.get('network')}: may be blocked again"] if chosen.remove else _lines(each):
            call.terminal.say(line)
    return Status.GOOD


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield never_line_of(told)
    for block in told.get("within") or ():
        yield f"holds no longer: {line_of({**block, 'spared': ''})}"
    if told.get("more"):
        yield f"and more: twistedmx list {told.get('network')}"
    for block in told.get("around") or ():
        yield f"holds for others only: {line_of(block)}"


ALLOW: Final = Command(
    name="allow",
    what="let nobody block a host or a network",
    about=(
        "From now on, and after a restart; blocks within it hold no longer, and hold again when it is taken back. All that are\n"
        "named, or none (of more than 500: 500 by 500)."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
