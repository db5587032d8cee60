"""Settings are judged without a server."""

import os

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from twistedmx.service.check import findings
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.parts import lasting, parts_of
from twistedmx.service.start import build, read_file
from twistedmx.settings.dangers import Account
from twistedmx.settings.machine import this_machine

SETTINGS = """\
host = "localhost"
data = "data"
listen = ["systemd:domain=INET6:name=smtp"]
[mailboxes]
table = "boxes"
"""


ACCOUNTS = {
    "root": Account(name="root", uid=0, groups=frozenset({0})),
    "mx": Account(name="mx", uid=900, groups=frozenset({900})),
}
PLAIN = """\
host = "localhost"
data = "data"
listen = ["tcp:2525:interface=127.0.0.1"]
[mailboxes]
table = "boxes"
"""


class CheckCase(SynchronousTestCase):
    """A settings file in a folder of its own, with a table beside it."""

    def setUp(self):
        folder = os.path.abspath(self.mktemp())
        os.makedirs(folder)
        self.path = os.path.join(folder, "mx.toml")
        with open(os.path.join(folder, "boxes"), "w") as file:
            file.write("ann@localhost\n")

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def told(self, text, uid=1000):
        """(faults, dangers) of this text, for who has this uid."""
        self.write(text)
        machine = attrs.evolve(this_machine(), uid=uid, account=ACCOUNTS.get, python=())
        return findings(self.path, attrs.evolve(memory_world(), account=ACCOUNTS.get, uid=lambda: uid), machine)

    def faults(self, text, uid=1000):
        """Without the name of the file, which those that were found by reading have."""
        return [fault.removeprefix(f"{self.path}: ") for fault in self.told(text, uid)[0]]


class TestSocketsOfSystemd(CheckCase):
    """systemd passes them to the server alone: neither to `ExecStartPre=` nor to who types a command."""

    def setUp(self):
        super().setUp()
        self.write(SETTINGS)

    def test_they_are_no_fault_of_settings_that_are_only_judged(self):
        """The unit of contrib/ judges the settings before each start: it would never start."""
        faults, _ = findings(self.path)
        self.assertEqual(faults, [])

    def test_what_is_written_wrong_is_one(self):
        """Whoever passes the socket."""
        self.write(SETTINGS.replace(":name=smtp", ""))
        (fault,), _ = findings(self.path)
        self.assertIn("listen: 'systemd:domain=INET6' is no Twisted endpoint", fault)

    def test_a_number_alone_is_told_how_it_is_written(self):
        """As other programs have their ports."""
        self.write('host = "mx.example.org"\nlisten = ["2525"]\n')
        fault = next(one for one in findings(self.path)[0] if one.startswith("listen: "))
        self.assertTrue(fault.endswith("; write tcp:2525, or tcp:2525:interface=127.0.0.1 for this machine alone"))

    def test_a_server_needs_them(self):
        """It would listen nowhere."""
        settings, world = read_file(self.path), memory_world()
        faults = self.assertRaises(Faults, parts_of, settings, self.path, lasting(settings, world)).faults
        self.assertEqual(len(faults), 1)
        self.assertIn("systemd passed no such socket", faults[0])


class TestStartWouldFail(CheckCase):
    """What keeps a server from starting is a fault before the start."""

    def test_good_settings_have_no_fault(self):
        """The tests below look at what is changed, not at what is always wrong."""
        for uid in (0, 1000):
            self.assertEqual(self.faults(PLAIN, uid), [])

    def test_a_user_that_is_none_is_a_fault_for_all_who_read(self):
        """A start of root's would end with it; a start and a reload say the same."""
        text = f'user = "nosuch"\n{PLAIN}'
        expected = "user: 'nosuch' is no user of this system; add it: useradd --system nosuch, or name another"
        for uid in (0, 1000):
            self.assertEqual(self.faults(text, uid), [expected])
        world = attrs.evolve(memory_world(), account=ACCOUNTS.get)
        cannot = self.assertRaises(CannotStart, build, read_file(self.path), world)
        self.assertIn(expected, str(cannot))
        self.assertEqual(self.faults(text.replace("nosuch", "mx"), 0), [])

    def test_a_port_that_no_address_has_is_a_fault(self):
        """Twisted's endpoints take any number until they are bound."""
        told = self.faults(PLAIN.replace("2525", "99999").replace("[mail", '[metrics]\nlisten = "tcp:70000"\n[mail'))
        self.assertEqual(
            told,
            [
                "listen: 'tcp:99999:interface=127.0.0.1': port 99999 is none: it must be from 0 to 65535",
                "metrics.listen: 'tcp:70000': port 70000 is none: it must be from 0 to 65535",
            ],
        )

    def test_metrics_at_no_endpoint_are_a_fault(self):
        """They are bound at the start too."""
        (told,) = self.faults(f'{PLAIN}[metrics]\nlisten = "what:9925"\n')
        self.assertTrue(told.startswith("metrics.listen: 'what:9925' is no Twisted endpoint"), told)

    def test_an_address_of_another_machine_is_a_danger(self):
        """It may come with a failover: no fault."""
        faults, dangers = self.told(PLAIN.replace("127.0.0.1", "203.0.113.9"))
        self.assertEqual(faults, [])
        self.assertEqual(len([line for line in dangers if "203.0.113.9 is no address of this machine" in line]), 1)


