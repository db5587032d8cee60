"""An mbox keeps whole, whoever else writes to it and whatever the disk says."""

import fcntl
import os
import resource
from io import BytesIO
from typing import BinaryIO

from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.homes import Home
from twistedmx.qmail.endings import Deferred, Delivered
from twistedmx.qmail.mbox import append, quoted


class MboxTests(SynchronousTestCase):
    """Through the whole delivery, and alone."""

    def setUp(self) -> None:
        self.home = Home(self.addCleanup)
        self.home.put(".qmail", b"./Mailbox\n")

    def locked(self, octets: bytes) -> BinaryIO:
        """The mbox, locked by somebody else."""
        mailbox = self.home.put("Mailbox", octets).open("rb")
        self.addCleanup(mailbox.close)
        fcntl.flock(mailbox, fcntl.LOCK_EX)
        return mailbox

    def test_who_has_it_locked_is_waited_for(self) -> None:
        """A mail reader rewrites it."""
        mailbox = self.locked(b"From x\n\nold\n\n")
        waited: list[float] = []

        def wait(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 3:
                fcntl.flock(mailbox, fcntl.LOCK_UN)

        append(os.fsencode(mailbox.name), b"From y\n", BytesIO(b"\nnew\n"), wait)
        self.assertEqual(len(waited), 3)
        self.assertEqual(self.home.read("Mailbox"), b"From x\n\nold\n\nFrom y\n\nnew\n\n")

    def test_not_longer_than_thirty_seconds(self) -> None:
        """Who may read it may lock it, for ever."""
        self.locked(b"")
        ending = self.home.deliver()
        self.assertIsInstance(ending, Deferred)
        self.assertIn("File has been locked for 30 seconds straight. (#4.3.0)", ending.text)
        self.assertAlmostEqual(sum(self.home.waited), 30, places=3)

    def test_a_fault_in_the_middle_leaves_what_was_there(self) -> None:
        """Half a message at the end would eat the next one."""
        self.home.put("Mailbox", b"From x\n\nold\n\n")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
        try:
            with self.assertRaises(OSError):
                append(
                    os.fsencode(f"{self.home.path}/Mailbox"),
                    b"From y\n",
                    BytesIO(b"a" * 70 + b"\n" + b"b" * 400_000),
                    id,
                )
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        self.assertEqual(self.home.read("Mailbox"), b"From x\n\nold\n\n")

    def test_what_is_no_file_defers(self) -> None:
        """A pipe that nobody reads holds up nobody, and nothing is lost in /dev/null unseen."""
        for path in ("/dev/null", "./pipe", "./folder"):
            self.home.put(".qmail", path.encode())
            if path == "./pipe":
                os.mkfifo(f"{self.home.path}/pipe")
            if path == "./folder":
                os.mkdir(f"{self.home.path}/folder")
            self.assertIsInstance(self.home.deliver(), Deferred)

    def test_a_last_line_without_an_end_gets_one(self) -> None:
        """Then the blank line."""
        self.assertIsInstance(self.home.deliver(message=b"Subject: x\n\nlast"), Delivered)
        self.assertTrue(self.home.read("Mailbox").endswith(b"\n\nlast\n\n"))

    def test_from_is_quoted_at_the_beginning_of_a_line_alone(self) -> None:
        """With any number of > before it; so that unquoting gives back the octets."""
        for given, wanted in (
            (b"From x\n", b">From x\n"),
            (b">>From x\n", b">>>From x\n"),
            (b"from x\nFrom: x\n From x\n", b"from x\nFrom: x\n From x\n"),
            (b"x" * 65_536 + b"From x\n", b"x" * 65_536 + b"From x\n"),
            (b"", b""),
        ):
            self.assertEqual(b"".join(quoted(BytesIO(given))), wanted)
