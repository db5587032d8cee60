"""What is found wrong with a qmail host, each with its file and what to do."""

import os
import shutil
from unittest import SkipTest

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.finding import Finding, Reader
from twistedmx.qmail.report import Host, Report, report
from twistedmx.qmail.roots_own import check_roots_own
from twistedmx.qmail.run_script import parse_run_script
from twistedmx.qmail.settings import QmailSettings
from twistedmx.qmail.standings import Standing
from twistedmx.testing.cdb import write_cdb
from twistedmx.testing.qmail_tree import QmailTree, make_qmail_tree

STRANGER = 4242


class Judged(SynchronousTestCase):
    """A sound host, to be broken. `root`: reads all there is."""

    def setUp(self) -> None:
        self.tree: QmailTree = make_qmail_tree(self.mktemp())
        self.root = self.tree.root
        self.write("control/defaultdelivery", b"./Maildir/\n")
        self.rules({b"": b"", b"127.": b"+RELAYCLIENT=\0"})
        self.host = Host(
            home=self.root,
            settings=QmailSettings(home=self.root),
            reader=Reader(name="mx", uid=0, groups=frozenset((0,))),
        )

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def write(self, name: str, octets: bytes = b"") -> str:
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(octets)
        return self.path(name)

    def program(self, name: str) -> str:
        path = self.write(name, b"#!/bin/sh\n")
        os.chmod(path, 0o755)
        return path

    def rules(self, records: dict[bytes, bytes]) -> None:
        write_cdb(self.path("control/tcp.smtp.cdb"), records.items())

    def age(self, name: str, seconds: int) -> None:
        now = os.stat(self.path(name)).st_mtime
        os.utime(self.path(name), (now - seconds, now - seconds))

    def judge(self, **changed: object) -> Report:
        return report(attrs.evolve(self.host, **changed))  # type: ignore[arg-type]

    def with_settings(self, **changed: object) -> QmailSettings:
        return attrs.evolve(self.host.settings, **changed)  # type: ignore[arg-type]

    def finding(self, found: Report, path: str, words: str = "") -> Finding:
        """The one of this file."""
        found_of = [each for each in found.findings if each.file == path and words in each.found]
        self.assertEqual(len(found_of), 1, list(map(str, found.findings)))
        self.assertTrue(found_of[0].remedy)
        return found_of[0]

    def fault(self, path: str, words: str = "", **changed: object) -> None:
        self.assertTrue(self.finding(self.judge(**changed), path, words).is_fault)

    def warning(self, path: str, words: str = "", **changed: object) -> None:
        self.assertFalse(self.finding(self.judge(**changed), path, words).is_fault)


class TestHost(Judged):
    def test_a_sound_host_has_nothing_wrong(self):
        found = self.judge()
        self.assertEqual(list(map(str, found.findings)), [])
        self.assertEqual(found.rules, self.path("control/tcp.smtp.cdb"))

    def test_what_is_no_qmail_is_one_fault(self):
        found = self.judge(home=self.path("nowhere"), settings=QmailSettings())
        self.assertEqual(
            [(each.file, each.is_fault) for each in found.findings], [(self.path("nowhere/control"), True)]
        )

    def test_variables_of_rules_and_environment_and_script_are_listed_with_their_place(self):
        self.rules({b"192.0.2.": b"+CHKUSER_START=NONE\0+MINE=1\0"})
        script = parse_run_script(b"export GREYIP=1\nexec tcpserver -R 0 25 qmail-smtpd\n", "run")
        found = self.judge(environment={b"DATABYTES": b"1", b"EDITOR": b"ed"}, script=script)
        rules = f"{self.path('control/tcp.smtp.cdb')}: '192.0.2.'"
        listed = {
            (each.place, each.name): each.standing for each in found.listed if each.place not in ("control", "users")
        }
        self.assertEqual(
            listed,
            {
                ("environment", "DATABYTES"): Standing.WITH_A_DIFFERENCE,
                (rules, "CHKUSER_START"): Standing.WITH_A_DIFFERENCE,
                (rules, "MINE"): Standing.UNKNOWN,
                ("run:1", "GREYIP=1"): Standing.NOT_SUPPORTED,
                ("run:2", "tcpserver"): Standing.HONOURED,
                ("run:2", "tcpserver -R"): Standing.HONOURED,
                ("run:2", "tcpserver 0 25"): Standing.WITH_A_DIFFERENCE,
                ("run:2", "qmail-smtpd"): Standing.HONOURED,
            },
        )


