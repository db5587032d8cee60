"""Names and layout of a Maildir."""

import errno
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.delivery.maildir import Layout, Names
from twistedmx.testing.disk import FakeDisk


class NamesTests(SynchronousTestCase):
    """By https://cr.yp.to/proto/maildir.html."""

    def setUp(self) -> None:
        self.names = Names(now=lambda: 1234567890.000042, chance=Random(1), host="mx/1:a.example", pid=lambda: 77)

    def test_a_name_has_the_parts_of_the_maildir_page_in_order(self) -> None:
        """Readers sort by the seconds and count on the rest being unique."""
        self.assertRegex(self.names.next(), r"^1234567890\.M000042P77Q1R[0-9a-f]{16}\.mx\\0571\\072a\.example$")

    def test_no_name_comes_twice_within_one_moment(self) -> None:
        """The clock may stand still, or go back."""
        self.assertEqual(len({self.names.next() for _ in range(1000)}), 1000)

    def test_two_starts_with_the_same_pid_in_the_same_moment_differ(self) -> None:
        """Containers all have pid 1 and often the same host name."""
        other = Names(now=lambda: 1234567890.000042, chance=Random(2), host="mx/1:a.example", pid=lambda: 77)
        self.assertNotEqual(self.names.next(), other.next())

    def test_a_long_host_name_fits_a_file_name(self) -> None:
        """ENAMETOOLONG would refuse all mail."""
        names = Names(now=lambda: 1234567890.0, chance=Random(1), host="/" * 253, pid=lambda: 4194304)
        self.assertLessEqual(len(f"{names.next()},S={10**12}"), 255)


class LayoutTests(SynchronousTestCase):
    """When Maildirs are made and swept."""

    def setUp(self) -> None:
        self.time = 1e9
        self.disk = FakeDisk(now=lambda: self.time, nameless=False)
        self.layout = Layout(now=lambda: self.time)

    def leave(self, name: str) -> None:
        """A file in tmp that nobody will finish."""
        self.disk.close(self.disk.create("/mail/a", name))

    def test_a_missing_maildir_survives_a_power_cut_once_prepared(self) -> None:
        """Else the first mail of each user is lost with the directory it is in."""
        self.layout.prepare(self.disk, "/mail/a")
        self.assertEqual(self.disk.power_cut(names=False, octets=False).names("/mail/a"), ["cur", "new", "tmp"])

    def test_a_maildir_made_by_somebody_else_is_synced_before_it_is_trusted(self) -> None:
        """A tool that adds a user does not wait for the disk."""
        self.disk.make_directories("/mail/a")
        self.layout.prepare(self.disk, "/mail/a")
        self.assertIn(("sync_directory", "/mail"), self.disk.calls)
        self.assertIn(("sync_directory", "/mail/a"), self.disk.calls)

    def test_a_known_maildir_costs_nothing(self) -> None:
        """The second mail, and the millionth."""
        self.layout.prepare(self.disk, "/mail/a")
        calls = len(self.disk.calls)
        self.layout.prepare(self.disk, "/mail/a")
        self.assertEqual(len(self.disk.calls), calls)

    def test_what_is_36_hours_old_in_tmp_goes_at_the_first_delivery(self) -> None:
        """A power cut leaves unfinished files there; nobody else takes them away."""
        self.disk.make_directories("/mail/a/tmp")
        self.leave("old")
        self.time += 36 * 3600
        self.leave("young")
        self.time += 1
        self.layout.prepare(self.disk, "/mail/a")
        self.assertEqual(self.disk.names("/mail/a/tmp"), ["young"])

    def test_tmp_is_swept_again_a_day_later(self) -> None:
        """The process lives for months."""
        self.layout.prepare(self.disk, "/mail/a")
        self.leave("old")
        self.time += 86_399
        self.layout.prepare(self.disk, "/mail/a")
        self.time += 86_400
        self.layout.prepare(self.disk, "/mail/a")
        self.assertEqual(self.disk.names("/mail/a/tmp"), [])

    def test_what_cannot_be_swept_delays_no_mail(self) -> None:
        """A file of root in tmp is no reason to refuse."""
        for call in range(20):
            self.setUp()
            self.disk.make_directories("/mail/a/tmp")
            self.leave("one")
            self.leave("two")
            self.time += 40 * 3600
            begun = len(self.disk.calls)
            self.disk.fail(begun + call, errno.EACCES)
            try:
                self.layout.prepare(self.disk, "/mail/a")
            except PermissionError:
                self.assertIn(self.disk.calls[begun + call][0], ("make_directories",))

    def test_the_memory_of_known_maildirs_is_bounded(self) -> None:
        """The oldest is forgotten, and looked at again when it comes back."""
        self.patch(__import__("twistedmx.delivery.maildir", fromlist=["x"]), "_KNOWN", 2)
        for name in "abcabc":
            self.layout.prepare(self.disk, f"/mail/{name}")
        self.assertEqual(list(self.layout._swept), ["/mail/b", "/mail/c"])
