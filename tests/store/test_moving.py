"""A change of the number of workers forgets nobody: each host's record is where the host comes to, whatever happened in between."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from random import Random

from tests.store.moved import AT, goods, moving, name_of, put, rows, tally
from tests.store.opened import Opened
from tests.store.test_kill import ROOT
from twistedmx.net.steering import worker_of
from twistedmx.policy.standing import Standing
from twistedmx.store.moving import file_of, files_of_workers

HOSTS = [f"192.0.2.{last}" for last in range(40)] + [f"2001:db8:0:{part:x}::7" for part in range(1, 40)]


def known(good: float, **more: object) -> Standing:
    return Standing(good=good, at=int(AT), first=int(AT) - 1000, last=int(AT), day=int(AT), days=1, **more)  # type: ignore[arg-type]


class Moved(Opened):
    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.dirname(self.path)

    def file(self, number: int, workers: int) -> str:
        return os.path.join(self.folder, file_of("store.sqlite", number, workers))

    def files(self, workers: int) -> list[str]:
        return [self.path] if workers == 1 else [self.file(number, workers) for number in range(workers)]

    def fill(self, workers: int) -> None:
        """As so many leave it."""
        for number, path in enumerate(self.files(workers)):
            mine = [host for host in HOSTS if workers == 1 or worker_of(host, workers) == number]
            put(path, {host: known(HOSTS.index(host) + 1) for host in mine}, {"mx": tally(number + 1.0)})

    def assert_settled(self, workers: int) -> None:
        """Each host is where it comes to, with all that is known of it, and nowhere else."""
        if workers > 1:
            self.assertEqual(rows(self.path) if os.path.exists(self.path) else [], [])
        for number, path in enumerate(self.files(workers)):
            mine = {
                name_of(host): at + 1.0
                for at, host in enumerate(HOSTS)
                if workers == 1 or worker_of(host, workers) == number
            }
            self.assertEqual(goods(path), mine)
        left = [path for path in files_of_workers(self.path) if path not in self.files(workers)]
        self.assertEqual(left, [])


class MovingTests(Moved):
    def test_each_host_is_where_it_comes_to(self) -> None:
        """From one process to four workers, to two, to three, and back to one."""
        self.fill(1)
        for workers in (4, 2, 3, 1):
            self.assertGreaterEqual(moving(self.path).settle(workers), len(HOSTS))
            self.assert_settled(workers)
            self.assertEqual(moving(self.path).settle(workers), 0)

    def test_where_nothing_is_known_nothing_is_made(self) -> None:
        """A first start."""
        for workers in (1, 3):
            self.assertEqual(moving(self.path).settle(workers), 0)
            self.assertFalse(os.path.exists(self.path))
        put(self.path, {})
        self.assertEqual(moving(self.path).settle(3), 0)
        self.assertEqual(os.listdir(self.folder), ["store.sqlite"])

    def test_what_is_of_no_one_host_goes_to_the_first(self) -> None:
        """Tallies of all that there were: of each count the larger one."""
        self.fill(3)
        moving(self.path).settle(2)
        self.assertEqual([row[:2] for row in rows(self.file(0, 2), "helos")], [("mx", 3.0)])
        self.assertEqual(rows(self.file(1, 2), "helos"), [])

    def test_what_store_sqlite_has_beside_hosts_stays(self) -> None:
        """Blocks, allowances and networks are the supervisor's."""
        self.fill(1)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("INSERT INTO networks VALUES ('192.0.2.0/24', 1.0, 2.0, 3, '', '')")
            connection.execute("INSERT INTO allowed VALUES ('192.0.2.0/24', 'x', 1.0, NULL)")
            connection.commit()
        moving(self.path).settle(2)
        self.assertEqual((len(rows(self.path, "networks")), len(rows(self.path, "allowed"))), (1, 1))
        moving(self.path).settle(1)
        self.assertEqual((len(rows(self.path, "networks")), len(rows(self.path, "allowed"))), (1, 1))
        self.assert_settled(1)

    def test_one_host_in_several_files_is_joined(self) -> None:
        """Where the kernel steers nobody, each worker knows some of what a host does."""
        put(self.file(0, 2), {HOSTS[0]: known(5, bad=1.0, hung_up=(int(AT) - 9,))})
        put(self.file(1, 2), {HOSTS[0]: known(3, bad=7.0, hung_up=(int(AT) - 5,))})
        moving(self.path).settle(1)
        ((_, good, bad, *_, hung_up, _),) = rows(self.path)
        self.assertEqual((good, bad, hung_up), (5.0, 7.0, f"{int(AT) - 9} {int(AT) - 5}"))

    def test_files_without_the_number_of_workers_are_taken_too(self) -> None:
        """As they were called at first."""
        put(os.path.join(self.folder, "store-0.sqlite"), {HOSTS[0]: known(5)})
        put(os.path.join(self.folder, "store-1.sqlite"), {HOSTS[1]: known(6)})
        put(os.path.join(self.folder, "store-20260101.sqlite"), {HOSTS[2]: known(7)})  # somebody's copy
        moving(self.path).settle(1)
        self.assertEqual(goods(self.path), {HOSTS[0]: 5.0, HOSTS[1]: 6.0})
        self.assertEqual(sorted(os.listdir(self.folder)), ["store-20260101.sqlite", "store.sqlite"])

    def test_times_are_those_of_the_file(self) -> None:
        """A process whose clock was put right has a time of its own."""
        put(self.path, {}, time=(AT - 500_000, AT))
        put(self.file(0, 2), {HOSTS[0]: known(5, hung_up=(int(AT) - 9,))})
        moving(self.path).settle(1)
        ((_, _, _, _, heard, first, last, day, days, hung_up, _),) = rows(self.path)
        at = int(AT) - 500_000
        self.assertEqual((heard, first, last, day, days, hung_up), (at, at - 1000, at, at, 1, str(at - 9)))

    def test_a_new_file_goes_on_with_the_time_of_the_old_one(self) -> None:
        """Of the time in which nobody served, a day at most."""
        put(self.path, {HOSTS[0]: known(5)}, time=(AT - 500_000, AT - 1000))
        moving(self.path).settle(2)
        self.assertEqual(rows(self.file(worker_of(HOSTS[0], 2), 2), "steady_time"), [(1, AT - 499_000, AT)])

    def test_a_file_in_use_is_left_for_the_next_start(self) -> None:
        """An old worker that has its last sessions; what the others knew is taken."""
        self.fill(2)
        with closing(sqlite3.connect(self.file(1, 2))) as busy:
            busy.execute("SELECT * FROM hosts").fetchall()
            moving(self.path).settle(1)
            self.assertEqual(len(self.words()), 1)
            self.assertIn(
                "store-1-of-2.sqlite: database is locked: it is taken over at the next start", self.words()[0]
            )
            self.assertFalse(os.path.exists(self.file(0, 2)))
            self.assertTrue(0 < len(rows(self.path)) < len(HOSTS))
            busy.execute("UPDATE hosts SET good = good")
        moving(self.path).settle(1)
        self.assert_settled(1)

    def test_while_another_process_has_the_store_nothing_is_moved(self) -> None:
        """As in an upgrade: nothing is written, and nothing is said."""
        self.fill(1)
        with closing(sqlite3.connect(self.path)) as busy:
            busy.execute("SELECT * FROM hosts").fetchall()
            self.assertEqual(moving(self.path).settle(2), 0)
        self.assertEqual((os.listdir(self.folder), self.words()), (["store.sqlite"], []))

    def test_where_a_new_file_cannot_be_written_the_old_ones_stay(self) -> None:
        """And the server starts; the next one tries again."""
        self.fill(1)
        os.mkdir(self.file(1, 2))
        self.assertEqual(moving(self.path).settle(2), 0)
        self.assertIn("the next start tries again", self.words()[0])
        os.rmdir(self.file(1, 2))
        moving(self.path).settle(2)
        self.assert_settled(2)

    def test_a_damaged_file_is_moved_aside(self) -> None:
        """Its neighbours are taken."""
        self.fill(2)
        with open(self.file(1, 2), "wb") as file:
            file.write(b"nonsense" * 1000)
        moving(self.path).settle(1)
        self.assertIn("store-1-of-2.sqlite.corrupt", self.words()[0])
        self.assertEqual(set(goods(self.path)), {name_of(host) for host in HOSTS if worker_of(host, 2) == 0})
        self.assertTrue(os.path.exists(self.file(1, 2) + ".corrupt"))

    def test_a_row_that_is_none_is_left_out(self) -> None:
        """Somebody wrote it by hand."""
        self.fill(1)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("UPDATE hosts SET host = 'no address' WHERE host = '192.0.2.1'")
            connection.commit()
        self.assertEqual(moving(self.path).settle(2), len(HOSTS) - 1 + 1)  # and a tally
        self.assertIn("'no address' is no row of hosts", self.words()[0])

    def test_a_store_without_a_name_has_files_beside_it(self) -> None:
        """Whatever the operator calls it."""
        for file, other in (("store", "store-1-of-4"), ("a.b.db", "a.b-1-of-4.db"), (".db", "db-1-of-4")):
            self.assertEqual(file_of(file, 1, 4), other)
            path = os.path.join(self.folder, file)
            os.makedirs(self.folder, exist_ok=True)
            with open(os.path.join(self.folder, other), "wb"):
                self.assertEqual(files_of_workers(path), {os.path.join(self.folder, other): 4})
            os.remove(os.path.join(self.folder, other))


class KillTests(Moved):
    def test_a_kill_at_any_moment_loses_nothing(self) -> None:
        """Of what was on disk: the next start goes on, also for another number."""
        chance = Random(7)
        self.fill(1)
        killed = 0
        for _ in range(16):
            workers = chance.choice((1, 2, 3, 4))
            process = subprocess.run(
                [sys.executable, "-m", "tests.store.moved", self.path, str(workers), str(chance.randrange(1, 150))],
                cwd=ROOT,
            )
            self.assertIn(process.returncode, (0, -9))
            killed += process.returncode == -9
        self.assertGreater(killed, 6)
        for workers in (4, 1):
            moving(self.path).settle(workers)
            self.assert_settled(workers)
