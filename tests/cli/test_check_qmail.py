"""`twistedmx check-config` of a qmail host, as an operator calls it."""

import os
import time

from tests.cli.calling import Calling
from twistedmx.cli.qmail_table import table
from twistedmx.net.demo_certificate import make_demo_certificate
from twistedmx.qmail.run_script import parse_run_script
from twistedmx.qmail.standings import Standing
from twistedmx.service import qmail_start
from twistedmx.service.check_qmail import reader_of
from twistedmx.settings import Settings
from twistedmx.testing.qmail_tree import make_qmail_tree

REPORT = {
    "home": "/var/qmail",
    "user": "vpopmail",
    "uid": 89,
    "rules": "/etc/tcp.smtp.cdb",
    "badmailfrom": {"holds": "addresses", "why": "as it is"},
    "names": [
        {"place": "control", "name": "me", "standing": "honoured", "words": "our name"},
        {"place": "control", "name": "policy", "standing": "not supported", "words": "use a program " + "x " * 30},
        {"place": "environment", "name": "GREYIP", "standing": "not supported", "words": "none"},
    ],
    "faults": [{"file": "/f", "found": "is bad", "remedy": "mend it"}],
    "warnings": [],
}


class TestTable(Calling):
    def test_what_needs_a_look_is_shown_and_what_is_honoured_is_counted(self):
        lines = list(table(REPORT, whole=False, columns=None))
        self.assertEqual(
            lines,
            [
                "/var/qmail, for a server that is vpopmail (uid 89)",
                "control/badmailfrom holds addresses, as it is",
                "rules: /etc/tcp.smtp.cdb",
                "",
                "not supported:",
                "  control/policy  use a program " + "x " * 30,
                "  environment",
                "    GREYIP        none",
                "",
                "1 honoured (--all shows them)",
            ],
        )
        self.assertIn("  control/me  our name", list(table(REPORT, whole=True, columns=None)))

    def test_a_terminal_is_not_overrun(self):
        lines = list(table(REPORT, whole=True, columns=60))
        self.assertLessEqual(max(map(len, lines)), 60)
        self.assertIn(" " * 18 + "x x", "\n".join(lines))

    def test_each_standing_has_its_group(self):
        for standing in Standing:
            names = [{"place": "control", "name": "x", "standing": standing.value, "words": "said"}]
            self.assertIn("  control/x  said", list(table({**REPORT, "names": names}, whole=True, columns=None)))


class TestCommand(Calling):
    def look(self, *arguments, **named):
        self.asked = arguments, named
        return REPORT

    def test_findings_are_told_with_those_of_the_settings(self):
        said = self.call("check-config", "f", findings=lambda path: ([], ["a: x"]), look_at_qmail=self.look)
        self.assertEqual(said.status, 1)
        self.assertEqual(
            said.out.splitlines()[-3:], ["fault: /f: is bad; mend it", "warning: f: a: x", "f: 1 fault, 1 warning"]
        )
        self.assertEqual(self.asked, (("f", None, None, {}), {"open_relay": False}))

    def test_who_has_no_settings_yet_needs_none(self):
        said = self.call(
            "check-config", "--qmail", "/q", "--run-script", "run", "--allow-open-relay", look_at_qmail=self.look
        )
        self.assertEqual(self.asked, ((None, "/q", "run", {}), {"open_relay": True}))
        self.assertEqual(said.out.splitlines()[-1], "/q: 1 fault")

    def test_machines_get_one_document(self):
        said = self.call("check-config", "f", "--json", look_at_qmail=self.look)
        self.assertEqual((said.status, said.json["qmail"], said.json["good"]), (1, REPORT, False))
        self.assertEqual(said.json["faults"], ["/f: is bad; mend it"])

    def test_a_run_script_without_a_qmail_is_told(self):
        said = self.call("check-config", "f", "--run-script", "run", look_at_qmail=lambda *words, **named: None)
        self.assertEqual(said.status, 1)
        self.assertIn("--qmail /var/qmail", said.beside)

    def test_the_second_example_is_in_help(self):
        self.assertIn("--qmail /var/qmail --run-script", self.call("check-config", "--help").out)


