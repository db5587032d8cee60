"""Entries of the blocklist and of the never-block list, as commands tell them."""

from typing import Any, Final

import attrs

from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.policy.block_table import OPERATOR
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.never_block import Never
from twistedmx.service.blocking import Blocking

_PAGES: Final = 10  # that are looked at for some entries; pages of expired ones have none


def fields_told(block: Block) -> dict[str, Any]:
    """All fields of it."""
    return {**attrs.asdict(block, recurse=False), "network": str(block.network)}


def block_told(block: Block, blocking: Blocking) -> dict[str, Any]:
    """With "holds": whether it has not expired; "spared": who says that it holds for nobody, or "": nobody says so."""
    never = blocking.blocklist.never.covering(block.network)
    return {
        **fields_told(block),
        "holds": block.holds(blocking.now()),
        "spared": never.source if never is not None else "",
    }


def never_told(never: Never, blocking: Blocking) -> dict[str, Any]:
    """{"network", "source", "evidence", "since", "expiry", "undo"}; times are known of what the operator has allowed."""
    allowance = blocking.allowing.allowed.at(never.network) if never.source == OPERATOR else None
    return {
        "network": str(never.network),
        "source": never.source,
        "evidence": allowance.evidence if allowance is not None else "",
        "since": allowance.since if allowance is not None else None,
        "expiry": allowance.expiry if allowance is not None else None,
        "undo": f"twistedmx allow --remove {never.network}" if allowance is not None else never.source,
    }


def first_within(blocklist: Blocklist, network: Network, most: int) -> tuple[list[Block], bool]:
    """Some entries that hold in `network`, and whether there may be more."""
    found: list[Block] = []
    after: Network | None = None
    for _ in range(_PAGES):
        blocks, after = blocklist.page(after, most + 1 - len(found), network)
        found += blocks
        if after is None or len(found) > most:
            break
    return found[:most], after is not None or len(found) > most
