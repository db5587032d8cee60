"""A Block as octets, for a million of them: 90 octets and the evidence, where the value with its network and its texts takes 700.

Reason and origin are kept up to 255 octets of UTF-8, evidence up to 400.
"""

import math
from ipaddress import IPv4Network, IPv6Network
from struct import Struct
from typing import Final

from twistedmx.model.block import Block
from twistedmx.model.peer import Network

# expiry (infinity: none), since, id, relapse, length of the prefix, octets of the address, of the reason, of the origin
_HEAD: Final = Struct("<dd8sHBBBB")
_EXPIRY: Final = Struct("<d")
_ID: Final = slice(16, 24)
_WORD: Final = 255
_EVIDENCE: Final = 400
_MOST_RELAPSES: Final = 0xFFFF


def packed(block: Block) -> bytes:
    """`block.id`: 8 signs of ASCII."""
    address = block.network.network_address.packed
    reason, origin = _octets(block.reason, _WORD), _octets(block.origin, _WORD)
    head = _HEAD.pack(
        math.inf if block.expiry is None else block.expiry,
        block.since,
        block.id.encode("ascii"),
        min(block.relapse, _MOST_RELAPSES),
        block.network.prefixlen,
        len(address),
        len(reason),
        len(origin),
    )
    return b"".join((head, address, reason, origin, _octets(block.evidence, _EVIDENCE)))


def unpacked(record: bytes) -> Block:
    """What was packed; texts as far as they were kept."""
    expiry, since, id_, relapse, length, address, reason, origin = _HEAD.unpack_from(record)
    texts = _HEAD.size + address
    bits = int.from_bytes(record[_HEAD.size : texts], "big")
    network: Network = IPv4Network((bits, length)) if address == 4 else IPv6Network((bits, length))
    return Block(
        id=id_.decode("ascii"),
        network=network,
        reason=_text(record[texts : texts + reason]),
        evidence=_text(record[texts + reason + origin :]),
        origin=_text(record[texts + reason : texts + reason + origin]),
        since=since,
        expiry=None if expiry == math.inf else expiry,
        relapse=relapse,
    )


def expiry_of(record: bytes) -> float:
    """Seconds since the epoch; infinity: it has none."""
    expiry: float = _EXPIRY.unpack_from(record)[0]
    return expiry


def id_of(record: bytes) -> bytes:
    """The id, in ASCII."""
    return record[_ID]


def _octets(text: str, most: int) -> bytes:
    return text.encode("utf-8", "backslashreplace")[:most]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "ignore")  # the last character may have been cut
