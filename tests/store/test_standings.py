"""What is known of clients, on a real file: kept whole, written when it has changed, and read back before anybody is condemned."""

import sqlite3
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.policy.clients import AT, DAY, HOST, Clients
from tests.policy.test_standing import STANDINGS
from tests.store.opened import Opened
from twistedmx.policy import hyperloglog, standing
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.host_key import host_key, network_key, prefix_key
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.policy.networks import network_of
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.policy.tally import Tally
from twistedmx.store.jobs import Done, NotDone
from twistedmx.store.standing_rows import host_of, host_row, network_row, tally_of, tally_row
from twistedmx.store.standing_rows import network_of as network_of_row
from twistedmx.store.standings import InThread, Standings


class StandingsTests(Opened, Clients):
    """A server that is stopped, killed and started again, with the same clients."""

    settings = ReputationSettings(proven=3, strangers=5)

    def setUp(self) -> None:
        Opened.setUp(self)
        Clients.setUp(self)

    def begin(self) -> None:
        """A server starts. Nothing that was counted since the last save is there any more."""
        blocklist = Blocklist(BlocklistSettings(), lambda: self.now, Random(1))
        self.blocklist = blocklist
        self.reputation = Reputation(self.settings, blocklist, self.facts.append, self.now)
        self.running = self.database()
        self.standings = Standings(self.reputation, self.running)
        loading = self.standings.load()
        self.running.start()
        self.assertEqual(self.finish(loading), Done())

    def save(self) -> None:
        self.assertEqual(self.finish(self.standings.save()), Done())

    def restart(self) -> None:
        """As SIGKILL would: nothing is asked for at the end."""
        if hasattr(self, "running"):
            self.finish(self.running.stop())
        self.begin()

    def all_that_is_known(self) -> list[dict[object, object]]:
        reputation = self.reputation
        tables = (reputation.hosts, reputation.networks, reputation.helos, reputation.campaigns)
        return [dict(segment) for table in tables for segment in (table.proven, table.strangers)]

    def rows(self, table: str) -> int:
        with sqlite3.connect(self.path) as connection:
            (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(number)

    def test_all_that_is_known_is_there_after_a_restart(self) -> None:
        """Of hosts of good record, of strangers, of networks and of what many have in common."""
        self.begin()
        for _ in range(2):
            self.sends("198.18.0.1")
            self.sends("2a00:1450:1:2::9")
            self.wait(DAY)
        self.hung_up(times=2)
        self.guesses("2a00:1450:3::1", "a", "b1", sender="")
        self.guesses("198.19.8.1", "c", "d1", sender="")
        self.save()
        before = self.all_that_is_known()
        self.assertEqual([len(one) for one in before], [2, 3, 2, 1, 1, 0, 2, 1])
        self.restart()
        self.assertEqual(self.all_that_is_known(), before)
        self.assertTrue(self.is_proven("198.18.0.1"))
        self.hung_up()
        self.assertEqual(self.blocked, [f"{HOST}/32"], "two sessions before the restart, and one behind it")

    def test_what_did_not_change_is_not_written(self) -> None:
        """A hundred thousand hosts, of which ten are heard of between two writes."""
        self.begin()
        self.guesses()
        self.guesses("198.19.7.1")
        self.save()
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            connection.execute("DELETE FROM hosts")
        self.guesses("198.19.7.1")
        self.save()
        self.assertEqual(self.rows("hosts"), 1)
        self.save()
        self.restart()
        self.save()
        self.assertEqual(self.reputation.hosts.changed, 0)

    def test_the_file_is_as_bounded_as_the_memory(self) -> None:
        """Or a flood of strangers would fill the disk instead."""
        self.begin()
        for number in range(60):
            self.guesses(f"203.0.114.{number}")
            if number % 7 == 0:
                self.save()
        self.save()
        self.assertEqual(self.rows("hosts"), 5)
        self.settings = ReputationSettings(proven=3, strangers=2)
        self.restart()
        self.assertEqual(len(self.reputation.hosts), 2)
        self.save()
        self.assertEqual(self.rows("hosts"), 2)

    def test_who_was_not_heard_of_for_long_is_forgotten_in_the_file_too(self) -> None:
        """Rows that nobody will ever ask for."""
        self.begin()
        self.guesses()
        self.save()
        self.wait(91 * DAY)
        self.save()
        self.assertEqual([self.rows(table) for table in ("hosts", "networks", "helos", "campaigns")], [0, 0, 0, 0])

    def test_a_time_that_was_kept_goes_on(self) -> None:
        """The machine starts in 1970, and nobody's record is older or younger for it."""
        self.begin()
        self.guesses()
        self.wait(3 * DAY)
        self.guesses()
        self.save()
        self.now = 60.0
        self.restart()
        self.assertEqual(self.reputation.time.seconds, AT + 3 * DAY)
        self.now = AT + 3 * DAY + 60
        self.reputation.tick(self.now)
        self.assertLessEqual(self.reputation.time.seconds, AT + 3 * DAY + 3600)

    def test_until_all_is_read_nobody_is_condemned_and_nothing_is_written(self) -> None:
        """Another program holds the file at the start: what is kept must neither be missing nor be replaced by less."""
        self.begin()
        self.sends(messages=9)
        self.hung_up()
        self.save()
        self.finish(self.running.stop())
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        self.reputation = Reputation(self.settings, self.blocklist, self.facts.append, self.now)
        self.running = self.database()
        self.standings = Standings(self.reputation, self.running)
        loading = self.standings.load()
        self.running.start()
        self.assertNoResult(loading)
        self.hung_up(times=5)
        self.save()
        self.assertEqual(self.blocked, [])
        other.execute("COMMIT")
        other.close()
        self.clock.advance(1)
        self.assertEqual(self.finish(loading), Done())
        known = self.reputation.standing_of(HOST)
        self.assertNear(known.good, 9.0, 0.001)
        self.assertEqual((known.bad, len(known.hung_up)), (5.0, 1))
        self.save()
        self.restart()
        self.assertEqual(self.reputation.standing_of(HOST), known)
        self.assertEqual(len(self.words()), 1, "that the file was held")

    def test_what_could_not_be_saved_is_saved_the_next_time(self) -> None:
        """The queue of the store is full for a while."""
        self.begin()
        self.guesses()
        self.running._most = 0
        self.assertIsInstance(self.finish(self.standings.save()), NotDone)
        self.running._most = 1000
        self.save()
        self.restart()
        self.assertIsNotNone(self.reputation.standing_of(HOST))
        self.assertIn("0 changes wait to be written", self.words()[0])

    def test_a_file_that_was_begun_anew_gets_all_of_it(self) -> None:
        """Somebody removed it while we ran."""
        self.begin()
        for number in range(4):
            self.guesses(f"203.0.114.{number}")
        self.save()
        before = self.all_that_is_known()
        self.standings.save_anew()
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            for table in ("hosts", "networks", "helos", "campaigns"):
                connection.execute(f"DELETE FROM {table}")
        self.save()
        self.restart()
        self.assertEqual(self.all_that_is_known(), before)

    def test_an_end_asks_for_all_that_is_left(self) -> None:
        """An orderly stop loses nothing."""
        self.begin()
        self.guesses()
        self.standings.save_at_once()
        self.restart()
        self.assertIsNotNone(self.reputation.standing_of(HOST))

    def test_rows_that_are_none_cost_no_others(self) -> None:
        """An operator with an SQL shell makes a slip."""
        self.begin()
        for number in range(3):
            self.guesses(f"203.0.114.{number}", helo=f"{'a-' * number}a.b")
        self.save()
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            connection.execute("UPDATE hosts SET host = 'somewhere' WHERE host LIKE '%.1'")
            connection.execute("UPDATE hosts SET good = 'many' WHERE host LIKE '%.2'")
            connection.execute("UPDATE networks SET offenders = x'00'")
            connection.execute("UPDATE campaigns SET hosts = x'00'")
            connection.execute("UPDATE steady_time SET seconds = 'now'")
        self.restart()
        self.assertEqual(list(self.reputation.hosts.strangers), [host_key("203.0.114.0")])
        words = self.words()
        self.assertEqual([one.split(":")[0] for one in words], ["hosts", "networks", "campaigns"])
        self.assertIn("2 rows are none of it and left out; the first: ", words[0])

    def test_a_table_that_is_no_table_of_ours_condemns_nobody(self) -> None:
        """We know nobody's record, and say so; what is there is left as it is."""
        self.begin()
        self.guesses()
        self.save()
        self.finish(self.running.stop())
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            connection.execute("ALTER TABLE hosts RENAME COLUMN good TO fine")
        self.reputation = Reputation(self.settings, self.blocklist, self.facts.append, self.now)
        self.running = self.database()
        self.standings = Standings(self.reputation, self.running)
        loading = self.standings.load()
        self.running.start()
        self.assertIsInstance(self.finish(loading), NotDone)
        self.hung_up(times=5)
        self.save()
        self.standings.save_at_once()
        self.assertEqual((self.blocked, self.rows("hosts")), ([], 1))
        self.assertIn("nobody is condemned for his conduct: ", self.words()[-1])


_KEYS = st.binary(min_size=4, max_size=4) | st.binary(min_size=8, max_size=8)
_COUNTS = st.floats(0, 1e9)
_TIMES = st.integers(0, 2**32 - 1)
_SEEN = st.lists(st.tuples(_KEYS, _TIMES), max_size=8).map(tuple)
_ANY = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary())


