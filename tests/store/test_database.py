"""The database: what was confirmed is there, and whatever the file does, nothing waits for it."""

import os
import sqlite3
import stat
import threading
from collections.abc import Sequence

from twisted.logger import LogLevel

from tests.store.opened import Opened
from twistedmx.store.database import Database
from twistedmx.store.jobs import Done, NotDone, Outcome

NOTES = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);",)
PUT = "INSERT OR REPLACE INTO notes VALUES (?, ?)"


class Noted(Opened):
    """With a table of its own: the database knows none."""

    def database(self, **arguments: object) -> Database:
        return super().database(**{"schema": NOTES} | arguments)

    def notes(self) -> list[int]:
        """What another program sees."""
        other = self.other()
        found = [id for (id,) in other.execute("SELECT id FROM notes ORDER BY id")]
        other.close()
        return found

    def other(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None, timeout=0.0)

    def read(self, database: Database) -> tuple[Outcome, list[int]]:
        """What it says itself."""
        ids: list[int] = []
        outcome = self.finish(
            database.read("SELECT id FROM notes", (), make=lambda rows: [id for (id,) in rows], take=ids.extend)
        )
        return outcome, ids


class HeldTests(Noted):
    """Another process is to have the file."""

    def test_what_was_asked_before_is_safe_and_what_comes_then_waits(self) -> None:
        """Whoever reads now reads all there is; and where nobody does, nothing is lost."""
        database = self.started()
        database.write(PUT, [(1, "one")])
        self.assertEqual(self.finish(database.hold()), Done())
        self.assertEqual(self.notes(), [1])
        later = database.write(PUT, [(2, "two")])
        self.assertEqual(self.read(database), (Done(), [1]))
        self.assertNoResult(later)
        self.assertEqual(database.state.waiting, 1)
        database.go_on()
        self.assertEqual(self.finish(later), Done())
        self.assertEqual(self.notes(), [1, 2])

    def test_what_is_given_up_is_answered_and_written_by_nobody(self) -> None:
        """The other one's memory is what the file has."""
        database = self.started()
        self.finish(database.hold())
        later = database.write(PUT, [(2, "two")])
        database.give_up()
        for write in (later, database.write(PUT, [(3, "three")])):
            self.assertIsInstance(self.finish(write), NotDone)
        self.assertEqual((database.state.waiting, database.state.lost), (0, 0))
        self.finish(database.stop())
        self.assertEqual(self.notes(), [])
        self.assertEqual(self.words(), [])