class TestRoot(CheckCase):
    """Whoever finds a way into a server that faces the world must not be root."""

    OUTSIDE = PLAIN.replace(":interface=127.0.0.1", "")

    def test_root_with_nobody_to_become_is_a_fault_beyond_loopback(self):
        """The start refuses it when the port is bound."""
        (told,) = self.faults(self.OUTSIDE, 0)
        self.assertTrue(told.startswith("user: started as root, with no user to become, and tcp:2525 can be"), told)

    def test_root_who_becomes_root_is_told_so(self):
        """He has written a user, and would look for another mistake."""
        (told,) = self.faults(f'user = "root"\n{self.OUTSIDE}', 0)
        self.assertTrue(told.startswith("user: started as root, and user = 'root' is root, and tcp:2525 can be"), told)

    def test_metrics_count_as_well(self):
        """An HTTP server of root's is no better than a mail server."""
        (told,) = self.faults(f'{PLAIN}[metrics]\nlisten = "tcp:9925"\n', 0)
        self.assertIn("tcp:9925 can be reached from elsewhere", told)

    def test_who_becomes_another_may(self):
        """That is how it should be."""
        self.assertEqual(self.faults(f'user = "mx"\n{self.OUTSIDE}', 0), [])

    def test_another_than_root_is_warned_of_a_user_that_is_root(self):
        """As he is, it would start; without a user that is how many run it."""
        faults, dangers = self.told(f'user = "root"\n{self.OUTSIDE}')
        self.assertEqual(faults, [])
        self.assertEqual(len([line for line in dangers if "and root would not start" in line]), 1)
        self.assertFalse([line for line in self.told(self.OUTSIDE)[1] if "and root would not start" in line])


class TestAllAtOnce(CheckCase):
    """A fault of one key hides none of another."""

    def test_faults_of_values_hide_none_of_what_they_describe(self):
        """Whoever mends the size must not learn of the certificate afterwards."""
        told = self.faults(
            """\
host = "not a name"
data = "data"
listen = ["what:25"]
bare_newline_from = ["192.0.2.1/24", "10.0.0.0/8", "x"]
[limits]
size = 1
[blocklist]
never = ["192.0.2.1/24", "y"]
[mailboxes]
table = "missing"
[[mailboxes.sql]]
domains = ["a.example"]
database = "mysql://u:secret@db/mail"
query = "SELECT 1"
[[mailboxes.sql]]
domains = ["b.example"]
database = "sqlite:/nowhere"
query = "SELECT 1"
[tls]
certificate = "missing.pem"
minimum = "1.0"
"""
        )
        for words in (
            "limits.size: ",
            "blocklist.never: must be networks: '192.0.2.1/24' has bits beyond its /24; write 192.0.2.0/24, 'y' is neither",
            "mailboxes.sql[0].database: must be sqlite:/absolute/path or postgresql://user@host/name, is mysql:",
            "tls.minimum: ",
            "host: domain is malformed",
            "bare_newline_from: 192.0.2.1/24 ",
            "bare_newline_from: 'x' ",
            "tls.certificate: ",
            "mailboxes.sql[1].query: ",
            "mailboxes.table: ",
            "listen: 'what:25' is no Twisted endpoint",
        ):
            self.assertEqual(len([line for line in told if line.startswith(words)]), 1, (words, told))
        self.assertEqual(len(told), 11, told)
        self.assertNotIn("secret", "".join(told))

    def test_what_follows_from_a_fault_is_no_other(self):
        """A default in the place of what could not be read was not meant: nothing is concluded from it."""
        for text, key in (
            (PLAIN.replace('table = "boxes"', "table = 7"), "mailboxes.table"),
            (PLAIN.replace("table", "tabel"), "mailboxes.tabel"),
            (PLAIN.replace("[mailboxes]", "[mailbox]"), "mailbox"),
            (
                f'{PLAIN}postmaster = "ann@b.example"\n[[mailboxes.sql]]\ndomains = ["b.example"]\ndatabase = 1\nquery = "x"',
                "",
            ),
            ('listen_tls = ["tcp:465:interface=127.0.0.1"]\n' + PLAIN + "[tls]\ncertificate = 7\n", "tls.certificate"),
            (PLAIN.replace('host = "localhost"', "host = 7"), "host"),
            (PLAIN.replace('listen = ["tcp:2525:interface=127.0.0.1"]', 'listen = "tcp:25"'), "listen"),
            ("user = 7\n" + PLAIN.replace(":interface=127.0.0.1", ""), "user"),
        ):
            told = self.faults(text, 0)
            self.assertEqual([line.startswith(key) for line in told], [True], told)

    def test_what_is_no_toml_is_one_fault(self):
        """There is no rest."""
        (told,) = self.faults("host = \n")
        self.assertTrue(told.startswith("is not TOML"), told)


class TestCase(CheckCase):
    def test_a_domain_of_nobody_is_a_danger(self):
        """A typing error there makes two mailboxes one."""
        _, dangers = self.told(f'{PLAIN}case_sensitive = ["localhost", "other.example"]\n')
        told = [line for line in dangers if line.startswith("mailboxes.case_sensitive: ")]
        self.assertEqual(
            told, ["mailboxes.case_sensitive: other.example is served by nobody here; correct it, or take it out"]
        )
