"""Constant databases, written: so that tests of who reads them need no program.

What comes out is what cdbmake of tinycdb makes of the same records, octet for octet.
"""

import os
import struct
from collections.abc import Iterable

from twistedmx.qmail.cdb import cdb_hash

_pair = struct.Struct("<LL")


def cdb_octets(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The file with these keys and their data, in this order; a key may stand there more than once."""
    records = bytearray(2048)
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    for key, data in pairs:
        hashed = cdb_hash(key)
        tables[hashed % 256].append((hashed, len(records)))
        records += _pair.pack(len(key), len(data)) + key + data
    for number, entries in enumerate(tables):
        slots = len(entries) * 2
        _pair.pack_into(records, number * 8, len(records), slots)
        table = [(0, 0)] * slots
        for hashed, at in entries:
            slot = (hashed >> 8) % slots
            while table[slot][1]:
                slot = (slot + 1) % slots
            table[slot] = (hashed, at)
        for entry in table:
            records += _pair.pack(*entry)
    return bytes(records)


def write_cdb(path: str | bytes, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """Make or replace the file at `path`, by renaming, as cdbmake does."""
    whole = os.fsdecode(path)
    temporary = whole + ".tmp"
    with open(temporary, "wb") as file:
        file.write(cdb_octets(pairs))
    os.replace(temporary, whole)