class TestRelays(Judged):
    def test_a_missing_rcpthosts_is_a_fault_unless_it_is_meant(self):
        os.remove(self.path("control/rcpthosts"))
        self.fault(self.path("control/rcpthosts"), "an open relay")
        self.assertEqual(self.judge(open_relay=True).findings, ())
        self.assertEqual(self.judge(settings=self.with_settings(open_relay=True)).findings, ())

    def test_an_empty_rcpthosts_refuses_all(self):
        self.write("control/rcpthosts")
        self.warning(self.path("control/rcpthosts"), "is empty")

    def test_relayclient_for_everybody_is_a_fault(self):
        self.rules({b"": b"+RELAYCLIENT=\0"})
        self.fault(self.path("control/tcp.smtp.cdb"), "its rule for everybody")
        self.fault("RELAYCLIENT", environment={b"RELAYCLIENT": b""})
        script = parse_run_script(b"export RELAYCLIENT=\nexec tcpserver 0 25 qmail-smtpd\n", "run")
        self.fault("run:1", "exports RELAYCLIENT", script=script)


class TestControls(Judged):
    def test_lines_that_count_for_nothing_have_file_and_line(self):
        self.write("control/badrcptto", b"# none\n(a\n")
        self.warning(f"{self.path('control/badrcptto')}:2", "is no extended regular expression")

    def test_which_kind_of_badmailfrom_holds_is_said_with_its_reason(self):
        for settings, holds, why in (
            ({}, "addresses", 'as [qmail] tree = "notqmail" has it'),
            ({"tree": "sagredo"}, "patterns", 'as [qmail] tree = "sagredo" has it'),
            ({"tree": "sagredo", "badmailfrom": "addresses"}, "addresses", "as [qmail] badmailfrom says"),
        ):
            kind = self.judge(settings=self.with_settings(**settings)).badmailfrom
            assert kind is not None
            self.assertEqual((kind.holds, kind.why[: len(why)]), (holds, why))
        os.remove(self.path("control/badmailfrom"))
        self.assertIsNone(self.judge().badmailfrom)

    def test_lines_of_the_other_kind_are_told(self):
        path = self.path("control/badmailfrom")
        self.warning(f"{path}:1", "looks like an address", settings=self.with_settings(tree="sagredo"))
        for line in (rb"@spam\.example$", b"!@here", b"^a", b".*@x", b"*@spam.example"):
            self.write("control/badmailfrom", b"ann+tag@good.example\n" + line + b"\n")
            self.warning(f"{path}:2", "looks like an expression")
        self.write("control/badmailfrom", rb"@spam\.example$")
        self.assertEqual(self.judge(settings=self.with_settings(tree="sagredo")).findings, ())

    def test_what_cannot_be_read_and_what_is_missing_is_a_421_for_all(self):
        os.remove(self.path("control/me"))
        os.remove(self.path("control/smtpgreeting"))
        self.fault(self.path("control/me"), "every peer hears 421")

    def test_files_that_the_user_of_the_server_cannot_read_are_faults(self):
        reader = Reader(name="mx", uid=STRANGER, groups=frozenset((STRANGER,)))
        whole = os.path.abspath(self.root)
        for folder in (whole, *(os.path.join(whole, name) for name in ("control", "users"))):
            os.chmod(folder, 0o755)
        os.chmod(self.path("control/badmailfrom"), 0o640)
        self.assertEqual(os.path.realpath(self.root), whole)
        if reader.stopped_at(whole):
            # A folder above is closed to strangers: then all is, and the folder is what is told.
            self.fault(self.path("control"), "is closed to it", reader=reader)
            return
        self.fault(self.path("control/badmailfrom"), "cannot be read by mx (uid 4242)", reader=reader)
        status = os.stat(self.path("control/badmailfrom"))
        pem = self.write("control/servercert.pem")
        os.chmod(pem, 0o600)
        self.fault(pem, "there is no STARTTLS", reader=reader)
        os.remove(pem)
        member = Reader(name="mx", uid=STRANGER, groups=frozenset((status.st_gid,)))
        found = [each.file for each in self.judge(reader=member).findings]
        self.assertNotIn(self.path("control/badmailfrom"), found)

    def test_a_cdb_that_is_older_than_its_source_is_told(self):
        source, made = self.write("control/morercpthosts", b"a.example\n"), self.path("control/morercpthosts.cdb")
        self.warning(made, "is missing")
        write_cdb(made, [])
        self.age("control/morercpthosts.cdb", 60)
        self.warning(made, f"is older than {source}")
        self.age("control/morercpthosts", 120)
        self.assertEqual(self.judge().findings, ())

    def test_files_of_another_tree_are_told(self):
        """A host of the patches that is judged as another has other expressions in its lists."""
        self.write("control/badrcptto", b"")
        self.warning(
            self.path("control"), "has badrcptto: it is read by a patched qmail-smtpd alone, and [qmail] tree is"
        )
        self.write("control/brtlimit", b"2\n")
        netqmail = self.with_settings(tree="netqmail")
        self.warning(self.path("control"), "badrcptto and brtlimit: they are read", settings=netqmail)
        found = self.judge(settings=self.with_settings(tree="sagredo", badmailfrom="addresses"))
        self.assertEqual(found.findings, ())

    def test_a_limit_of_processes_is_not_the_limit_here(self):
        self.write("control/concurrencyincoming", b"30\n")
        path = self.path("control/concurrencyincoming")
        self.warning(path, "[governor] ceiling is 20", ceiling=20)
        self.assertEqual(self.judge().findings, ())
        self.assertEqual(self.judge(ceiling=30).findings, ())

    def test_plugins_that_are_no_lines_are_told(self):
        self.write("control/smtpplugins", b"[rcpt]\n[x]\n")
        self.warning("ENABLE_SPP", "[x]", environment={b"ENABLE_SPP": b"1"})


