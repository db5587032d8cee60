"""Blocklists as files: lists of networks, JSON lines and JSON arrays in and out; a set of nftables and a table of Postfix out.

Text alone: what is read is judged by `Blocklist.check`, and what is written is for others, who know of no never-block list: give
them `spared` blocks. Faults name their line, and of many the first are told. `write_whole` is for a thread: it waits for the disk.

BUGS: a network of nftables is left out while a wider one of the set has it; it is there again in the next file that is written
after the wider one has expired. A crash while a file is written leaves a `.NAME.*` beside it.
"""

import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs

from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.policy.networks import network_of
from twistedmx.policy.prefixes import Prefixes

T = TypeVar("T")

_TOLD: Final = 20  # faults of a file: one in the wrong format has a fault in every line
_SHOWN: Final = 60  # characters of what was found
_LONGEST: Final = 16_384  # characters of a line
_A_STATEMENT: Final = 1000  # elements that nft adds at a time
_HEAD: Final = "# Written by twistedmx; it will be replaced."
_comment = re.compile(r"[#;]")
# What JSON has for each field, in words too, and its default; `...`: it must be there.
_FIELDS: Final[dict[str, tuple[tuple[type, ...], str, Any]]] = {
    "id": ((str,), "a string", ...),
    "network": ((str,), "a string", ...),
    "reason": ((str,), "a string", ...),
    "evidence": ((str,), "a string", ""),
    "origin": ((str,), "a string", ...),
    "since": ((int, float), "a number", ...),
    "expiry": ((int, float, type(None)), "a number or null", ...),
    "relapse": ((int,), "a whole number", 0),
}


@attrs.frozen(kw_only=True)
class Parsed(Generic[T]):
    """What a file says. `faults`: each "line 3: what is wrong", for the operator, at most 20. `faulty`: how many lines, or entries
    of an array, are."""

    found: tuple[T, ...]
    faults: tuple[str, ...]
    faulty: int


def parse_list(lines: Iterable[str]) -> Parsed[Network]:
    """One address or network a line, as drop lists are; "#" and ";" begin a comment. Each network once."""
    found = ((place, line) for place, line in _lines(lines) if _comment.match(line) is None)
    return _parsed(found, lambda line: network_of(_comment.split(line, maxsplit=1)[0].strip()))


def parse_json(lines: Iterable[str]) -> Parsed[Block]:
    """One object a line, with the fields of Block. Each is to be judged, and may get another id, by `Blocklist.add`."""
    return _parsed(_lines(lines), lambda line: block_of(_said_in(line)))


def parse_json_array(text: str) -> Parsed[Block | Network]:
    """One array of such objects, or of networks as strings, over any number of lines; its faults name the entry by its number."""
    try:
        entries = json.loads(text.removeprefix("\ufeff"))
        if not isinstance(entries, list):
            raise ValueError("it is no array")
    except (ValueError, RecursionError) as wrong:
        return Parsed(found=(), faults=(f"is not a JSON array: {ascii(_why(wrong))[1:-1]}",), faulty=1)
    places = ((f"entry {number}", entry) for number, entry in enumerate(entries, 1))
    return _parsed(places, lambda entry: network_of(entry) if isinstance(entry, str) else block_of(entry))


def list_lines(blocks: Iterable[Block]) -> Iterator[str]:
    """As `parse_list` reads it: a host as its address, but an IPv6 host as its /64."""
    yield _HEAD
    for block in blocks:
        yield _written(block.network)


def json_lines(blocks: Iterable[Block]) -> Iterator[str]:
    """As `parse_json` reads it."""
    for block in blocks:
        yield json.dumps(attrs.asdict(block, recurse=False) | {"network": str(block.network)})


def json_array_lines(blocks: Iterable[Block]) -> Iterator[str]:
    """As `parse_json_array` reads it: an entry a line."""
    before = "["
    for line in json_lines(blocks):
        yield before
        before = f"{line},"
    yield before.removesuffix(",")
    yield "]"


def nftables_lines(blocks: Iterable[Block], now: float) -> Iterator[str]:
    """For `nft -f`: the sets blocked4 and blocked6 of the table "inet twistedmx", filled anew in one transaction.

    Each element has the time that is left to it. The rule that drops what is in the sets is the operator's: docs/blocklist.md.
    """
    yield _HEAD
    yield "add table inet twistedmx"
    outer = _outermost(block for block in blocks if block.holds(now))
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        name = f"inet twistedmx blocked{version}"
        yield f"add set {name} {{ type {kind}; flags interval, timeout; }}"
        yield f"flush set {name}"
        elements = [_element(block, now) for block in outer if block.network.version == version]
        for first in range(0, len(elements), _A_STATEMENT):
            yield f"add element {name} {{ {', '.join(elements[first : first + _A_STATEMENT])} }}"


