"""Mailboxes from SQL: the port's suite on SQLite, what rows may say, and what is refused before the server starts."""

import itertools
import os
import sqlite3
import threading

import attrs
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.mailbox.sql_rows import INSERT, QUERY, SCHEMA, rows_of
from tests.mailbox.world import TEMPLATE, Threads, means
from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.mailbox.remembered import SourceFailed
from twistedmx.mailbox.sql import SqlMailboxes, SqlSettings
from twistedmx.mailbox.sql_query import BadQuery, Query, postgresql_query, sqlite_query
from twistedmx.mailbox.sql_source import BadSource
from twistedmx.mailbox.sql_sqlite import SqliteDatabase
from twistedmx.model.event import BackendFailed, BackendRecovered
from twistedmx.model.mailbox import DISABLED, NOT_OURS, OVER_QUOTA, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import parse_path
from twistedmx.testing.mailboxes import Household, MailboxesSuite


def database(path: str, *statements: str) -> str:
    """The setting for a new database at `path`, which `statements` fill."""
    path = os.path.abspath(path)
    connection = sqlite3.connect(path)
    connection.executescript(";".join(statements))
    connection.close()
    return f"sqlite:{path}"


class TestSuite(MailboxesSuite, TestCase):
    """The port's suite, as a server has it: with the obligatory addresses around it."""

    def build(self, household: Household) -> MailboxesByDomain:
        path = os.path.abspath(self.mktemp())
        with sqlite3.connect(path) as connection:
            connection.execute(SCHEMA)
            connection.executemany(INSERT.format("?"), rows_of(household))
        connection.close()
        settings = SqlSettings(domains=tuple(household.domains), database=f"sqlite:{path}", query=QUERY)
        backend = SqlMailboxes(settings, means=means(), name="mailboxes.sql[0]")
        backend.check()
        self.addCleanup(backend.close)
        return MailboxesByDomain([backend], template=TEMPLATE)


class SqlTestCase(SynchronousTestCase):
    """One database of one table."""

    def build(self, *rows: str, query: str = QUERY, **settings: object) -> SqlMailboxes:
        """`rows`: values of address, state, alias, maildir, reject, owner as SQL."""
        self.path = os.path.abspath(self.mktemp())
        values = [f"INSERT INTO entries VALUES ({row})" for row in rows]
        made = {"domains": ("example.org",), "database": database(self.path, SCHEMA, *values), "query": query}
        self.clock = Clock()
        self.means = means(clock=self.clock, sensitive=[b"case.example"])
        self.mailboxes = SqlMailboxes(SqlSettings(**(made | settings)), means=self.means)
        self.addCleanup(self.mailboxes.close)
        return self.mailboxes

    def execute(self, *statements: str) -> None:
        connection = sqlite3.connect(self.path)
        connection.executescript(";".join(statements))
        connection.close()

    def ask(self, address: str) -> Lookup:
        answer = self.mailboxes.find(parse_path(address.encode()))
        return answer if isinstance(answer, Lookup) else self.successResultOf(answer)

    def detail(self, address: str) -> str:
        answer = self.ask(address)
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        return answer.detail


