"""djb's constant database, read: control/morercpthosts.cdb, users/cdb, rules of tcprules, vpasswd.cdb.

A header of 256 pairs (position, slots) of 32-bit little-endian numbers; records (key length, data length, key, data); then the
hash tables, whose slots are pairs (hash, position), position 0 for none (cdb(5); https://cr.yp.to/cdb/cdb.txt).

The file is kept open, and read where it is asked for. Not mapped: whoever copies a new file over the old one cuts it short for
a moment, and who reads a map beyond its file's end is killed (SIGBUS). Who replaces it as cdbmake does renames a new one over
it: a Cdb goes on with the old one, and `same_as` says whether there is another by now. A corrupt file is `BadCdb`, never an
endless search, never another's octets, and never one without records: what a crash has left of a file is often zeros.
"""

import os
import struct
import weakref
from collections.abc import Iterator
from typing import Final

_HEADER: Final = 2048
_BESIDE: Final = 256  # octets of data that are read together with a key: most fit
# A sound table is half empty, so that a search ends after a few slots; as many as this have only thousands of one key.
_MOST_SLOTS: Final = 100_000
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
    """One file, open. To be closed; what nobody uses any more closes itself."""

    def __init__(self, path: str | bytes) -> None:
        """Raises OSError where it cannot be read, BadCdb where it is too short to be one, or its header says what cannot be."""
        self._path = os.fsdecode(path)
        # O_NONBLOCK: a FIFO of this name must not hold us.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._close.atexit = False
        status = os.fstat(self._descriptor)
        self._identity = _identity(status)
        self._size = status.st_size
        if self._size < _HEADER:
            self.close()
            raise BadCdb(f"{self._path}: {self._size} octets are too few for a cdb")
        try:
            self._header = self._read(0, _HEADER)
            self._check_header()
        except BadCdb:
            self.close()
            raise

    def _check_header(self) -> None:
        # Of tables without slots too: cdbmake writes where they would be, 2048 in a file without records, and never 0.
        for table, slots in _pair.iter_unpack(self._header):
            if table < _HEADER or table + slots * 8 > self._size:
                raise BadCdb(f"{self._path}: a hash table lies outside of the file; make it anew")

    def close(self) -> None:
        """Nothing more is asked. Harmless when it is closed."""
        self._close()
        self._descriptor = -1

    def same_as(self, status: os.stat_result) -> bool:
        """Whether the file with this status is the one that is open, as it was when it was opened."""
        return _identity(status) == self._identity

    def get(self, key: bytes) -> bytes | None:
        """The data of the first record with `key`; None without one. Raises BadCdb."""
        return next(self.get_all(key), None)

    def get_all(self, key: bytes) -> Iterator[bytes]:
        """The data of each record with `key`, in the order of the file. Raises BadCdb."""
        hashed = cdb_hash(key)
        table, slots = _pair.unpack_from(self._header, hashed % 256 * 8)
        if not slots:
            return
        first = (hashed >> 8) % slots
        for turn in range(min(slots, _MOST_SLOTS)):
            stored, at = _pair.unpack(self._read(table + (first + turn) % slots * 8, 8))
            if not at:
                return
            if stored == hashed:
                found, data = self._record(at, len(key))
                if found == key:
                    yield data
        if slots > _MOST_SLOTS:
            raise BadCdb(f"{self._path}: a hash table without room: {_MOST_SLOTS} slots in a row are taken")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All records, in the order of the file. Raises BadCdb."""
        tables = [_pair.unpack_from(self._header, number * 8) for number in range(256)]
        end = min((table for table, slots in tables if slots), default=self._size)
        at = _HEADER
        while at < end:
            key, data = self._record(at, 0)
            yield key, data
            at += 8 + len(key) + len(data)

    def _record(self, at: int, expected: int) -> tuple[bytes, bytes]:
        # `expected`: octets of the key, as many as are read at once.
        if at < _HEADER or at + 8 > self._size:
            raise BadCdb(f"{self._path}: a record lies outside of the file")
        begun = self._read(at, min(8 + expected + _BESIDE, self._size - at))
        key_octets, data_octets = _pair.unpack_from(begun)
        middle = 8 + key_octets
        end = middle + data_octets
        if at + end > self._size:
            raise BadCdb(f"{self._path}: the record at {at} is longer than the file")
        if end > len(begun):
            begun += self._read(at + len(begun), end - len(begun))
        return begun[8:middle], begun[middle:end]

    def _read(self, at: int, octets: int) -> bytes:
        try:
            found = os.pread(self._descriptor, octets, at)
        except OSError as error:
            raise BadCdb(f"{self._path}: {error.strerror}") from None
        if len(found) < octets:
            raise BadCdb(f"{self._path}: it is shorter than when it was opened")
        return found


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
