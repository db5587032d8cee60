"""The file: made, taken up, refused, moved aside."""

import os
import sqlite3

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.store.test_database import NOTES, PUT, Noted
from twistedmx.store.jobs import Done, NotDone
from twistedmx.store.schema import SCHEMA
from twistedmx.store.sqlite_file import NotOurs, open_file


class SchemaTests(Noted):
    """Versions."""

    def test_a_commit_is_synced(self) -> None:
        """The write-ahead log, and a sync for each transaction: what SQLite does by itself may lose the last ones."""
        file = open_file(self.path, NOTES, patience=0.0)
        found = [file.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        file.close()
        self.assertEqual(found, ["wal", 2])  # FULL

    def test_an_older_file_gets_what_it_lacks_and_keeps_what_it_has(self) -> None:
        """A new version takes up the file of the old one."""
        database = self.started()
        self.finish(database.write(PUT, [(1, "a")]))
        self.finish(database.stop())
        database = self.started(schema=(*NOTES, "ALTER TABLE notes ADD COLUMN more TEXT; CREATE TABLE counts (n);"))
        self.assertEqual(self.read(database), (Done(), [1]))
        self.assertEqual(self.finish(database.write("INSERT INTO counts VALUES (?)", [(1,)])), Done())
        self.assertEqual(self.anew, 1)

    def test_a_step_that_fails_changes_nothing(self) -> None:
        """A disk that fills up during an update leaves a file that the old version reads."""
        self.finish(self.started().stop())
        broken = (*NOTES, "CREATE TABLE counts (n); CREATE TABLE notes (id);")
        database = self.started(schema=broken)
        self.assertIn("table notes already exists", database.state.fault)
        self.finish(database.stop())
        self.assertEqual(self.read(self.started()), (Done(), []))

    def test_what_a_newer_version_wrote_is_left_alone(self) -> None:
        """It may keep entries in ways that we would destroy. The operator hears what to do."""
        self.finish(self.started(schema=(*NOTES, "CREATE TABLE counts (n);")).stop())
        with open(self.path, "rb") as file:
            before = file.read()
        database = self.database()
        asked = database.write(PUT, [(1, "a")])
        error = self.assertRaises(NotOurs, database.start)
        self.assertEqual(
            str(error),
            f"{self.path}: a newer version wrote it: its schema has the number 2, and 1 is the last one known here; "
            "install that version again, or move the file away to begin anew",
        )
        self.assertEqual(self.successResultOf(database.write(PUT, [])), NotDone(detail="the server stops"))
        self.finish(database.stop())
        self.assertIsInstance(self.successResultOf(asked), NotDone)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_the_database_of_another_program_is_left_alone(self) -> None:
        """A slip in the settings must not write tables into the users' database."""
        for statement in ("CREATE TABLE users (name)", "PRAGMA user_version=1", "PRAGMA application_id=7"):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            other = sqlite3.connect(self.path)
            other.execute(statement)
            other.close()
            error = self.assertRaises(NotOurs, self.database().start)
            self.assertIn("is the database of another program; name a file that is not there yet", str(error))
            os.remove(self.path)

    def test_a_foreign_file_put_there_later_does_not_end_the_server(self) -> None:
        """Only a start refuses; what runs goes on, and says why it saves nothing."""
        database = self.started()
        os.remove(self.path)
        other = sqlite3.connect(self.path)
        other.execute("CREATE TABLE users (name)")
        other.close()
        asked = database.write(PUT, [(1, "a")])
        self.until(lambda: database.state.failures == 1)
        self.assertIn("is the database of another program", database.state.fault)
        os.remove(self.path)
        self.clock.advance(1)
        self.assertEqual(self.finish(asked), Done())

    def test_the_schema_is_one_that_sqlite_takes(self) -> None:
        """Step by step, as an old file would get them."""
        for steps in range(1, len(SCHEMA) + 1):
            self.finish(self.started(schema=SCHEMA[:steps]).stop())
        self.assertEqual(self.words(), [])


class DamageTests(Noted):
    """What is no database any more."""

    def write(self, octets: bytes | bytearray) -> None:
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "wb") as file:
            file.write(octets)

    def test_a_file_that_is_no_database_is_moved_aside_and_the_server_starts(self) -> None:
        """Fail safe: without its memory it still takes mail. What was there is kept for whoever wants to look."""
        self.write(b"not a database " * 1000)
        database = self.started()
        self.assertEqual(self.finish(database.write(PUT, [(1, "a")])), Done())
        self.assertEqual(self.notes(), [1])
        with open(f"{self.path}.corrupt", "rb") as file:
            self.assertEqual(file.read(), b"not a database " * 1000)
        self.assertEqual(
            self.words(),
            [f"{self.path}: file is not a database: it was moved to {self.path}.corrupt and begun anew"],
        )
        self.assertEqual((database.state.failures, self.anew), (0, 1))

    def test_of_damaged_files_the_last_one_is_kept(self) -> None:
        """A disk that damages one a day must not be filled by them."""
        for octets in (b"first " * 1000, b"second " * 1000):
            self.write(octets)
            self.finish(self.started().stop())
        with open(f"{self.path}.corrupt", "rb") as file:
            self.assertEqual(file.read(), b"second " * 1000)
        self.assertEqual(len(os.listdir(os.path.dirname(self.path))), 2)

    def test_an_empty_file_is_a_new_one(self) -> None:
        """A server that was killed right after it had made the file."""
        self.write(b"")
        self.assertEqual(self.finish(self.started().write(PUT, [(1, "a")])), Done())
        self.assertEqual(self.words(), [])

    def test_what_can_be_read_before_the_damage_is_told_and_can_be_saved_again(self) -> None:
        """One bad block of the disk costs the entries in it, and no others: whoever holds them in memory writes them anew."""
        database = self.started(most=100_000)
        self.finish(database.write(PUT, [(number, "a" * 50) for number in range(30_000)]))
        self.finish(database.stop())
        size = os.path.getsize(self.path)
        with open(self.path, "r+b") as file:
            file.seek(size * 3 // 4 // 4096 * 4096)
            file.write(b"\xff" * 4096)
        database = self.started()
        outcome, ids = self.read(database)
        self.assertEqual(outcome, Done())
        self.assertEqual(ids, list(range(20_000)))
        self.assertEqual(self.anew, 2)
        self.assertIn("database disk image is malformed: it was moved to", self.words()[0])
        self.assertEqual(self.read(database), (Done(), []))

    @settings(max_examples=60, deadline=None)
    @given(st.floats(0, 1), st.lists(st.tuples(st.integers(0, 110) | st.integers(0, 40_000), st.binary(max_size=4))))
    def test_no_damage_keeps_a_server_from_starting(self, kept: float, damages: list[tuple[int, bytes]]) -> None:
        """Any octets, anywhere in a good file, cut anywhere: it starts and answers, or is another program's and refused."""
        self.path = os.path.abspath(self.mktemp()) + "/store.sqlite"
        database = self.started()
        self.finish(database.write(PUT, [(number, "a" * 50) for number in range(300)]))
        self.finish(database.stop())
        with open(self.path, "rb") as file:
            octets = bytearray(file.read())
        for place, damage in damages:
            octets[place : place + len(damage)] = damage
        self.write(octets[: round(kept * len(octets))])
        database = self.database()
        try:
            database.start()
        except NotOurs:
            return
        asked = database.write(PUT, [(1000, "b")])
        self.finish(database.stop())
        event(type(self.successResultOf(asked)).__name__)