class TestRows(SqlTestCase):
    """What a row says."""

    def test_a_row_may_name_maildir_and_owner_or_leave_them_to_the_template(self) -> None:
        """NULL, empty and absent are one."""
        self.build(
            "'ann@example.org', 'active', NULL, '/home/ann//Maildir/', '', 'ann'",
            "'bob@example.org', '', '', '', '', ''",
        )
        ann = Destination(address=b"ann@example.org", maildir="/home/ann/Maildir", owner="ann")
        self.assertEqual(self.ask("Ann@example.org").destinations, (ann,))
        bob = Destination(address=b"bob@example.org", maildir="/srv/made/example.org/bob")
        self.assertEqual(self.ask("bob@EXAMPLE.org").destinations, (bob,))

    def test_a_row_may_refuse_in_the_operators_words(self) -> None:
        """The same as in a table of mailboxes."""
        self.build("'gone@example.org', NULL, NULL, NULL, '550 5.1.6 Write to ann', NULL")
        answer = self.ask("gone@example.org")
        self.assertEqual((answer.outcome, str(answer.reply)), (Outcome.REFUSED, "550 5.1.6 Write to ann"))

    def test_the_row_may_be_of_another_address(self) -> None:
        """A query that cuts extensions off says whose the mailbox is."""
        self.build(
            "'ann@example.org', NULL, NULL, NULL, NULL, NULL",
            query="SELECT address FROM entries WHERE address = "
            "substr(:local, 1, instr(:local || '+', '+') - 1) || '@' || :domain",
        )
        ann = Destination(address=b"ann@example.org", maildir="/srv/made/example.org/ann")
        self.assertEqual(self.ask("ann+lists@example.org").destinations, (ann,))

    def test_an_alias_among_its_own_targets_is_a_mailbox_too(self) -> None:
        """As people write it for Postfix: ann gets a copy, and so does bob."""
        self.build(
            "'ann@example.org', NULL, 'ann@example.org, bob@example.org', '/home/ann', NULL, NULL",
            "'bob@example.org', NULL, NULL, NULL, NULL, NULL",
            "'eve@example.org', NULL, 'eve@example.org', NULL, NULL, NULL",
        )
        maildirs = [destination.maildir for destination in self.ask("ann@example.org").destinations]
        self.assertEqual(maildirs, ["/home/ann", "/srv/made/example.org/bob"])
        self.assertIs(self.ask("eve@example.org").outcome, Outcome.FOUND)

    def test_a_target_without_a_row_goes_to_the_catch_all(self) -> None:
        """As mail to it would."""
        self.build(
            "'info@example.org', NULL, 'x@example.org, y@example.org', NULL, NULL, NULL",
            "'@example.org', NULL, 'ann@example.org', NULL, NULL, NULL",
            "'ann@example.org', NULL, NULL, NULL, NULL, NULL",
        )
        self.assertEqual([each.address for each in self.ask("info@example.org").destinations], [b"ann@example.org"])

    def test_one_target_over_quota_makes_the_alias_so(self) -> None:
        """250 would promise that one a copy which it does not get."""
        self.build(
            "'all@example.org', NULL, 'ann@example.org, full@example.org', NULL, NULL, NULL",
            "'ann@example.org', NULL, NULL, NULL, NULL, NULL",
            "'full@example.org', 'over-quota', NULL, NULL, NULL, NULL",
        )
        self.assertEqual(self.ask("all@example.org"), OVER_QUOTA)

    def test_what_cannot_be_obeyed_defers_and_says_why(self) -> None:
        """One row is wrong: its mail waits until it is mended, and nobody else's."""
        rows = {
            "'a@example.org', 'inactive', NULL, NULL, NULL, NULL": "state is 'inactive'; expected one of active",
            "'a@example.org', 1, NULL, NULL, NULL, NULL": "state is '1'",
            "'a@example.org', CAST(x'ff' AS TEXT), NULL, NULL, NULL, NULL": "which is not UTF-8",
            "'a@example.org', x'00', NULL, NULL, NULL, NULL": "state is a value of type bytes",
            "'a@example.org', NULL, NULL, 'mail/ann', NULL, NULL": "no Maildir at 'mail/ann': it is relative",
            "'a@example.org', NULL, NULL, '/x/../y', NULL, NULL": "it has",
            "'a@example.org', NULL, 'ann', NULL, NULL, NULL": "alias has 'ann'",
            "'a@example.org', NULL, 'b@example.org', NULL, '550 no', NULL": "contradict",
            "'a@example.org', NULL, NULL, NULL, '250 ok', NULL": "reject is '250 ok'",
            "'a@example.org', NULL, NULL, NULL, NULL, 'root'": "owner is 'root'",
            "'a@example.org', NULL, 'b@example.org', NULL, NULL, NULL": "leads to b@example.org, which is unknown",
            "'a@example.org', NULL, 'b@example.net', NULL, NULL, NULL": "whose domain is not one of this backend",
            "'@example.org', NULL, NULL, '/srv/all', NULL, NULL": "needs an alias, or the address",
            "'@example.org', NULL, 'b@example.org', NULL, NULL, NULL": "loop",
        }
        for row, expected in rows.items():
            self.build(row)
            self.assertIn(expected, self.detail("a@example.org"), row)
        self.assertEqual(self.means.events.events, [])

    def test_an_alias_to_a_disabled_mailbox_and_a_loop_defer(self) -> None:
        """The rules of the table of mailboxes, where each is a fault."""
        self.build(
            "'a@example.org', NULL, 'off@example.org', NULL, NULL, NULL",
            "'off@example.org', 'disabled', NULL, NULL, NULL, NULL",
            "'b@example.org', NULL, 'c@example.org', NULL, NULL, NULL",
            "'c@example.org', NULL, 'b@example.org', NULL, NULL, NULL",
        )
        self.assertEqual(self.ask("off@example.org"), DISABLED)
        self.assertIn("which is disabled", self.detail("a@example.org"))
        self.assertIn("is a loop", self.detail("b@example.org"))

    def test_aliases_that_lead_on_and_on_are_given_up(self) -> None:
        """A thousand look-ups for one RCPT are enough."""
        self.build(
            "'x', NULL, NULL, NULL, NULL, NULL",
            query="SELECT 'a' || :local || '@example.org' AS alias FROM entries",
        )
        self.assertIn("more than 1000 addresses", self.detail("a@example.org"))

    def test_rows_that_are_more_than_one_have_an_alias_each(self) -> None:
        """Which of two Maildirs is meant nobody can tell."""
        self.build(*["'a@example.org', NULL, NULL, NULL, NULL, NULL"] * 2)
        self.assertIn("2 rows for one address", self.detail("a@example.org"))

    def test_case_matters_where_the_operator_says_so(self) -> None:
        """RFC 5321 2.4: each domain decides; elsewhere the query is asked in lower case."""
        self.build(
            "'Ann@case.example', NULL, NULL, NULL, NULL, NULL",
            "'@case.example', NULL, 'Ann@case.example', NULL, NULL, NULL",
            domains=("case.example",),
        )
        self.assertEqual(self.ask("Ann@CASE.example").destinations[0].maildir, "/srv/made/case.example/Ann")
        self.mailboxes.close()
        self.build("'Ann@case.example', NULL, NULL, NULL, NULL, NULL", domains=("case.example",))
        self.assertEqual(self.ask("ann@case.example"), UNKNOWN)

    def test_no_address_becomes_part_of_the_query(self) -> None:
        """SQL injection: the local part is whatever a stranger writes."""
        self.build("'ann@example.org', NULL, NULL, NULL, NULL, NULL")
        for local in ("x' OR '1'='1", "'; DROP TABLE entries; --", ":local", "%(local)s", "?"):
            self.assertEqual(self.ask(f'"{local}"@example.org'), UNKNOWN)
        self.assertIs(self.ask("ann@example.org").outcome, Outcome.FOUND)

    def test_only_its_own_domains_are_asked_for(self) -> None:
        """Whatever the table of the database holds, it opens no relay."""
        self.build("'ann@example.net', NULL, NULL, NULL, NULL, NULL")
        self.assertEqual(self.ask("ann@example.net"), NOT_OURS)


