"""djb's constant database, read: control/morercpthosts.cdb, users/cdb, rules of tcprules, vpasswd.cdb.

A header of 256 pairs (position, slots) of 32-bit little-endian numbers; records (key length, data length, key, data); then the
hash tables, whose slots are pairs (hash, position), position 0 for none (cdb(5); https://cr.yp.to/cdb/cdb.txt).

The file is mapped, not read. Whoever replaces it renames a new one over it, as cdbmake does: a Cdb goes on with the old one, and
`same_as` says whether there is another by now. A corrupt file is `BadCdb`, never an endless search and never another's octets.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from typing import Final

_HEADER: Final = 2048
_pair = struct.Struct("<LL")


class BadCdb(ValueError):
    """The file is no constant database, or is damaged. The text says where."""


def cdb_hash(key: bytes) -> int:
    """h = 5381; for each octet: h = (h * 33) xor octet, in 32 bits."""
    hashed = 5381
    for octet in key:
        hashed = (hashed * 33 & 0xFFFFFFFF) ^ octet
    return hashed


class Cdb:
    """One file, open. To be closed."""

    def __init__(self, path: str | bytes) -> None:
        """Raises OSError where it cannot be read, BadCdb where it is too short to be one."""
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            self._identity = _identity(status)
            self._size = status.st_size
            if self._size < _HEADER:
                raise BadCdb(f"{os.fsdecode(path)}: {self._size} octets are too few for a cdb")
            self._octets = mmap.mmap(file.fileno(), self._size, prot=mmap.PROT_READ)
        self._path = os.fsdecode(path)

    def close(self) -> None:
        """Nothing more is asked."""
        self._octets.close()

    def same_as(self, status: os.stat_result) -> bool:
        """Whether the file with this status is the one that is open, as it was when it was opened."""
        return _identity(status) == self._identity

    def get(self, key: bytes) -> bytes | None:
        """The data of the first record with `key`; None without one. Raises BadCdb."""
        return next(self.get_all(key), None)

    def get_all(self, key: bytes) -> Iterator[bytes]:
        """The data of each record with `key`, in the order of the file. Raises BadCdb."""
        hashed = cdb_hash(key)
        table, slots = self._two(hashed % 256 * 8)
        if not slots:
            return
        if table < _HEADER or table + slots * 8 > self._size:
            raise BadCdb(f"{self._path}: a hash table lies outside of the file")
        first = (hashed >> 8) % slots
        for turn in range(slots):
            stored, at = self._two(table + (first + turn) % slots * 8)
            if not at:
                return
            if stored == hashed:
                found, data = self._record(at)
                if found == key:
                    yield data

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All records, in the order of the file. Raises BadCdb."""
        tables = [self._two(number * 8) for number in range(256)]
        end = min((table for table, slots in tables if slots), default=self._size)
        at = _HEADER
        while at < end:
            key, data = self._record(at)
            yield key, data
            at += 8 + len(key) + len(data)

    def _two(self, at: int) -> tuple[int, int]:
        first, second = _pair.unpack_from(self._octets, at)
        return first, second

    def _record(self, at: int) -> tuple[bytes, bytes]:
        if at < _HEADER or at + 8 > self._size:
            raise BadCdb(f"{self._path}: a record lies outside of the file")
        key_octets, data_octets = self._two(at)
        begin = at + 8
        middle = begin + key_octets
        end = middle + data_octets
        if end > self._size:
            raise BadCdb(f"{self._path}: the record at {at} is longer than the file")
        return self._octets[begin:middle], self._octets[middle:end]


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
