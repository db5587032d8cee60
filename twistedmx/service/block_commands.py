"""What the control socket answers of the blocklist: ban, unban, list, allow."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.net.control import Refused
from twistedmx.policy.block_files import block_of
from twistedmx.policy.block_table import OPERATOR
from twistedmx.policy.networks import host_or_wider, network_of
from twistedmx.service.blocking import Blocking
from twistedmx.service.entries import block_told, first_within, never_told

T = TypeVar("T")

_FOR_EVER: Final = 1e10  # seconds: three hundred years
_AT_ONCE: Final = (
    5000  # entries in an answer: of a million it takes a tenth of a second or two (benchmarks/blocklist.py)
)
_OCTETS_AT_ONCE: Final = 4_000_000  # of their texts, which as JSON may be six times as long
_SHOWN: Final = 20  # blocks that a network which is allowed has in it; faults of a list


def ban(blocking: Blocking, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries, of {"networks": [...], "blocks": [entries as `list` tells them], "seconds", "reason", "evidence", "source",
    "force", "check"}.

    All are blocked, or none: Refused with what is wrong. "check": none is, though all could be. "seconds", "reason", "evidence": in
    place of those of an entry. "source": the file that they come from.
    """
    blocklist, now = blocking.blocklist, blocking.now()
    force = arguments.get("force") is True
    seconds = _seconds(arguments)
    source = str(arguments.get("source") or "")
    said: dict[str, Any] = {name: str(arguments[name]) for name in ("reason", "evidence") if arguments.get(name)}
    said["origin"] = f"import {source}" if source else OPERATOR
    networks = _each(_texts(arguments, "networks"), lambda text: host_or_wider(network_of(text)))
    blocks = _each(_items(arguments, "blocks"), block_of)
    if not force:
        _each((*networks, *(host_or_wider(block.network) for block in blocks)), blocklist.check)
    if arguments.get("check") is True:
        return []
    done: list[Block] = []
    try:
        for network in networks:
            words: dict[str, Any] = {"reason": OPERATOR, "evidence": "", **said}
            done.append(blocklist.block(network, seconds=seconds, force=force, **words))
        for block in blocks:
            expiry = block.expiry if seconds is None else None if seconds == math.inf else now + seconds
            block = attrs.evolve(block, expiry=expiry, **said)
            if block.holds(now):
                done.append(blocklist.add(block, force=force))
    except ValueError as error:  # it is full, or was made so meanwhile
        raise Refused(f"{error}; {len(done)} of {len(networks) + len(blocks)} are blocked") from None
    return [block_told(block, blocking) for block in done]


