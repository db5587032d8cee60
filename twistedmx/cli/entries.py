"""Entries of the blocklist and of the never-block list, as an operator reads them."""

from collections.abc import Mapping
from typing import Any, Final

from twistedmx.cli.control import Refused
from twistedmx.cli.times import until
from twistedmx.model.block import Block
from twistedmx.policy.block_files import Parsed, parse_json, parse_json_array, parse_list
from twistedmx.policy.networks import network_of

_FIELDS: Final = ("id", "network", "reason", "evidence", "origin", "since", "expiry", "relapse")  # of Block


def line_of(block: Mapping[str, Any]) -> str:
    """One entry, as a server told it."""
    line = (
        f"{block.get('network')}: blocked until {until(block.get('expiry'))}, id {block.get('id')} ({because(block)})"
    )
    spared = block.get("spared")
    return f"{line}; holds for nobody: never blocked by {spared}" if spared else line


def because(block: Mapping[str, Any]) -> str:
    """Who, why and what was seen."""
    words = dict.fromkeys(str(block.get(key) or "") for key in ("origin", "reason", "evidence"))
    return ": ".join(filter(None, words))


def never_line_of(never: Mapping[str, Any]) -> str:
    """One network that is never blocked, as a server told it."""
    said = ": ".join(filter(None, (str(never.get("source") or ""), str(never.get("evidence") or ""))))
    end = "" if never.get("expiry") is None else f" until {until(never['expiry'])}"
    return f"{never.get('network')}: never blocked{end} ({said})"


def block_of(told: Mapping[str, Any]) -> Block:
    """The value. Raises what it likes for what is none."""
    fields = {name: told[name] for name in _FIELDS if name in told}
    return Block(**{**fields, "network": network_of(str(told["network"]))})


def read_list(path: str) -> Parsed[Any]:
    """Networks and Blocks of a file: a plain list, JSON lines, or a JSON array, by its first sign.

    Raises Refused with its faults: of a list that is not understood nothing is taken.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as error:
        raise Refused(f"--from {path}: {error.strerror or error}") from None
    parsed: Parsed[Any]
    match text.removeprefix("\ufeff").lstrip()[:1]:
        case "[":
            parsed = parse_json_array(text)
        case "{":
            parsed = parse_json(text.splitlines())
        case _:
            parsed = parse_list(text.splitlines())
    if parsed.faulty:
        more = [f"and {parsed.faulty - len(parsed.faults)} more"] if parsed.faulty > len(parsed.faults) else []
        raise Refused("\n".join([f"{path}: {fault}" for fault in parsed.faults] + more))
    return parsed
