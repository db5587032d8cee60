"""What each file of control/ means where it is missing, and where it is there."""

import os

from tests.qmail.test_1_1_readers import Qmail
from twistedmx.qmail.control_files import NAMES
from twistedmx.qmail.inventory import Found, inventory, row_of
from twistedmx.qmail.standings import ROWS, Standing, Where


class TestDefaults(Qmail):
    def test_missing_files_have_their_defaults(self):
        controls = self.later()
        self.assertEqual(controls.smtpgreeting, b"mx.example.org")
        self.assertEqual(controls.localiphost, b"mx.example.org")
        self.assertEqual(controls.locals, (b"mx.example.org",))
        self.assertIsNone(controls.rcpthosts)
        self.assertIsNone(controls.morercpthosts)
        self.assertEqual((controls.databytes, controls.timeoutsmtpd), (0, 1200))
        self.assertEqual((controls.maxrcpt, controls.brtlimit, controls.tarpitdelay), (None, 0, 5))

    def test_an_empty_rcpthosts_is_not_a_missing_one(self):
        """The one refuses all, the other is an open relay."""
        self.write("rcpthosts", b"")
        self.assertEqual(self.later().rcpthosts, ())

    def test_a_file_of_its_own_goes_before_me(self):
        self.write("smtpgreeting", b"hello there\n")
        self.write("localiphost", b"host.example\n")
        self.write("locals", b"")
        controls = self.later()
        self.assertEqual(controls.smtpgreeting, b"hello there")
        self.assertEqual(controls.localiphost, b"host.example")
        self.assertEqual(controls.locals, ())

    def test_without_me_there_may_be_no_localiphost(self):
        os.rename(os.path.join(self.control, "me"), os.path.join(self.control, "smtpgreeting"))
        controls = self.later()
        self.assertIsNone(controls.localiphost)
        self.assertEqual(controls.locals, ())

    def test_a_timeout_is_at_least_a_second_and_what_is_no_number_is_the_default(self):
        self.write("timeoutsmtpd", b"0\n")
        self.write("databytes", b"much\n")
        self.write("maxrcpt", b"x\n")
        self.write("concurrencyincoming", b"30\n")
        controls = self.later()
        self.assertEqual((controls.timeoutsmtpd, controls.databytes, controls.maxrcpt), (1, 0, None))
        self.assertEqual(controls.concurrencyincoming, 30)

    def test_what_nobody_obeys_closes_no_port(self):
        """Not even where it cannot be read; but it is told."""
        names = (
            "tlsclients",
            "relaymailfrom",
            "clientca.pem",
            "clientcrl.pem",
            "dnsbllist",
            "spfrules",
        )
        for name in names:
            os.symlink(name, os.path.join(self.control, name))
        self.assertEqual(self.later().me, b"mx.example.org")
        for name in names:
            row = row_of(Where.CONTROL, name)
            assert row is not None
            self.assertEqual(row.standing, Standing.NOT_YET_ACTIVE, name)

    def test_lines_that_count_for_nothing_are_told_with_file_and_place(self):
        self.write("badmailfrom", b"*@spam.example\n")
        self.write("badrcptto", b"ok\n#\na(b\n")
        self.write("moreipme", b"192.0.2.1\nhere\n")
        controls = self.later()
        path = os.path.join(self.control, "badrcptto")
        self.assertIn(f"{path}:3: 'a(b' is no extended regular expression", controls.faults(exact=True)[0])
        self.assertEqual(len(controls.faults(exact=True)), 2)
        self.assertEqual(len(controls.faults(exact=False)), 3)


class TestCertificates(Qmail):
    def test_they_are_found_and_a_change_of_one_is_seen(self):
        self.assertEqual((self.later().servercert, self.later().servercerts), (None, ()))
        self.write("servercert.pem", b"1")
        for name in ("B.example", "a.example"):
            os.makedirs(os.path.join(self.control, "servercerts", name))
            self.write(f"servercerts/{name}/servercert.pem", b"1")
        os.makedirs(os.path.join(self.control, "servercerts", "none.example"))
        controls = self.settle()
        assert controls.servercert is not None
        self.assertEqual(controls.servercert.path, os.path.join(self.control, "servercert.pem"))
        self.assertEqual([name for name, _ in controls.servercerts], ["a.example", "b.example"])
        self.write("servercerts/a.example/servercert.pem", b"22")
        changed = self.later()
        self.assertNotEqual(changed.servercerts[0], controls.servercerts[0])
        self.assertEqual(changed.servercerts[1], controls.servercerts[1])
        self.settle()
        self.write("servercerts/none.example/servercert.pem", b"3")
        self.assertEqual(len(self.later().servercerts), 3)


class TestInventory(Qmail):
    def test_what_is_there_is_told_with_what_becomes_of_it(self):
        for name in ("rcpthosts", "badmailform", "dnsbllist", "policy", "dh2048.pem", "queuelifetime"):
            self.write(name, b"")
        found = inventory(self.home, {b"ALLOW_BARELF": b"", b"PATH": b"/", b"QMAILQUEUE": b"x"})
        standings = {each.name: each.standing for each in found}
        self.assertEqual(
            standings,
            {
                "ALLOW_BARELF": Standing.NOT_SUPPORTED,
                "QMAILQUEUE": Standing.WITH_A_DIFFERENCE,
                "badmailform": Standing.UNKNOWN,
                "dh2048.pem": Standing.NOT_SUPPORTED,
                "dnsbllist": Standing.NOT_YET_ACTIVE,
                "me": Standing.HONOURED,
                "policy": Standing.NOT_SUPPORTED,
                "queuelifetime": Standing.ELSEWHERE,
                "rcpthosts": Standing.WITH_A_DIFFERENCE,
            },
        )
        self.assertIn(
            Found(
                where=Where.CONTROL,
                name="badmailform",
                standing=Standing.UNKNOWN,
                words="unknown: nobody reads it here",
            ),
            found,
        )
        self.assertIn("bare_newline_from", found[-2].words)

    def test_the_users_are_looked_at_too(self):
        os.mkdir(os.path.join(self.home, "users"))
        for name in ("assign", "cdb", "mine"):
            with open(os.path.join(self.home, "users", name), "wb"):
                pass
        found = [(each.name, each.standing) for each in inventory(self.home, {}) if each.where is Where.USERS]
        self.assertEqual(
            found, [("assign", Standing.WITH_A_DIFFERENCE), ("cdb", Standing.HONOURED), ("mine", Standing.UNKNOWN)]
        )

    def test_each_name_stands_once_and_each_file_that_is_read_is_in_the_table(self):
        names = [(row.where, row.name) for row in ROWS]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual([name for name in NAMES if row_of(Where.CONTROL, name) is None], [])
        self.assertTrue(all(row.words for row in ROWS))
