"""What differs between CPython and PyPy."""

import os
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service import interpreter
from twistedmx.service.interpreter import advice, allowed_cpus, cpus_of, lacks


class CpusTests(SynchronousTestCase):
    def test_what_the_kernel_lists_is_counted(self):
        """Single ones and runs of them, with commas between."""
        for text, count in (("0", 1), ("0-1", 2), ("0-3,8,10-11", 7), ("1023", 1)):
            self.assertEqual(cpus_of(f"Cpus_allowed:\tff\nCpus_allowed_list:\t{text}\nMems_allowed:\t1\n"), count)

    def test_a_text_that_does_not_say_is_a_value_error(self):
        """Of another kernel, perhaps."""
        for text in ("", "Cpus_allowed_list:\t\n", "Cpus_allowed_list:\t-\n", "Cpus_allowed_list:\t,\n"):
            self.assertRaises(ValueError, cpus_of, text)

    @skipUnless(hasattr(os, "sched_getaffinity"), "PyPy has the file alone")
    def test_the_file_says_what_the_call_says(self):
        """Where there are both."""
        by_call = allowed_cpus()
        self.patch(interpreter, "os", type("Without", (), {"cpu_count": staticmethod(lambda: None)}))
        self.assertEqual((allowed_cpus(), allowed_cpus("/nowhere")), (by_call, 1))


class WordsTests(SynchronousTestCase):
    def test_who_has_given_it_room_is_told_nothing(self):
        """Nor who runs CPython."""
        self.assertEqual(list(advice({"PYPY_GC_NURSERY": "32M"}, "pypy")), [])
        self.assertEqual(list(advice({}, "cpython")), [])
        self.assertIn("PYPY_GC_NURSERY=64M", "".join(advice({}, "pypy")))

    def test_what_starts_programs_needs_calls_for_it(self):
        """A qmail host is told at the start, not with its first message."""
        self.assertEqual(list(lacks(qmail=False)), [])
        self.assertEqual(list(lacks(qmail=True)) == [], hasattr(os, "posix_spawn"))
        self.patch(interpreter, "os", object())
        self.assertIn("CPython", "".join(lacks(qmail=True)))
        self.assertEqual(list(lacks(qmail=False)), [])
