"""`twistedmx list`: who is blocked, or never blocked, as text and in the formats of other programs."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import attrs

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused
from twistedmx.cli.entries import block_of, line_of, never_line_of
from twistedmx.model.block import Block
from twistedmx.policy.block_files import (
    json_array_lines,
    json_lines,
    list_lines,
    nftables_lines,
    postfix_lines,
    spared,
    write_whole,
)
from twistedmx.policy.networks import network_of

_LIST: Final = """\
$ twistedmx list
203.0.113.7/32: blocked until it is removed, id Z8D4MXTB (operator)"""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", nargs="?", help="only what is within this network")
    parser.add_argument("--allowed", action="store_true", help="who is never blocked, and who says so")
    parser.add_argument("--most", type=_number, metavar="NUMBER", help="entries at the most (default: all)")
    parser.add_argument("--format", choices=tuple(_FORMATS), default="text", help="as docs/blocklist.md has them")
    parser.add_argument("--to", metavar="FILE", help="write it whole into this file, in place of what is there")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of entries")
    return int(text)


class _Pages:
    """What the server tells, page after page. `head`: the first one. `is_cut`: more than `most` are there."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._most = call.options.most
        self.head = self._ask(None)
        self.is_cut = False

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Each entry, asked for when it is wanted."""
        told = self._all()
        if self._most is None:
            yield from told
        else:
            yield from islice(told, self._most)
            self.is_cut = next(told, None) is not None

    def _all(self) -> Iterator[Mapping[str, Any]]:
        page = self.head
        while True:
            yield from page.get("blocks") or ()
            if page.get("next") is None:
                return
            page = self._ask(page["next"])

    def _ask(self, after: str | None) -> Any:
        return self._call.ask("list", {"network": self._call.options.network, "after": after})


def run(call: Call) -> Status:
    """A million entries come page by page; what is asked for as text, plain, json or json-lines is never held whole."""
    chosen = call.options
    if chosen.allowed:
        return _allowed(call)
    pages = _Pages(call)
    if chosen.json:
        told = [dict(block) for block in pages]
        head = {name: value for name, value in pages.head.items() if name not in ("blocks", "next")}
        call.terminal.document({"blocks": told, "more": pages.is_cut, **head})
        return Status.GOOD
    now, never = float(pages.head.get("now") or 0), list(map(network_of, pages.head.get("never") or ()))
    lines = iter(_FORMATS[chosen.format](pages, now, never))
    if chosen.to:
        return _write(call, pages, lines)
    for line in lines:
        call.terminal.say(line)
    if pages.is_cut:
        call.terminal.complain("twistedmx list: there are more: name a network, or raise --most")
    return Status.GOOD


def _write(call: Call, pages: _Pages, lines: Iterable[str]) -> Status:
    """Raises Refused."""
    path = call.options.to

    def whole() -> Iterator[str]:
        yield from lines
        if pages.is_cut:
            raise Refused(
                f"--to {path}: there are more entries than --most: not written; leave it out, or name a network"
            )

    try:
        write_whole(path, whole())
    except OSError as error:
        raise Refused(f"--to {path}: {error.strerror or error}") from None
    return Status.GOOD


def _allowed(call: Call) -> Status:
    answer = call.ask("list", {"network": call.options.network, "allowed": True})
    if call.options.json:
        call.terminal.document(answer)
        return Status.GOOD
    for never in answer.get("allowed") or ():
        call.terminal.say(never_line_of(never))
    return Status.GOOD


def _blocks(pages: Iterable[Mapping[str, Any]]) -> Iterator[Block]:
    return map(block_of, pages)


def _bare(pages: Iterable[Mapping[str, Any]]) -> Iterator[Block]:
    """For a format that needs all of them at once: a million must fit into memory."""
    return (attrs.evolve(block, evidence="", reason="", origin="") for block in _blocks(pages))


# Pages, now, and who is never blocked, which other programs do not know of.
_FORMATS: Final[dict[str, Callable[[Any, float, Any], Iterable[str]]]] = {
    "text": lambda pages, now, never: map(line_of, pages),
    "plain": lambda pages, now, never: list_lines(spared(_blocks(pages), never)),
    "json": lambda pages, now, never: json_array_lines(_blocks(pages)),
    "json-lines": lambda pages, now, never: json_lines(_blocks(pages)),
    "nftables": lambda pages, now, never: nftables_lines(spared(_bare(pages), never), now),
    "postfix": lambda pages, now, never: postfix_lines(
        spared(_bare(pages), never), lambda id_, network: f"blocked, id {id_}"
    ),
}
LIST: Final = Command(
    name="list",
    what="who is blocked, why, and until when; or who never is",
    about=(
        "Those that hold now, wider networks first, however many: the server tells them page by page. What is blocked or\n"
        "unblocked meanwhile may be missing or still there."
    ),
    example=_LIST,
    options=_options,
    run=run,
)