class TestRules(Judged):
    def test_named_rules_that_are_missing_or_no_cdb_let_nobody_in(self):
        path = self.path("rules.cdb")
        named = self.with_settings(rules=path)
        self.fault(path, "nobody is let in", settings=named)
        self.write("rules.cdb", b"x")
        self.fault(path, "nobody is let in", settings=named)
        self.write("rules.cdb", b"\xff" * 4096)
        self.fault(path, "nobody is let in", settings=named)

    def test_rules_by_name_never_hold(self):
        self.rules({b"=mx.example": b"", b"": b""})
        self.warning(self.path("control/tcp.smtp.cdb"), "'=mx.example'")

    def test_rules_of_the_run_script_are_judged_and_must_be_in_the_settings(self):
        path = self.path("other.cdb")
        write_cdb(path, [(b"", b"+RELAYCLIENT=\0")])
        script = parse_run_script(f"exec tcpserver -x {path} 0 25 qmail-smtpd\n".encode(), "run")
        self.fault(path, "its rule for everybody", script=script)
        self.warning("run:1", f"has the rules {path}", script=script)
        found = self.judge(script=script, settings=self.with_settings(rules=path))
        self.assertEqual([each.file for each in found.findings], [path])


class TestUsers(Judged):
    def test_a_cdb_that_is_older_than_users_assign_is_told(self):
        self.age("users/cdb", 60)
        self.warning(self.path("users/cdb"), "is older than")

    def test_a_damaged_cdb_is_a_fault(self):
        self.write("users/cdb", b"\xff" * 4096)
        self.fault(self.path("users/cdb"), "answered 451")

    def test_a_domain_without_its_folder_or_its_users_is_a_fault(self):
        shutil.rmtree(self.tree.domain("example.net"))
        os.remove(self.tree.domain("example.com", "vpasswd"))
        self.fault(self.tree.domain("example.net"), "is missing: mail for example.net is answered 451")
        self.fault(self.tree.domain("example.com"), "neither vpasswd.cdb nor vpasswd")

    def test_domains_that_the_user_of_the_server_cannot_read_are_one_fault(self):
        """A folder above all of them is one thing to do, not two hundred."""
        os.chmod(self.tree.domains, 0o700)
        reader = Reader(name="mx", uid=STRANGER, groups=frozenset())
        found = [each for each in self.judge(reader=reader).findings if "answered 451" in each.found]
        self.assertEqual(len(found), 1, list(map(str, found)))
        if not reader.stopped_at(os.path.dirname(self.tree.domains)):
            self.assertEqual(found[0].file, self.tree.domains)
            self.assertIn("alias.example, example.com, example.net and 1 more", found[0].found)

    def test_of_a_text_without_a_cdb_it_is_told(self):
        os.remove(self.path("users/cdb"))
        self.warning(self.path("users/cdb"), "is missing")
        self.write("users/assign", b"nonsense\n")
        self.fault(self.path("users/assign"), "line 1")

    def test_where_root_delivers_by_what_is_not_roots_alone_it_is_a_fault(self):
        """Without it the server starts, and answers 451 to all mail."""
        try:
            check_roots_own(self.root)
        except CouldNotTell as doubt:
            raise SkipTest(f"the folder of the tests is not root's: {doubt}") from None
        os.chmod(self.path("users"), 0o777)
        self.fault(self.path("users"), "can be changed by others", from_root=True)
        self.assertEqual(self.judge().findings, ())
        self.program("bin/qmail-queue")
        self.assertEqual(self.judge(from_root=True).findings, ())


