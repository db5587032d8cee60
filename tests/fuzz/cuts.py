"""The ways in which a stream of octets may arrive."""

from random import Random


def whole(octets: bytes) -> list[bytes]:
    return [octets] if octets else []


def one_by_one(octets: bytes) -> list[bytes]:
    return [octets[at : at + 1] for at in range(len(octets))]


def at_random(octets: bytes, seed: int) -> list[bytes]:
    """Pieces of 1 to 12 octets: about as long as what the parsers hold back between two of them."""
    chance = Random(seed)
    pieces, at = [], 0
    while at < len(octets):
        length = chance.choice((1, 1, 2, 3, 5, 12))
        pieces.append(octets[at : at + length])
        at += length
    return pieces
