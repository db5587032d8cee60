"""Constant databases of any octets, and sound ones with some octets changed."""

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.testing.cdb import cdb_octets

_keys = st.binary(max_size=6) | st.sampled_from([b"a", b"b", b"", b"aa"])
_pairs = st.lists(st.tuples(_keys, st.binary(max_size=20) | st.just(b"x" * 600)), max_size=12)
# Where a number of the header or of a record is wrong: by little, or altogether.
_numbers = st.integers(0, 2**32 - 1) | st.integers(2040, 2400) | st.integers(0, 9)
_changes = st.lists(st.tuples(st.integers(0, 2500), _numbers), max_size=6)


class TestAnyFile(SynchronousTestCase):
    def setUp(self) -> None:
        handle, self.path = tempfile.mkstemp()
        os.close(handle)
        self.addCleanup(os.remove, self.path)

    def ask(self, octets: bytes, keys: list[bytes]) -> None:
        with open(self.path, "wb") as file:
            file.write(octets)
        try:
            cdb = Cdb(self.path)
        except BadCdb:
            return
        try:
            for key in keys:
                try:
                    for data in cdb.get_all(key):
                        self.assertIn(data, octets)
                except BadCdb as bad:
                    self.assertIn(self.path, str(bad))
            try:
                for number, (key, data) in enumerate(cdb.items()):
                    self.assertIn(key + data, octets)
                    self.assertLess(number, len(octets))
            except BadCdb as bad:
                self.assertIn(self.path, str(bad))
        finally:
            cdb.close()

    @EXAMPLES
    @given(_pairs, _changes, st.integers(0, 3000) | st.none(), st.lists(_keys, max_size=4))
    def test_a_damaged_file_is_a_bad_cdb_or_gives_what_stands_in_it(self, pairs, changes, cut, keys):
        """Whatever was changed or cut off: no exception but BadCdb, an end, and no octets that are not in the file."""
        octets = bytearray(cdb_octets(pairs))
        for at, number in changes:
            octets[at : at + 4] = number.to_bytes(4, "little")
        self.ask(bytes(octets)[:cut], [key for key, _ in pairs] + keys)

    @EXAMPLES
    @given(st.binary(max_size=64), st.integers(30, 40), st.lists(_keys, max_size=4))
    def test_noise_is_a_bad_cdb_or_gives_what_stands_in_it(self, octets, times, keys):
        """Any octets at all, repeated until they are long enough for a header."""
        self.ask(octets * times, keys)

    @EXAMPLES
    @given(_pairs)
    def test_a_sound_file_gives_each_of_its_records(self, pairs):
        """What was written is read, in its order, under its key."""
        with open(self.path, "wb") as file:
            file.write(cdb_octets(pairs))
        cdb = Cdb(self.path)
        try:
            self.assertEqual(list(cdb.items()), pairs)
            for key, _ in pairs:
                self.assertEqual(list(cdb.get_all(key)), [data for other, data in pairs if other == key])
        finally:
            cdb.close()