class RowTests(SynchronousTestCase):
    """Standings and rows."""

    @settings(max_examples=200, deadline=None)
    @given(_KEYS, STANDINGS)
    def test_every_host_comes_back_as_it_was(self, key, known) -> None:
        """Any address, any counts."""
        self.assertEqual(host_of(host_row(key, standing.packed(known))), (key, standing.packed(known)))

    @settings(max_examples=200, deadline=None)
    @given(_KEYS, st.ip_addresses(), st.integers(0, 31), _COUNTS, _TIMES, _SEEN, _SEEN)
    def test_every_network_comes_back_as_it_was(self, key, address, length, count, at, offenders, senders) -> None:
        """Those that we make of hosts, and those that are announced."""
        prefix = prefix_key(network_of(str(address)).supernet(new_prefix=length))
        for one in (network_key(key), prefix):
            known = NetworkStanding(count, count, at, offenders, senders)
            self.assertEqual(network_of_row(network_row(one, known)), (one, known))

    @settings(deadline=None)
    @given(st.text(min_size=1, max_size=200), _COUNTS, _TIMES)
    def test_every_tally_comes_back_as_it_was(self, name, count, at) -> None:
        """HELO shapes and campaigns."""
        tally = Tally(count, count, at, at, hyperloglog.with_spot(hyperloglog.NONE, (3, 7)), hyperloglog.NONE)
        self.assertEqual(tally_of(tally_row(name, tally)), (name, tally))

    @settings(max_examples=300, deadline=None)
    @given(st.lists(_ANY, min_size=11, max_size=11))
    def test_any_row_is_one_or_is_told(self, row) -> None:
        """No column can keep a server from starting."""
        reputation = Reputation(ReputationSettings(), None, print, AT)
        standings = Standings(reputation, None)
        for table, width in zip(standings._tables, (11, 6, 7, 7), strict=True):
            table.take(standings._items_of(table, [row[:width]]))

    def test_rows_that_are_made_in_the_thread_are_a_sequence(self) -> None:
        """As the database wants them."""
        rows = InThread(range(5), lambda number: (number,))
        self.assertEqual(
            (len(rows), list(rows), rows[1], list(rows[3:])), (5, [(n,) for n in range(5)], (1,), [(3,), (4,)])
        )