class TestHost(Calling):
    """With nothing in the place of anything."""

    def setUp(self):
        super().setUp()
        self.patch(qmail_start, "_USERS", ())  # of this machine nobody
        self.tree = make_qmail_tree(os.path.join(self.folder, "qmail"))
        with open(os.path.join(self.tree.root, "control", "defaultdelivery"), "w", encoding="ascii") as file:
            file.write("./Maildir/\n")

    def write_control(self, name, octets):
        path = os.path.join(self.tree.root, "control", name)
        with open(path, "wb") as file:
            file.write(octets)
        return path

    def test_a_host_without_rcpthosts_is_status_1_unless_it_is_meant(self):
        words = ("check-config", "--qmail", self.tree.root)
        self.assertEqual(self.call(*words).status, 0)
        os.remove(os.path.join(self.tree.root, "control", "rcpthosts"))
        said = self.call(*words)
        self.assertEqual(said.status, 1)
        self.assertIn("an open relay", said.out)
        self.assertEqual(self.call(*words, "--allow-open-relay").status, 0)

    def test_a_settings_file_with_a_qmail_is_enough(self):
        path = self.write(f'[qmail]\nhome = "{self.tree.root}"\ntree = "sagredo"\n')
        said = self.call("check-config", path)
        self.assertIn("badmailfrom holds patterns", said.out)
        self.assertIn("looks like an address", said.out)
        self.assertNotIn("badmailfrom", self.call("check-config", self.write("", "other.toml")).out)

    def test_a_run_script_that_cannot_be_read_is_told(self):
        said = self.call("check-config", "--qmail", self.tree.root, "--run-script", "/nowhere/run")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertIn("/nowhere/run: cannot be read", said.beside)

    def test_the_limit_of_run_scripts_is_the_ceiling_as_in_the_server(self):
        """What is obeyed is nothing to be told of."""
        self.write_control("concurrencyincoming", b"30\n")
        words = ("check-config", "--qmail", self.tree.root)
        self.assertNotIn("warning", self.call(*words).out)
        said = self.call(*words, self.write("[governor]\nceiling = 20\n"))
        self.assertIn("[governor] ceiling is 20, and that counts", said.out)

    def test_without_settings_the_reader_is_whom_the_server_would_become(self):
        """Root reads everything, and the server is not root."""
        self.patch(qmail_start, "_USERS", ("no-such-user-of-ours", "nobody"))
        said = self.call("check-config", "--qmail", self.tree.root)
        self.assertIn(f"{self.tree.root}, for a server that is nobody (uid ", said.out)

    def test_certificates_are_judged(self):
        path = self.write_control("servercert.pem", b"none")
        said = self.call("check-config", "--qmail", self.tree.root, "--json").json
        self.assertIn(
            (path, True), [(each["file"], "no STARTTLS" in each["found"]) for each in said["qmail"]["faults"]]
        )
        os.remove(path)
        make_demo_certificate(path, "mx.example.org", 0.0)
        said = self.call("check-config", "--qmail", self.tree.root, "--json").json
        self.assertEqual(said["qmail"]["faults"], [])
        found = [each["found"] for each in said["qmail"]["warnings"] if each["file"] == path]
        self.assertEqual(len(found), 2, found)
        self.assertIn("has expired on", found[0])
        self.assertIn("names mx.example.org, not host.example", found[1])

    def test_ciphers_and_certificates_that_serve_nobody_are_told(self):
        ciphers = self.write_control("tlsserverciphers", b"NO-SUCH\n")
        folder = os.path.join(self.tree.root, "control", "servercerts", "a.example")
        os.makedirs(folder)
        make_demo_certificate(os.path.join(folder, "servercert.pem"), "a.example", time.time())
        said = self.call("check-config", "--qmail", self.tree.root, "--json").json
        found = {each["file"]: each["found"] for each in said["qmail"]["warnings"]}
        self.assertIn("names no cipher of this OpenSSL", found[ciphers])
        self.assertIn("there is no servercert.pem", found[os.path.dirname(folder)])
        self.write_control("tlsserverciphers", b"HIGH\n")
        said = self.call("check-config", "--qmail", self.tree.root, "--json").json
        self.assertNotIn(ciphers, [each["file"] for each in said["qmail"]["warnings"]])


class TestReader(Calling):
    def test_the_user_is_that_of_the_settings_or_of_tcpserver_or_who_asks(self):
        script = parse_run_script(b"exec tcpserver -u `id -u nobody` 0 25 qmail-smtpd\n", "run")
        self.assertEqual(reader_of(Settings(user="daemon"), script).name, "daemon")
        self.assertEqual(reader_of(Settings(), script).name, "nobody")
        self.assertEqual(reader_of(Settings(), None).uid, os.geteuid())
