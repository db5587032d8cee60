"""Constant databases, as tinycdb makes them and as accidents leave them."""

import gc
import os
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.qmail.cdb import BadCdb, Cdb, cdb_hash
from twistedmx.testing.cdb import cdb_octets, write_cdb

PAIRS = [
    (b"example.org", b""),
    (b"", b"the empty key"),
    (b"one", b"1"),
    (b"one", b"first of the second"),
    (b"\0\xff", bytes(range(256)) * 20),
    *((b"key %d" % number, b"data %d" % number) for number in range(2_000)),
]


class TestReading(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        write_cdb(self.path, PAIRS)
        self.cdb = Cdb(self.path)
        self.addCleanup(self.cdb.close)

    def test_each_record_is_found_and_nothing_else(self):
        for key, data in PAIRS:
            self.assertIn(data, list(self.cdb.get_all(key)))
        self.assertIsNone(self.cdb.get(b"example.net"))
        self.assertIsNone(self.cdb.get(b"key 2000"))
        self.assertEqual(list(self.cdb.items()), PAIRS)

    def test_the_first_of_several_is_the_answer(self):
        self.assertEqual(self.cdb.get(b"one"), b"1")
        self.assertEqual(list(self.cdb.get_all(b"one")), [b"1", b"first of the second"])

    def test_one_that_was_renamed_over_is_another(self):
        """The old one goes on until whoever asks for it has the new one."""
        self.assertTrue(self.cdb.same_as(os.stat(self.path)))
        write_cdb(self.path, [(b"one", b"new")])
        self.assertFalse(self.cdb.same_as(os.stat(self.path)))
        self.assertEqual(self.cdb.get(b"one"), b"1")

    def test_one_that_is_cut_short_in_its_place_does_not_kill_us(self):
        """`cp new.cdb tcp.smtp.cdb` empties the file before it fills it; who reads a map of it then gets SIGBUS."""
        os.truncate(self.path, 0)
        with self.assertRaises(BadCdb) as bad:
            self.cdb.get(b"one")
        self.assertIn(self.path, str(bad.exception))
        with self.assertRaises(BadCdb):
            list(self.cdb.items())

    def test_a_file_without_a_header_is_none(self):
        for octets in (b"", b"x" * 2047):
            with open(self.path, "wb") as file:
                file.write(octets)
            with self.assertRaises(BadCdb) as bad:
                Cdb(self.path)
            self.assertIn(f"{self.path}: {len(octets)} octets are too few", str(bad.exception))

    def test_zeros_are_no_empty_one(self):
        """What a crash leaves of a file that was not synced: taken for one without records, everybody is unknown, or let in."""
        for octets in (bytes(2048), bytes(70_000), cdb_octets(PAIRS)[:-1], cdb_octets(PAIRS)[:2040] + bytes(70_000)):
            with open(self.path, "wb") as file:
                file.write(octets)
            with self.assertRaises(BadCdb) as bad:
                Cdb(self.path)
            self.assertIn(f"{self.path}: a hash table lies outside", str(bad.exception))

    def test_one_without_records_is_empty(self):
        write_cdb(self.path, [])
        empty = Cdb(self.path)
        self.addCleanup(empty.close)
        self.assertIsNone(empty.get(b""))
        self.assertEqual(list(empty.items()), [])

    def test_a_closed_one_answers_nothing_instead_of_another_file(self):
        """The number of its descriptor is soon another's."""
        self.cdb.close()
        self.cdb.close()
        with self.assertRaises(BadCdb):
            self.cdb.get(b"one")

    def test_what_nobody_uses_closes_itself(self):
        other = Cdb(self.path)
        descriptor = other._descriptor
        del other
        gc.collect()
        self.assertRaises(OSError, os.fstat, descriptor)

    def test_the_hash_is_that_of_the_format(self):
        self.assertEqual(cdb_hash(b""), 5381)
        self.assertEqual(cdb_hash(b"a"), (5381 * 33) ^ 97)


class TestTinycdb(SynchronousTestCase):
    """Files of the real program."""

    def setUp(self) -> None:
        if shutil.which("cdb") is None:
            raise SkipTest("no cdb here: it is in Debian's package tinycdb")

    def test_what_it_makes_is_read_and_is_what_the_writer_of_the_tests_makes(self):
        lines = b"".join(b"+%d,%d:%s->%s\n" % (len(key), len(data), key, data) for key, data in PAIRS) + b"\n"
        path = self.mktemp()
        subprocess.run(["cdb", "-c", path], input=lines, check=True, timeout=10)
        cdb = Cdb(path)
        self.addCleanup(cdb.close)
        self.assertEqual(list(cdb.items()), PAIRS)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), cdb_octets(PAIRS))

    def test_one_of_its_without_records_is_empty(self):
        path = self.mktemp()
        subprocess.run(["cdb", "-c", path], input=b"\n", check=True, timeout=10)
        cdb = Cdb(path)
        self.addCleanup(cdb.close)
        self.assertEqual(list(cdb.items()), [])

    def test_what_the_writer_of_the_tests_makes_it_reads(self):
        path = self.mktemp()
        write_cdb(path, PAIRS)
        dumped = subprocess.run(["cdb", "-d", path], stdout=subprocess.PIPE, check=True, timeout=10).stdout
        self.assertEqual(dumped.count(b"->"), len(PAIRS))