class TestSource(SqlTestCase):
    """The database comes and goes."""

    def test_guesses_under_a_catch_all_cost_one_look_up_of_it(self) -> None:
        """And one place in the memory of what is there, which strangers cannot fill."""
        self.build(
            "'@example.org', NULL, 'ann@example.org', NULL, NULL, NULL",
            "'ann@example.org', NULL, NULL, NULL, NULL, NULL",
        )
        for number in range(10):
            self.assertIs(self.ask(f"guess{number}@example.org").outcome, Outcome.FOUND)
        self.assertIn("1 addresses that are there, 10 that are not", self.mailboxes.state())

    def test_a_database_that_goes_away_and_comes_back(self) -> None:
        """Known mailboxes go on; the log says when it began and when it was over."""
        self.build("'ann@example.org', NULL, NULL, NULL, NULL, NULL")
        ann = self.ask("ann@example.org")
        os.rename(self.path, self.path + "~")
        self.clock.advance(301)
        for number in range(3):
            self.assertIn(self.path, self.detail(f"{number}@example.org"))
        self.assertIs(self.ask("ann@example.org"), ann)
        os.rename(self.path + "~", self.path)
        self.clock.advance(5)
        self.ask("ann@example.org")
        self.assertEqual([type(event) for event in self.means.events.events], [BackendFailed, BackendRecovered])
        self.assertIs(self.ask("new@example.org"), UNKNOWN)

    def test_another_database_in_its_place_is_the_one_that_is_asked(self) -> None:
        """Made anew and renamed over the old one: the old one is a file without a name."""
        self.build("'ann@example.org', NULL, NULL, NULL, NULL, NULL")
        self.ask("ann@example.org")
        path = self.path
        other = self.mktemp()
        database(other, SCHEMA, "INSERT INTO entries (address) VALUES ('bob@example.org')")
        os.rename(other, path)
        self.assertIs(self.ask("bob@example.org").outcome, Outcome.FOUND)

    def test_it_is_opened_for_reading(self) -> None:
        """A query that writes is a slip, or an attack on the settings."""
        self.build(query="INSERT INTO entries (address) VALUES (:address) RETURNING state")
        self.assertRaises((BadSource, SourceFailed), self.mailboxes.check)
        self.assertIn("readonly", self.detail("ann@example.org"))

    def test_a_query_that_takes_too_long_is_ended(self) -> None:
        """A look-up holds a thread, of which there are few."""
        self.build(
            query="WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT 'active' AS state FROM n WHERE :address = x"
        )
        self.mailboxes._database = SqliteDatabase(
            self.path, self.mailboxes._database._query.text, time=5, seconds=itertools.count().__next__
        )
        self.assertIn("interrupted", self.detail("ann@example.org"))

    def test_as_many_threads_as_connections_may_hang_and_no_more(self) -> None:
        """The server's other work shares the threads."""
        threads = Threads()
        self.build(most_at_once=2)
        world = attrs.evolve(self.means, run_in_thread=threads.run)
        mailboxes = SqlMailboxes(
            SqlSettings(domains=("example.org",), database=f"sqlite:{self.path}", query=QUERY, most_at_once=2),
            means=world,
        )
        for name in ("a", "b"):
            answer = mailboxes.find(parse_path(f"{name}@example.org".encode()))
            self.clock.advance(5)
            self.assertIn("no answer within 5 s", self.successResultOf(answer).detail)
        answer = mailboxes.find(parse_path(b"c@example.org"))
        self.assertIn("every connection is held", self.successResultOf(answer).detail)
        self.assertEqual(len(threads.begun), 2)
        threads.work()
        self.clock.advance(5)
        mailboxes.find(parse_path(b"d@example.org"))
        self.assertEqual(len(threads.begun), 2)
        mailboxes.close()
        threads.work()
        threads.work()

    def test_closed_it_holds_no_connection(self) -> None:
        """Each reload would leave some behind."""
        self.build("'ann@example.org', NULL, NULL, NULL, NULL, NULL")
        before = len(os.listdir("/proc/self/fd"))
        self.ask("ann@example.org")
        self.assertGreater(len(os.listdir("/proc/self/fd")), before)
        self.mailboxes.close()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class TestThreads(TestCase):
    """With threads that are threads."""

    async def test_many_look_ups_from_many_threads(self) -> None:
        """SQLite's connections are of one thread unless told otherwise; these go from one to the next."""
        from twisted.internet import reactor, threads

        path = os.path.abspath(self.mktemp())
        rows = [f"INSERT INTO entries (address) VALUES ('u{number}@example.org')" for number in range(0, 100, 2)]
        settings = SqlSettings(domains=("example.org",), database=database(path, SCHEMA, *rows), query=QUERY)
        world = attrs.evolve(means(), clock=reactor, run_in_thread=threads.deferToThread)
        mailboxes = SqlMailboxes(settings, means=world)
        self.addCleanup(mailboxes.close)
        answers = [mailboxes.find(parse_path(f"u{number}@example.org".encode())) for number in range(100)]
        outcomes = [answer.outcome if isinstance(answer, Lookup) else (await answer).outcome for answer in answers]
        self.assertEqual(outcomes, [Outcome.FOUND, Outcome.UNKNOWN] * 50)
        self.assertLess(threading.active_count(), 20)