class TestPrograms(Judged):
    def test_a_queue_program_that_is_missing_or_none_is_a_fault(self):
        self.fault(self.path("bin/qmail-queue"), settings=self.with_settings(delivery="queue"))
        self.fault(self.path("bin/scan"), "QMAILQUEUE (environment)", environment={b"QMAILQUEUE": b"bin/scan"})
        self.write("bin/scan")
        os.chmod(self.path("bin/scan"), 0o644)
        self.fault(self.path("bin/scan"), "is no program", environment={b"QMAILQUEUE": b"bin/scan"})
        self.program("bin/scan")
        self.assertEqual(self.judge(environment={b"QMAILQUEUE": b"bin/scan"}).findings, ())

    def test_those_of_rules_and_run_scripts_are_looked_at_too(self):
        self.rules({b"": b"+QMAILQUEUE=/nowhere/a\0"})
        self.fault("/nowhere/a", f"({self.path('control/tcp.smtp.cdb')}: '')")
        script = parse_run_script(b"export RCPTCHECK=/nowhere/b\nexec tcpserver 0 25 qmail-smtpd\n", "run")
        self.fault("/nowhere/b", "RCPTCHECK (run:1)", script=script)

    def test_a_check_program_that_is_missing_is_a_fault_and_none_a_warning(self):
        self.fault("/nowhere/vchkpw", settings=self.with_settings(check_program=("/nowhere/vchkpw", "/bin/true")))
        self.fault("no-such-check", "is not in PATH", settings=self.with_settings(check_program=("no-such-check",)))
        self.warning("SMTPAUTH (environment)", environment={b"SMTPAUTH": b""})
        self.assertEqual(self.judge(environment={b"SMTPAUTH": b"-"}).findings, ())

    def test_without_defaultdelivery_own_delivery_is_told_what_it_does(self):
        path = self.path("control/defaultdelivery")
        os.remove(path)
        self.warning(path, "./Mailbox")
        self.program("bin/qmail-queue")
        self.assertEqual(self.judge().findings, ())


class TestScripts(Judged):
    def test_a_script_of_something_else_and_files_of_variables_are_told(self):
        self.warning("run", "runs neither", script=parse_run_script(b"exec ls\n", "run"))
        script = parse_run_script(b"exec envdir ./env tcpserver 0 25 qmail-smtpd\n", "run")
        found = self.finding(self.judge(script=script), "run:1")
        self.assertIn("envdir ./env twistedmx check-config", found.remedy)
