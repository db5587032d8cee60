"""Mailboxes from a PostgreSQL server: the port's suite, and a server that is killed and comes back.

Skipped where PostgreSQL or psycopg is missing.
"""

import atexit
from functools import cache
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from tests.integration.postgres_server import PostgresServer
from tests.mailbox.sql_rows import INSERT, QUERY, SCHEMA, rows_of
from tests.mailbox.world import TEMPLATE, means
from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.mailbox.remembered import SourceFailed
from twistedmx.mailbox.sql import SqlMailboxes, SqlSettings
from twistedmx.mailbox.sql_source import BadSource
from twistedmx.model.event import BackendFailed, BackendRecovered
from twistedmx.model.mailbox import UNKNOWN, Lookup, Outcome
from twistedmx.smtp.path import parse_path
from twistedmx.testing.mailboxes import Household, MailboxesSuite

try:
    import psycopg
except ImportError:
    psycopg = None  # type: ignore[assignment]


def connect(server: PostgresServer) -> Any:
    return psycopg.connect(server.uri, autocommit=True)


@cache
def the_server() -> PostgresServer:
    """One for all tests: making a cluster takes seconds. Raises SkipTest."""
    if psycopg is None:
        raise SkipTest("psycopg is not installed: pip install 'psycopg[binary]'")
    server = PostgresServer()
    atexit.register(server.remove)
    return server


class TestSuite(MailboxesSuite, TestCase):
    """The port's suite."""

    def setUp(self) -> None:
        self.server = the_server()
        self.server.start()

    def build(self, household: Household) -> MailboxesByDomain:
        with connect(self.server) as connection:
            connection.execute("DROP TABLE IF EXISTS entries")
            connection.execute(SCHEMA)
            connection.cursor().executemany(INSERT.format("%s"), rows_of(household))
        settings = SqlSettings(domains=tuple(household.domains), database=self.server.uri, query=QUERY)
        backend = SqlMailboxes(settings, means=means(), name="mailboxes.sql[0]")
        backend.check()
        self.addCleanup(backend.close)
        return MailboxesByDomain([backend], template=TEMPLATE)


class TestServer(SynchronousTestCase):
    """What is PostgreSQL's own."""

    def setUp(self) -> None:
        self.server = the_server()
        self.server.start()

    def build(self, query: str = QUERY, **settings: Any) -> SqlMailboxes:
        with connect(self.server) as connection:
            connection.execute("DROP TABLE IF EXISTS entries")
            connection.execute(SCHEMA)
            connection.execute("INSERT INTO entries (address) VALUES ('ann@example.org')")
        self.clock = Clock()
        self.means = means(clock=self.clock)
        made = {"domains": ("example.org",), "database": self.server.uri, "query": query}
        self.mailboxes = SqlMailboxes(SqlSettings(**(made | settings)), means=self.means)
        self.addCleanup(self.mailboxes.close)
        return self.mailboxes

    def ask(self, address: str) -> Lookup:
        answer = self.mailboxes.find(parse_path(address.encode()))
        return answer if isinstance(answer, Lookup) else self.successResultOf(answer)

    def test_a_server_that_is_killed_and_comes_back(self) -> None:
        """Known mailboxes take mail all the while; others are asked to wait, and are then answered again."""
        self.build()
        ann = self.ask("ann@example.org")
        self.server.kill()
        self.clock.advance(301)
        for number in range(3):
            self.assertIs(self.ask(f"{number}@example.org").outcome, Outcome.COULD_NOT_TELL)
        self.assertIs(self.ask("ann@example.org"), ann)
        self.assertIn("down for 0 s", self.mailboxes.state())
        self.server.start()
        self.clock.advance(5)
        self.ask("ann@example.org")
        self.assertIs(self.ask("ann@example.org").outcome, Outcome.FOUND)
        self.assertEqual(self.ask("0@example.org"), UNKNOWN)
        self.assertEqual([type(event) for event in self.means.events.events], [BackendFailed, BackendRecovered])

    def test_a_server_that_was_started_anew_between_two_look_ups_is_not_noticed(self) -> None:
        """The connection that we hold is dead; another one is made before anybody is deferred."""
        self.build()
        self.ask("ann@example.org")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.ask("bob@example.org"), UNKNOWN)

    def test_a_query_that_takes_too_long_is_ended_by_the_server(self) -> None:
        """We could only hang up, and it would go on working."""
        self.build("SELECT 'active' AS state FROM pg_sleep(60) WHERE :address <> ''", time=0.1)
        self.assertIn("statement timeout", self.ask("ann@example.org").detail)

    def test_the_connection_can_write_nothing(self) -> None:
        """A query that writes is a slip, or an attack on the settings."""
        self.build("INSERT INTO entries (address) VALUES (:address) RETURNING state")
        self.assertIn("read-only", self.ask("x@example.org").detail)

    def test_casts_percent_signs_and_strings_reach_the_server_as_written(self) -> None:
        """The driver has placeholders of its own."""
        self.build("SELECT ':x %'::text AS maildir FROM entries WHERE address LIKE '%@%' AND address = :address::text")
        self.assertIn("Maildir at ':x %'", self.ask("ann@example.org").detail)

    def test_check_tells_what_is_wrong_and_what_is_only_down(self) -> None:
        """One keeps the server from starting, the other does not."""
        for query, expected in {
            "SELEKT :address": "syntax error",
            "SELECT state FROM missing WHERE address = :address": 'relation "missing" does not exist',
            "SELECT address AS mailbox FROM entries WHERE address = :address": "gives a column 'mailbox'",
        }.items():
            wrong = self.assertRaises(BadSource, self.build(query).check)
            self.assertIn(expected, str(wrong))
        self.build(database="postgresql://nobody@/postgres?host=/nonexistent")
        self.assertRaises(SourceFailed, self.mailboxes.check)

    def test_a_password_is_never_told(self) -> None:
        """Whatever the driver says goes into the log."""
        path = self.mktemp()
        with open(path, "w", encoding="ascii") as file:
            file.write("s3cret")
        self.build(database="postgresql://s3cret@/s3cret?host=/nonexistent/s3cret", password_file=path)
        wrong = self.assertRaises(SourceFailed, self.mailboxes.check)
        self.assertNotIn("s3cret", str(wrong))
        self.assertNotIn("s3cret", self.ask("ann@example.org").detail)