class TestSettings(SqlTestCase):
    """What an operator hears before the server starts."""

    def test_a_password_in_the_settings_is_refused_and_not_repeated(self) -> None:
        """Settings are shown, mailed and committed."""
        for uri in (
            "postgresql://mx:s3cret@db/mail",
            "postgresql://mx:s3:c@r3t@db/mail",
            "postgres:///mail?host=db&password=s3cret",
        ):
            wrong = self.assertRaises(ValueError, SqlSettings, domains=("a.example",), database=uri, query=QUERY)
            self.assertIn("password_file", str(wrong))
            self.assertNotIn("s3", str(wrong))

    def test_a_database_is_one_of_two_kinds(self) -> None:
        """MySQL, or a file whose folder nobody knows."""
        for uri in ("mysql://db/mail", "sqlite:mail.db", "sqlite:", "", "/var/lib/mail.db"):
            self.assertRaises(ValueError, SqlSettings, domains=("a.example",), database=uri, query=QUERY)

    def test_what_was_found_is_told_by_its_scheme(self) -> None:
        """And no further: behind it may be a password, and before it too, where somebody forgot the scheme."""
        for uri, found in (
            ("mysql://mx:s3cret@db/mail", "is mysql:"),
            ("sqlite:s3cret.db", "is sqlite: with a relative path"),
            ("mx s3cret@db", "is without one of these schemes"),
            ("", "is without one of these schemes"),
        ):
            wrong = self.assertRaises(ValueError, SqlSettings, domains=("a.example",), database=uri, query=QUERY)
            self.assertTrue(str(wrong).endswith(found), str(wrong))
            self.assertNotIn("s3cret", str(wrong))

    def test_check_tells_what_is_wrong(self) -> None:
        """Each before the first message comes."""
        for query, expected in {
            "SELEKT :address": "syntax error",
            "SELECT state FROM missing WHERE address = :address": "no such table: missing",
            "SELECT address AS mailbox FROM entries WHERE address = :address": "gives a column 'mailbox'; known are state",
            "SELECT state, state FROM entries WHERE address = :address": "a column twice",
            "SELECT 1 AS state WHERE :address = ''; SELECT 2": "one statement",
        }.items():
            wrong = self.assertRaises(BadSource, self.build(query=query).check)
            self.assertIn(expected, str(wrong))
        self.build()
        os.remove(self.path)
        self.assertIn("there is no file", str(self.assertRaises(BadSource, self.mailboxes.check)))
        with open(self.path, "w", encoding="ascii") as file:
            file.write("no database" * 100)
        self.assertIn("no SQLite database", str(self.assertRaises(BadSource, self.mailboxes.check)))

    def test_a_password_file_is_read_and_what_is_wrong_with_it_is_told(self) -> None:
        """An empty line instead of a password is found at the start, not at the first message."""
        path = self.mktemp()
        settings = {"domains": ("a.example",), "database": "postgresql://mx@db/mail", "query": QUERY}
        for octets, expected in (
            (None, "No such file"),
            (b"\n", "in one line"),
            (b"a\nb", "in one line"),
            (b"\xff", "UTF-8"),
        ):
            if octets is not None:
                with open(path, "wb") as file:
                    file.write(octets)
            made = SqlSettings(**settings, password_file=path)
            wrong = self.assertRaises(ValueError, SqlMailboxes, made, means=means())
            self.assertIn(f"password_file: {path}: ", str(wrong))
            self.assertIn(expected, str(wrong))


