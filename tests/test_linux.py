"""What Python may lack of Linux does what Python's own does."""

import errno
import fcntl
import os
import select
import signal
import socket
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from twistedmx import linux


class NumbersTests(SynchronousTestCase):
    def test_they_are_those_that_python_knows(self) -> None:
        """A wrong one would open something else, and say nothing."""
        known = {}
        for module in (os, fcntl, socket):
            known.update({name: getattr(module, name) for name in vars(linux) if hasattr(module, name)})
        known = {name: value for name, value in known.items() if name.isupper()}
        self.assertEqual({name: linux.OF_THE_HEADERS.get(name) for name in known}, known)


class CallsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)

    def test_blocks_are_written_in_order(self) -> None:
        """As one."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        self.assertEqual(linux.writev_joined(writer, [b"abc", b"", b"def"]), 6)
        self.assertEqual(os.read(reader, 100), b"abcdef")

    def test_a_file_without_a_name_gets_one(self) -> None:
        """Through /proc; and a name that is taken stays whose it is."""
        try:
            descriptor = os.open(self.folder, linux.O_TMPFILE | os.O_RDWR, 0o600)
        except OSError as error:
            self.skipTest(f"no nameless files here: {error}")
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, b"content")
        for number, link in enumerate((linux.linkat_followed, linux.link)):
            path = f"{self.folder}/{number}"
            link(f"/proc/self/fd/{descriptor}", path)
            self.assertEqual(os.stat(path).st_size, 7)
            self.assertRaises(FileExistsError, link, f"/proc/self/fd/{descriptor}", path)

    def test_the_end_of_a_process_is_heard(self) -> None:
        """By a descriptor."""
        with subprocess.Popen(["sleep", "60"]) as process:
            descriptor = linux.pidfd_by_number(process.pid)
            self.addCleanup(os.close, descriptor)
            self.assertEqual(select.select([descriptor], [], [], 0)[0], [])
            process.send_signal(signal.SIGKILL)
            self.assertEqual(select.select([descriptor], [], [], 60)[0], [descriptor])
        error = self.assertRaises(OSError, linux.pidfd_by_number, process.pid)
        self.assertEqual(error.errno, errno.ESRCH)

    def test_who_cannot_copy_says_so_as_an_old_kernel_does(self) -> None:
        """Whoever asks copies by himself then."""
        error = self.assertRaises(OSError, linux.no_copy_file_range, 0, 1, 10, offset_src=5)
        self.assertEqual(error.errno, errno.ENOSYS)