class WriteTests(Noted):
    """All is well."""

    def test_what_was_confirmed_is_in_the_file(self) -> None:
        """Another program sees it at once."""
        database = self.started()
        self.assertEqual(self.finish(database.write(PUT, [(1, "a"), (2, "b")])), Done())
        self.assertEqual(self.notes(), [1, 2])
        self.assertEqual(self.read(database), (Done(), [1, 2]))
        self.assertEqual(self.words(), [])

    def test_nobody_is_told_before_it_is_committed(self) -> None:
        """Whoever looks into the file at the moment of the telling finds it there: a SIGKILL then costs nothing."""
        seen = []
        put = self.call_in_reactor
        self.call_in_reactor = lambda *call: (seen.append(self.notes()), put(*call))
        database = self.started()
        self.finish(database.write(PUT, [(1, "a")]))
        self.finish(database.write(PUT, [(2, "b")]))
        self.assertEqual(seen, [[1], [1, 2]])

    def test_what_is_asked_before_the_start_is_done_by_it(self) -> None:
        """In its order, a read behind a write sees it, and no call of the reactor is needed."""
        database = self.database()
        heard: list[object] = []
        database.write(PUT, [(1, "a")]).addCallback(heard.append)
        database.read("SELECT text FROM notes", (), make=lambda rows: rows, take=heard.append).addCallback(heard.append)
        database.start()
        self.assertEqual(heard, [Done(), [("a",)], Done()])

    def test_the_file_is_for_the_server_alone(self) -> None:
        """It says who sends mail here."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        database = self.started()
        self.finish(database.write(PUT, [(1, "a")]))
        modes = {name: stat.S_IMODE(os.stat(self.path + name).st_mode) for name in ("", "-wal", "-shm")}
        self.assertEqual(modes, {"": 0o600, "-wal": 0o600, "-shm": 0o600})
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o700)

    def test_a_fault_of_one_job_is_its_own(self) -> None:
        """All of its rows or none, and the neighbours in the same transaction are saved."""
        database = self.database()
        asked = [
            database.write(PUT, [(1, "a")]),
            database.write(PUT, [(2, "b"), (3, None)]),
            database.write(PUT, [(4, "\udcff")]),
            database.write(PUT, [(2**70, "c")]),
            database.write("INSERT INTO nowhere VALUES (?)", [(1,)]),
            database.write(PUT, [(5, "d")]),
        ]
        database.start()
        outcomes = [self.successResultOf(one) for one in asked]
        self.assertEqual([type(one) for one in outcomes], [Done, NotDone, NotDone, NotDone, NotDone, Done])
        self.assertEqual(self.notes(), [1, 5])
        self.assertEqual((database.state.lost, database.state.waiting, database.state.fault), (5, 0, ""))
        self.assertEqual(
            self.words(), [f"{self.path}: 4 changes are not saved: NOT NULL constraint failed: notes.text"]
        )

    def test_a_fault_that_each_job_has_is_told_once(self) -> None:
        """An attack makes thousands of entries; a table that somebody dropped must not fill the log with as many lines."""
        database = self.started()
        for number in range(3):
            self.finish(database.write("INSERT INTO nowhere VALUES (?)", [(number,)]))
        self.assertEqual(self.words(), [f"{self.path}: 1 changes are not saved: no such table: nowhere"])
        self.assertEqual(database.state.lost, 3)

    def test_a_fault_of_one_reader_is_his_own(self) -> None:
        """A taker that raises, and a maker that does, are told in the log; the rest goes on."""
        database = self.started()
        self.finish(database.write(PUT, [(1, "a")]))

        def fail(rows: Sequence[object]) -> None:
            raise RuntimeError("mine")

        ask = "SELECT id FROM notes"
        self.assertEqual(self.finish(database.read(ask, (), make=lambda rows: rows, take=fail)), Done())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        outcome = self.finish(database.read(ask, (), make=fail, take=lambda rows: None))
        self.assertEqual(outcome, NotDone(detail="mine"))
        self.assertEqual(self.read(database), (Done(), [1]))

    def test_the_thread_ends_with_the_server(self) -> None:
        """And takes along what was asked until then."""
        database = self.started()
        asked = [database.write(PUT, [(number, "a")]) for number in range(100)]
        self.finish(database.stop())
        self.assertEqual({self.successResultOf(one) for one in asked}, {Done()})
        self.assertEqual(self.notes(), list(range(100)))
        self.assertNotIn("twistedmx store", [thread.name for thread in threading.enumerate()])
        self.assertFalse(os.path.exists(self.path + "-wal"))

    def test_after_the_stop_nothing_is_taken(self) -> None:
        """Whoever asks is answered, and a second stop is fine."""
        database = self.started()
        stopping = database.stop()
        asked = [
            self.successResultOf(database.write(PUT, [(1, "a")])),
            self.successResultOf(database.read("SELECT 1", (), make=list, take=list)),
        ]
        self.assertEqual(asked, [NotDone(detail="the server stops")] * 2)
        self.finish(database.stop())
        self.successResultOf(stopping)
        self.successResultOf(database.stop())

    def test_a_stop_without_a_start_answers_all(self) -> None:
        """A server that could not bind its port still ends."""
        database = self.database()
        asked = [database.write(PUT, [(1, "a")]), database.read("SELECT 1", (), make=list, take=list)]
        self.successResultOf(database.stop())
        self.assertEqual([type(self.successResultOf(one)) for one in asked], [NotDone, NotDone])
        self.assertFalse(os.path.exists(self.path))


class FaultTests(Noted):
    """The file cannot be written now."""

    def test_what_a_lock_holds_up_waits_and_is_written_after_it(self) -> None:
        """A backup that locks the file for a minute costs no entry; the operator hears of it once, and of its end."""
        database = self.started()
        other = self.other()
        other.execute("BEGIN EXCLUSIVE")
        asked = [database.write(PUT, [(1, "a")])]
        self.until(lambda: database.state.failures == 1)
        asked.append(database.write(PUT, [(2, "b")]))
        self.clock.advance(1)
        self.until(lambda: database.state.failures == 2)
        self.assertEqual(database.state.waiting, 2)
        told = (
            f"{self.path}: database is locked; another program holds it; end that one; "
            "until then what should be remembered waits in memory"
        )
        self.assertEqual(self.words(), [told])
        self.assertIn(database.state.fault, told)
        other.close()
        self.clock.advance(2)
        self.assertEqual([self.finish(one) for one in asked], [Done(), Done()])
        self.until(lambda: not database.state.fault)
        self.assertEqual(self.words(LogLevel.info), [f"{self.path}: written again"])
        self.assertEqual(self.words(), [told])
        self.assertEqual(self.notes(), [1, 2])

    def test_what_fails_is_tried_less_and_less_often(self) -> None:
        """A disk that is full for a week is asked once a minute, and not for each entry."""
        os.makedirs(self.path)
        database = self.started()
        pauses = []
        for number in range(1, 9):
            self.until(lambda number=number: database.state.failures == number)
            (call,) = self.clock.getDelayedCalls()
            pauses.append(call.getTime() - self.clock.seconds())
            database.write(PUT, [(number, "a")])
            self.clock.advance(pauses[-1])
        self.assertEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60])
        self.assertEqual(
            self.words(), [f"{self.path}: is no regular file; until then what should be remembered waits in memory"]
        )

    def test_a_file_that_cannot_be_opened_does_not_keep_the_server_from_starting(self) -> None:
        """What was asked before the start is told as soon as the file can be read."""
        os.makedirs(self.path)
        database = self.database()
        ids: list[object] = []
        reading = database.read("SELECT count(*) FROM notes", (), make=lambda rows: rows, take=ids.extend)
        database.start()
        self.assertNoResult(reading)
        os.rmdir(self.path)
        self.clock.advance(1)
        self.assertEqual(self.finish(reading), Done())
        self.assertEqual(ids, [(0,)])

    def test_what_waits_is_bounded(self) -> None:
        """A disk that is full while an attack makes entries must not fill the memory as well. A batch is taken whole."""
        os.makedirs(self.path)
        database = self.started(most=3)
        asked = [database.write(PUT, [(number, "a")]) for number in (1, 2)]
        asked.append(database.write(PUT, [(3, "a"), (4, "a")]))
        refused = [database.write(PUT, [(number, "a")]) for number in (5, 6)]
        self.assertEqual([self.successResultOf(one) for one in refused], [NotDone(detail="3 changes wait already")] * 2)
        self.assertEqual((database.state.waiting, database.state.lost), (4, 2))
        self.assertEqual(self.words()[1:], [f"{self.path}: 3 changes wait to be written: others are not saved"])
        os.rmdir(self.path)
        self.clock.advance(1)
        self.assertEqual([self.finish(one) for one in asked], [Done()] * 3)
        self.assertEqual(self.finish(database.write(PUT, [(7, "a")])), Done())
        self.assertEqual(self.notes(), [1, 2, 3, 4, 7])

    def test_a_stop_tries_a_last_time(self) -> None:
        """What can be saved is; what cannot is told."""
        database = self.started()
        other = self.other()
        other.execute("BEGIN EXCLUSIVE")
        asked = database.write(PUT, [(1, "a")])
        self.until(lambda: database.state.failures == 1)
        other.close()
        self.finish(database.stop())
        self.assertEqual(self.successResultOf(asked), Done())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_stop_does_not_wait_for_a_fault_to_end(self) -> None:
        """Who waits is answered, and the operator told how much is lost."""
        os.makedirs(self.path)
        database = self.started()
        asked = database.write(PUT, [(1, "a")])
        self.finish(database.stop())
        detail = f"{self.path}: not written before the end"
        self.assertEqual(self.successResultOf(asked), NotDone(detail=detail))
        self.assertEqual(self.words()[-1], f"{self.path}: 1 changes are not saved: {detail}")
        self.assertEqual(database.state.lost, 1)

    def test_a_removed_file_is_begun_anew(self) -> None:
        """SQLite would go on writing into the file that has no name any more."""
        database = self.started()
        self.finish(database.write(PUT, [(1, "a")]))
        self.assertEqual(self.anew, 1)
        os.remove(self.path)
        self.assertEqual(self.finish(database.write(PUT, [(2, "b")])), Done())
        self.assertEqual(self.anew, 2)
        self.assertEqual(self.notes(), [2])
        self.assertEqual(self.words(), [f"{self.path}: somebody removed or replaced it while it was in use"])
