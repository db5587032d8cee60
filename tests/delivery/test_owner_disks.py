"""Which disk writes a copy: the server's own, the agent's, or none."""

import os
import pwd
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.delivery.agent_disk import AgentDisk
from twistedmx.delivery.owner_disks import OwnerDisks, name_of, nobody_else
from twistedmx.testing.disk import FakeDisk

DAEMON = 1


class OwnerDisksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.own = FakeDisk()
        self.euid = DAEMON
        self.disks = OwnerDisks(own=self.own, euid=lambda: self.euid)
        self.me = name_of(DAEMON)
        if not self.me:
            self.skipTest("uid 1 has no name here")

    def test_what_is_the_servers_own_users_is_written_directly(self) -> None:
        """One user's server, or a test of it, needs no root."""
        self.assertIs(self.disks.disk_of(self.me), self.own)

    def test_without_root_at_the_start_nobody_else_gets_mail_and_the_log_says_why(self) -> None:
        """The peer hears 451 and comes again, when the operator has read it."""
        self.assertFalse(self.disks.start(least_uid=1000, maildirs=("Maildir",)))
        error = self.assertRaises(OSError, self.disks.disk_of, "ann")
        self.assertIn("must be started as root", str(error))
        self.assertIn("'ann'", str(error))
        self.disks.stop()

    def test_root_itself_writes_for_nobody_directly(self) -> None:
        """A server that kept root must not write files of root's because a table says root."""
        self.euid = 0
        self.assertRaises(OSError, self.disks.disk_of, name_of(0) or "root")

    def test_who_we_are_is_asked_again_after_root_was_shed(self) -> None:
        """Mail may come, in a test, before."""
        self.euid = 0
        self.assertRaises(OSError, self.disks.disk_of, self.me)
        self.euid = DAEMON
        self.assertIs(self.disks.disk_of(self.me), self.own)

    def test_a_uid_without_a_name_is_nobodys(self) -> None:
        """Containers have such uids; the copies without an owner are theirs all the same."""
        self.euid = 4_000_000
        self.assertRaises(OSError, self.disks.disk_of, self.me)
        self.assertIs(self.disks.disk_of(""), self.own)

    def test_where_there_are_no_system_users_a_copy_of_one_fails(self) -> None:
        """What acceptance does with an owner when it was given no choice."""
        self.assertRaises(OSError, nobody_else, "ann")

    @skipUnless(os.geteuid() == 0, "only root starts the agent")
    def test_started_as_root_the_agent_writes_for_all_others(self) -> None:
        """And for our own user we need it no more."""
        self.euid = 0
        self.assertTrue(self.disks.start(least_uid=1000, maildirs=("Maildir",)))
        self.addCleanup(self.disks.stop)
        self.euid = DAEMON
        self.assertIs(self.disks.disk_of(self.me), self.own)
        disk = self.disks.disk_of("root")
        self.assertIsInstance(disk, AgentDisk)
        home = pwd.getpwuid(0).pw_dir
        self.assertRaises(PermissionError, disk.make_directories, f"{home}/Maildir/new")

    def test_a_setting_that_would_let_root_have_mail_is_a_fault_at_the_start(self) -> None:
        """Not of a process that then ends in silence."""
        self.euid = 0
        self.assertRaises(ValueError, self.disks.start, least_uid=0, maildirs=("Maildir",))
        self.assertRaises(ValueError, self.disks.start, least_uid=1000, maildirs=("../Maildir",))