def postfix_lines(blocks: Iterable[Block], text: Callable[[str, str], str]) -> Iterator[str]:
    """For `check_client_access cidr:FILE`, cidr_table(5) and access(5): the first network that fits is taken, so the longest first.

    `text`: what the peer hears, of an id and a network, as `BlocklistSettings.text_for`. What has expired stays until the file is
    written anew.
    """
    yield _HEAD
    for block in sorted(blocks, key=lambda block: (block.network.version, -block.network.prefixlen)):
        words = text(block.id, _written(block.network))
        yield f"{block.network} REJECT 5.7.1 {''.join(sign if sign.isprintable() else '?' for sign in words)}"


def spared(blocks: Iterable[Block], never: Iterable[Network]) -> Iterator[Block]:
    """The same without the networks of `never`: of a network that has one of them in it, the parts beside it."""
    prefixes: Prefixes[Network] = Prefixes()
    for network in never:
        prefixes[network] = network
    for block in blocks:
        if any(prefixes.covering(block.network)):
            continue
        holes = prefixes.within(block.network)
        if not holes:
            yield block
        for part in _beside(block.network, holes):
            yield attrs.evolve(block, network=part)


def write_whole(path: str, lines: Iterable[str]) -> None:
    """Replace the file at once, mode 0644: whoever reads it has the old or the new one, also after a power cut. Raises OSError."""
    folder, name = os.path.split(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each line that has something in it, and where it is. A file may begin with a byte order mark."""
    for number, line in enumerate(lines, 1):
        line = (line.removeprefix("\ufeff") if number == 1 else line).strip()
        if line:
            yield f"line {number}", line


def _parsed(found: Iterable[tuple[str, Any]], parse: Callable[[Any], T]) -> Parsed[T]:
    """Each thing parsed. `found`: where it is, and what it is."""
    parsed: dict[T, None] = {}
    faults: list[str] = []
    faulty = 0
    for place, thing in found:
        try:
            if isinstance(thing, str) and len(thing) > _LONGEST:
                raise ValueError(f"{_shown(thing)} is longer than {_LONGEST} characters")
            parsed[parse(thing)] = None
        except ValueError as wrong:
            faulty += 1
            if len(faults) < _TOLD:
                faults.append(f"{place}: {wrong}")
    return Parsed(found=tuple(parsed), faults=tuple(faults), faulty=faulty)


def _said_in(line: str) -> Any:
    """Raises ValueError with words for the operator."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as wrong:
        raise ValueError(f"{_shown(line)} is not JSON: {_why(wrong)}") from None


def block_of(said: Any) -> Block:
    """Of what JSON has said. Raises ValueError with words for the operator."""
    if not isinstance(said, dict):
        raise ValueError(f"{_shown(str(said))} is not an object with the fields {', '.join(_FIELDS)}")
    if unknown := [name for name in said if name not in _FIELDS]:
        raise ValueError(f"has a field {_shown(unknown[0])}; there are {', '.join(_FIELDS)}")
    values: dict[str, Any] = {}
    for name, (types, words, default) in _FIELDS.items():
        value = said.get(name, default)
        if value is ...:
            raise ValueError(f"has no {name}")
        if type(value) not in types:
            raise ValueError(f"{name} must be {words}")
        values[name] = _time(name, value) if name in ("since", "expiry") and value is not None else value
    if values["relapse"] < 0:
        raise ValueError("relapse must be 0 or more")
    values["network"] = network_of(values["network"])
    return Block(**values)


def _time(name: str, value: float) -> float:
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValueError(f"{name} is beyond all time; write seconds since the epoch, or null for no expiry")
    return seconds


def _outermost(blocks: Iterable[Block]) -> Sequence[Block]:
    """Without those whose network is in that of another: a set of intervals has each address once."""
    outermost: list[Block] = []
    ordered = sorted(blocks, key=lambda b: (b.network.version, int(b.network.network_address), b.network.prefixlen))
    for block in ordered:
        last = outermost[-1].network if outermost else None
        if last is None or block.network.version != last.version or block.network.network_address not in last:
            outermost.append(block)
    return outermost


def _element(block: Block, now: float) -> str:
    if block.expiry is None:
        return str(block.network)
    return f"{block.network} timeout {max(1, math.ceil(block.expiry - now))}s"


def _beside(network: Network, holes: Sequence[Network]) -> list[Network]:
    """The parts of `network` without `holes`, which are in it."""
    parts: list[Any] = [network] if holes else []
    for hole in holes:
        parts = [
            rest
            for part in parts
            if not part.subnet_of(hole)
            for rest in (part.address_exclude(hole) if hole.subnet_of(part) else (part,))
        ]
    return sorted(parts)


def _written(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _why(wrong: ValueError | RecursionError) -> str:
    # PyPy (7.3) shows the octet that it did not expect, and of a letter beyond ASCII a half: the place says as much.
    if isinstance(wrong, json.JSONDecodeError) and wrong.msg.startswith("Unexpected '"):
        return f"line {wrong.lineno} column {wrong.colno} (char {wrong.pos})"
    return str(wrong)[:_SHOWN]


def _shown(text: str) -> str:
    shown = ascii(text)
    return shown if len(text) <= _SHOWN >= len(shown) - 2 else f"'{shown[1:-1][:_SHOWN]}...'"