class TestPlaceholders(SynchronousTestCase):
    """The translation of a query."""

    def test_placeholders_and_nothing_else_are_translated(self) -> None:
        """Strings, quoted names, comments and casts keep their colons."""
        for written, expected in {
            "a = :local AND b = :domain": "a = %(local)s AND b = %(domain)s",
            "x = ':domain' AND y = :local": "x = ':domain' AND y = %(local)s",
            "x = 'it''s :domain' AND y=:local::text": "x = 'it''s :domain' AND y=%(local)s::text",
            '":domain" = :address::varchar': '":domain" = %(address)s::varchar',
            ":local -- :domain?\n": "%(local)s -- :domain?\n",
            "/* :x ' */ :local": "/* :x ' */ %(local)s",
            "a LIKE '%x' AND b % 2 = :local": "a LIKE '%%x' AND b %% 2 = %(local)s",
            r"E'\' :domain' || :local": r"E'\' :domain' || %(local)s",
            r"'\' || :local": r"'\' || %(local)s",
            "$$ :domain ' $$ || $x$ $$ :y $x$ || :local": "$$ :domain ' $$ || $x$ $$ :y $x$ || %(local)s",
            "a[1 : 2] = :local": "a[1 : 2] = %(local)s",
            "a ->> 'b' ? :local": "a ->> 'b' ? %(local)s",
        }.items():
            self.assertEqual(postgresql_query(written).text, expected)
        self.assertEqual(sqlite_query("[:x] = `:y` || :local").placeholders, {"local"})

    def test_what_is_no_good_query_is_refused(self) -> None:
        """A misspelt placeholder would be NULL, one that is missing would make everybody's mail one person's."""
        for written, expected in {
            "a = :user": "has ':user'; the placeholders are :local, :domain, :address",
            "a = :localpart": "':localpart'",
            "a = 1": "neither :address nor :local",
            "a = :domain": "neither :address nor :local",
            "a = ':local'": "neither",
            "a = 'x AND b = :local": "never closed",
            'a = "x AND b = :local': "never closed",
            "a /* b = :local": "never closed",
            "/* /* */ :local */": "comment within a comment",
            ":local\0": "NUL",
        }.items():
            for read in (sqlite_query, postgresql_query):
                self.assertIn(expected, str(self.assertRaises(BadQuery, read, written)), written)
        for written in ("a = ? AND b = :local", "a = $x AND b = :local", "a = @x AND b = :local"):
            self.assertRaises(BadQuery, sqlite_query, written)
        for written in ("a = $1 AND b = :local", "$x$ :local", "$$ :local"):
            self.assertRaises(BadQuery, postgresql_query, written)