def unban(blocking: Blocking, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The entry that was, of {"what": a network, or the id of an entry}."""
    what = str(arguments.get("what") or "")
    named = blocking.blocklist.by_id(what)
    try:
        block = blocking.unblock(named.network if named is not None else network_of(what))
    except ValueError as error:
        raise Refused(f"{error}, nor the id of an entry") from None
    if block is None:
        holding = blocking.blocklist.find(what.partition("/")[0])
        hint = f"; it is within {holding.network} (id {holding.id})" if holding is not None else ""
        raise Refused(f"{what} is not blocked{hint}")
    return block_told(block, blocking)


def list_(blocking: Blocking, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A page of those that hold: {"blocks": [...], "next": the network to go on behind, or None, "never": [...], "now"}, of
    {"network": ... or None, "after": ... or None, "most"}. Or {"allowed": [...], "now"}, of {"network", "allowed": True}."""
    try:
        within = _network_or_none(arguments, "network")
        after = _network_or_none(arguments, "after")
        most = min(max(int(arguments.get("most") or _AT_ONCE), 1), _AT_ONCE)
    except (OverflowError, TypeError, ValueError) as error:
        raise Refused(str(error)) from None
    never = blocking.blocklist.never
    if arguments.get("allowed") is True:
        shown = never if within is None else never.touching(within)
        return {"allowed": [never_told(each, blocking) for each in shown], "now": blocking.now()}
    blocks, end = blocking.blocklist.page(after, most, within)
    octets = 0
    for number, block in enumerate(blocks, 1):
        octets += len(block.evidence) + len(block.reason) + len(block.origin)
        if octets > _OCTETS_AT_ONCE:
            blocks, end = blocks[:number], block.network
            break
    return {
        "blocks": [block_told(block, blocking) for block in blocks],
        "next": str(end) if end is not None else None,
        "never": [str(each.network) for each in never] if after is None else [],
        "now": blocking.now(),
    }


def allow(blocking: Blocking, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is allowed now, with "within" and "around": the blocks that hold no longer, for anybody or for who is in it, and "more":
    whether there are others within; of {"networks": [...], "seconds", "evidence", "force"}. All are allowed, or none.

    With "remove": what was, of those that are allowed no longer; or none is removed.
    """
    allowing = blocking.allowing
    networks = _each(_texts(arguments, "networks"), lambda text: host_or_wider(network_of(text)))
    if arguments.get("remove") is True:
        _each(networks, lambda network: _check_allowed(blocking, network))
        taken = [allowing.take_back(network) for network in dict.fromkeys(networks)]
        return [_allowance_told(each) for each in taken if each is not None]
    force, seconds = arguments.get("force") is True, _seconds(arguments)
    if not force:
        _each(networks, allowing.allowed.check)
    told: list[dict[str, Any]] = []
    for network in networks:
        try:
            allowance = allowing.allow(
                network, evidence=str(arguments.get("evidence") or ""), seconds=seconds, force=force
            )
        except ValueError as error:  # there are too many
            raise Refused(f"{error}; {len(told)} of {len(networks)} are allowed") from None
        told.append(_allowance_told(allowance) | _no_longer(blocking, network))
    return told


def _no_longer(blocking: Blocking, network: Network) -> dict[str, Any]:
    within, more = first_within(blocking.blocklist, network, _SHOWN)
    around = [block for block in blocking.blocklist.about(network) if block.holds(blocking.now())]
    return {
        "within": [block_told(block, blocking) for block in within],
        "more": more,
        "around": [block_told(block, blocking) for block in around if block.network != network],
    }


def _check_allowed(blocking: Blocking, network: Network) -> None:
    if blocking.allowing.allowed.at(network) is None:
        touching = blocking.blocklist.never.touching(network)
        hint = f"; {touching[0].network} is, by {touching[0].source}" if touching else ""
        raise ValueError(f"{network} was not allowed with `twistedmx allow`{hint}")


def _allowance_told(allowance: Any) -> dict[str, Any]:
    return {**attrs.asdict(allowance, recurse=False), "network": str(allowance.network), "source": OPERATOR}


def _seconds(arguments: Mapping[str, Any]) -> float | None:
    """Infinity: for ever. Raises Refused."""
    seconds = arguments.get("seconds")
    try:
        if seconds is None:
            return None
        if not float(seconds) > 0:
            raise ValueError(f"it lasts for more than 0 seconds, not for {float(seconds):g}")
        return math.inf if float(seconds) > _FOR_EVER else float(seconds)
    except (OverflowError, TypeError, ValueError) as error:
        raise Refused(f"seconds: {error}") from None


def _network_or_none(arguments: Mapping[str, Any], name: str) -> Network | None:
    text = arguments.get(name)
    return network_of(str(text)) if text else None


def _items(arguments: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Raises Refused."""
    items = arguments.get(name) or []
    if not isinstance(items, list):
        raise Refused(f'"{name}" is a list')
    return items


def _texts(arguments: Mapping[str, Any], name: str) -> list[str]:
    return [str(item) for item in _items(arguments, name)]


def _each(items: Iterable[Any], make: Callable[[Any], T]) -> list[T]:
    """Something of each. Raises Refused with what is wrong with them, of many with the first."""
    made: list[T] = []
    faults: list[str] = []
    for item in items:
        try:
            made.append(make(item))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise Refused("\n".join(faults[:_SHOWN] + more))
    return made