_SQL = ": :: :local :domain :address :x ' '' \" ` [ ] -- /* */ $$ $a$ e' \\ % %s %% 1 a ? @a ( ) , || ="
_pieces = st.sampled_from([*_SQL.split(), " ", "\n"])
_queries = st.lists(_pieces, max_size=12).map("".join)


class TestAnyQuery(SynchronousTestCase):
    """Whatever an operator writes."""

    def read(self, read: object, written: str) -> Query | None:
        try:
            return read(written)
        except BadQuery as wrong:
            self.assertTrue(str(wrong).isprintable())
            return None

    @given(_queries | st.text())
    @example("%:local%")
    def test_the_translation_changes_placeholders_and_percent_signs_alone(self, written: str) -> None:
        """What PostgreSQL is sent is what the operator wrote."""
        query = self.read(postgresql_query, written)
        if query is not None:
            values = {word: f":{word}" for word in query.placeholders}
            self.assertEqual(query.text % values, written)

    @given(_queries)
    def test_sqlite_sees_the_same_placeholders(self, written: str) -> None:
        """What is bound is what SQLite asks for: it would take NULL for one that we had not seen."""
        query = self.read(sqlite_query, f"SELECT {written}")
        if query is None:
            return
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute(f"EXPLAIN {query.text}", dict.fromkeys(query.placeholders, "x"))
        except sqlite3.ProgrammingError as error:
            self.assertNotIn("binding", str(error))
        except sqlite3.Error:
            pass  # no SQL
        else:
            for word in query.placeholders:
                others = dict.fromkeys(query.placeholders - {word}, "x")
                self.assertRaises(sqlite3.ProgrammingError, connection.execute, f"EXPLAIN {query.text}", others)
        finally:
            connection.close()
