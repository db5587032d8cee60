"""What is no fault, and yet should not be. Each danger is told with its key and what to do, and not told where it is not."""

import os
import stat

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.passwd import PasswdSettings
from twistedmx.settings import Settings, dangers, settings_from
from twistedmx.settings.composed import MailboxSettings
from twistedmx.settings.dangers import Account, Machine
from twistedmx.settings.machine import account, addresses_of, is_ours, this_machine

MX = Account(name="mx", uid=900, groups=frozenset({900, 8}))


class FakeMachine:
    """A machine of a few folders and names."""

    def __init__(self):
        self.names = {"mx.example.org": ["192.0.2.25", "2001:db8::25"]}
        self.ours = {"192.0.2.25", "127.0.0.1"}
        self.files = {"/": (stat.S_IFDIR | 0o755, 0, 0)}

    def resolve(self, name):
        if name not in self.names:
            raise OSError(-2, "Name or service not known")
        return self.names[name]

    def stat(self, path):
        if path not in self.files:
            raise FileNotFoundError(path)
        mode, uid, gid = self.files[path]
        return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))

    def machine(self, **otherwise):
        facts = {
            "resolve": self.resolve,
            "is_ours": self.ours.__contains__,
            "stat": self.stat,
            "account": {"mx": MX}.get,
            "descriptors": 1_048_576,
            "somaxconn": 4096,
            "first_free_port": 1024,
            "uid": 0,
        }
        return Machine(**{**facts, **otherwise})


class TestSecretFile(SynchronousTestCase):
    def told(self, mode):
        fake = FakeMachine()
        fake.files["/etc/mx.toml"] = (stat.S_IFREG | mode, 0, 0)
        return list(dangers.readable_by_others("this file", "/etc/mx.toml", fake.machine()))

    def test_secrets_are_for_owner_and_group(self):
        """A password that every user can read is none."""
        (told,) = self.told(0o644)
        self.assertIn("this file: /etc/mx.toml has a secret in it", told)
        self.assertIn("chmod o-rwx /etc/mx.toml", told)
        self.assertEqual(self.told(0o640), [])

    def test_a_missing_file_is_no_danger(self):
        """It is a fault."""
        for path in ("", "/missing"):
            self.assertEqual(list(dangers.readable_by_others("x", path, FakeMachine().machine())), [])

    def test_a_settings_file_without_secrets_may_be_read(self):
        """It is documentation, too. `host` stands for any setting that may have one."""
        fake = FakeMachine()
        fake.files["/etc/mx.toml"] = (stat.S_IFREG | 0o644, 0, 0)
        for host, warnings in (("mx.example.org", 0), ("postgresql://mx:pw@db/", 1)):
            told = dangers.dangers(Settings(host=host), "/etc/mx.toml", "mx.example.org", fake.machine())
            self.assertEqual(len(told), warnings, told)


class TestInTheClear(SynchronousTestCase):
    def test_a_directory_is_asked_over_tls(self):
        """But one on this machine."""
        (told,) = dangers.asks_in_the_clear("mailboxes.http[0].url", "http://users.example.org/{address}")
        self.assertEqual(
            told,
            "mailboxes.http[0].url: asks users.example.org in the clear, where others can read and change the answers; "
            "write https://",
        )
        for url in ("https://users.example.org/{address}", "http://127.0.0.1:8025/", "http://[::1]/", "http://[x", ""):
            self.assertEqual(list(dangers.asks_in_the_clear("url", url)), [])


class TestHost(SynchronousTestCase):
    def told(self, host):
        return list(dangers.host_is_elsewhere(host, FakeMachine().machine()))

    def test_one_address_of_ours_is_enough(self):
        """Others of the name may be those of our siblings."""
        self.assertEqual(self.told("mx.example.org"), [])

    def test_a_name_that_does_not_resolve_is_told(self):
        """Nobody can send to it."""
        (told,) = self.told("mx.example.net")
        self.assertIn("host: mx.example.net does not resolve (Name or service not known); give it", told)

    def test_a_name_of_another_machine_is_told_with_its_addresses(self):
        """A NAT may be the reason: it is no fault."""
        fake = FakeMachine()
        fake.ours.clear()
        (told,) = dangers.host_is_elsewhere("mx.example.org", fake.machine())
        self.assertIn("mx.example.org is 192.0.2.25, 2001:db8::25, which is no address of this machine", told)

    def test_a_name_that_is_none_is_told(self):
        """The codec of Python raises UnicodeError for a label of 64 letters."""
        machine = FakeMachine().machine(resolve=lambda name: name.encode("idna"))
        (told,) = dangers.host_is_elsewhere(f"{'x' * 64}.example.org", machine)
        self.assertIn("does not resolve", told)


class TestTrust(SynchronousTestCase):
    def test_everybody_is_told_however_it_is_written(self):
        """Two halves are the whole."""
        for words in (["0.0.0.0/0"], ["::/0"], ["128.0.0.0/1", "0.0.0.0/1"]):
            (told,) = dangers.trusts_too_many("proxy_from", words)
            self.assertIn("is everybody: anyone there may pretend to come from any address", told)

    def test_a_great_part_of_the_internet_is_told(self):
        """Nobody knows the hosts of a /4."""
        (told,) = dangers.trusts_too_many("bare_newline_from", ["192.0.0.0/4"])
        self.assertIn("bare_newline_from: 192.0.0.0/4 is a great part of the Internet", told)
        self.assertIn("smuggled", told)

    def test_networks_that_may_be_ones_own_are_not_told(self):
        """The widest of them are 10.0.0.0/8 and fc00::/7."""
        for words in ([], ["10.0.0.0/8", "127.0.0.0/8"], ["fc00::/7"], ["192.0.2.1"], ["no network"]):
            self.assertEqual(list(dangers.trusts_too_many("proxy_from", words)), [])


class TestPlaces(SynchronousTestCase):
    def test_what_is_for_the_operator_is_local(self):
        """Metrics tell an attacker how well he does."""
        (told,) = dangers.not_local("metrics.listen", ["tcp:9100", "tcp:9101:interface=127.0.0.1", "unix:/run/x"])
        self.assertIn("metrics.listen: tcp:9100 can be reached", told)
        self.assertIn("write tcp:9100:interface=127.0.0.1", told)

    def test_low_ports_are_for_root(self):
        """Or for systemd, which opens them for us."""
        machine = FakeMachine().machine(uid=1000)
        (told,) = dangers.needs_root("listen", ["tcp:25", "tcp:2525", "systemd:domain=INET:index=0", "tcp:0"], machine)
        self.assertIn("listen: tcp:25 can be bound by root alone, and you are user 1000", told)
        self.assertEqual(list(dangers.needs_root("listen", ["tcp:25"], attrs.evolve(machine, first_free_port=25))), [])
        self.assertEqual(list(dangers.needs_root("listen", ["tcp:25"], FakeMachine().machine())), [])


class TestAddress(SynchronousTestCase):
    def told(self, *texts):
        return list(dangers.address_is_elsewhere("listen", texts, FakeMachine().machine()))

    def test_an_address_of_another_machine_is_told(self):
        """The start would end with "Cannot assign requested address"."""
        (told,) = self.told("tcp:25:interface=203.0.113.9")
        self.assertTrue(
            told.startswith("listen: tcp:25:interface=203.0.113.9: 203.0.113.9 is no address of this"), told
        )

    def test_ours_all_of_them_and_none_are_not_told(self):
        """Loopback is always there."""
        texts = ("tcp:25:interface=192.0.2.25", "tcp:25", "tcp6:25:interface=\\:\\:1", "unix:/x", "")
        self.assertEqual(self.told(*texts), [])


class TestPython(SynchronousTestCase):
    """Where Python imports from, once root is given up."""

    def told(self, user="mx", **folders):
        fake = FakeMachine()
        for name, mode in folders.items():
            fake.files[f"/{name.replace('_', '/')}"] = (stat.S_IFDIR | mode, 0, 0)
        return list(dangers.python_is_out_of_reach(user, fake.machine(python=("/root/python",))))

    def test_a_python_in_the_home_of_root_is_told(self):
        """The server starts, and fails where it imports a codec for the first time."""
        (told,) = self.told(root=0o700, root_python=0o755)
        self.assertIn("user: Python is in /root/python, and mx may not enter /root: ", told)
        (told,) = self.told(root=0o755, root_python=0o711)
        self.assertIn("may not enter /root/python", told)

    def test_one_that_all_may_read_is_not_told(self):
        """A folder on the way need not be listed; nothing changes for who stays root, and what cannot be seen is not told."""
        self.assertEqual(self.told(root=0o711, root_python=0o755), [])
        self.assertEqual(self.told(root=0o700, root_python=0o755, user=""), [])
        self.assertEqual(self.told(), [])

    def test_ours_is_known(self):
        """And is there."""
        for folder in this_machine().python:
            self.assertTrue(os.path.isdir(folder), folder)


class TestKernel(SynchronousTestCase):
    def test_a_backlog_that_the_kernel_cuts_is_told(self):
        """listen(2) does so without a word."""
        (told,) = dangers.backlog_is_cut(8192, FakeMachine().machine())
        self.assertIn("sysctl -w net.core.somaxconn=8192", told)
        self.assertEqual(list(dangers.backlog_is_cut(4096, FakeMachine().machine())), [])

    def test_more_connections_than_descriptors_are_told(self):
        """With the number that would do, and with whose limit it is: a unit of systemd has another."""
        settings = settings_from(
            {
                "backlog": 3000,
                "handshakes": {"under_way": 500},
                "blocklist": {"held": 100},
                "writing": {"batch": 64},
            },
            "mx.toml",
        )
        (told,) = dangers.too_few_descriptors(settings, FakeMachine().machine(descriptors=3700))
        self.assertTrue(
            told.startswith("backlog: 3000 connections waiting, 500 handshakes under way, 100 blocked ones"), told
        )
        self.assertIn("need 3728 descriptors, and this process may have 3700 (a server started by systemd has", told)
        self.assertTrue(told.endswith("or write 2972"), told)
        self.assertEqual(list(dangers.too_few_descriptors(settings, FakeMachine().machine(descriptors=3728))), [])

    def test_the_setting_that_asks_for_most_descriptors_is_named(self):
        """To lower another would not do."""
        document = {"backlog": 10, "handshakes": {"under_way": 2000}}
        (told,) = dangers.too_few_descriptors(settings_from(document, ""), FakeMachine().machine(descriptors=1024))
        self.assertTrue(told.startswith("handshakes.under_way: "), told)

    def test_blocked_ones_get_a_fourth_of_the_descriptors(self):
        """Whatever the settings say: who wrote more has to know."""
        machine = FakeMachine().machine(descriptors=1024)
        (told,) = dangers.held_is_cut(257, machine)
        self.assertTrue(told.startswith("blocklist.held: 257 is more than a fourth of the descriptors"), told)
        self.assertTrue(told.endswith("or write 256"), told)
        self.assertEqual(list(dangers.held_is_cut(256, machine)), [])

    def test_a_control_socket_for_everybody_is_told(self):
        """A group is enough."""
        (told,) = dangers.anybody_commands("0666")
        self.assertIn("control.mode: 0666 lets every user of this machine command the server", told)
        self.assertEqual(list(dangers.anybody_commands("0660")), [])


class TestWritable(SynchronousTestCase):
    def told(self, path, user="mx", **folders):
        fake = FakeMachine()
        for name, entry in folders.items():
            fake.files[f"/{name}"] = (stat.S_IFDIR | entry[0], *entry[1:])
        return list(dangers.not_writable("mailboxes.maildir", path, user, fake.machine()))

    def test_the_user_must_be_able_to_make_maildirs(self):
        """By the first folder that is there, for the others would be made in it."""
        (told,) = self.told("/srv/mail/{domain}/{local}", srv=(0o755, 0, 0))
        self.assertEqual(told, "mailboxes.maildir: mx may not write to /srv; install -d -o mx -m 700 /srv/mail")

    def test_owner_group_and_others_count_in_this_order(self):
        """As in the kernel: the group's rights are nothing to the owner."""
        for mode, uid, gid, good in (
            (0o700, 900, 0, True),
            (0o770, 0, 8, True),
            (0o777, 0, 0, True),
            (0o077, 900, 8, False),
            (0o707, 0, 8, False),
            (0o750, 0, 900, False),
            (0o600, 900, 0, False),
        ):
            told = self.told("/srv/{domain}/{local}", srv=(mode, uid, gid))
            self.assertEqual(not told, good, (oct(mode), uid, gid))

    def test_a_file_in_its_place_is_told(self):
        """Permissions of a file say nothing."""
        fake = FakeMachine()
        fake.files["/srv"] = (stat.S_IFREG | 0o777, 900, 900)
        (told,) = dangers.not_writable("data", "/srv/mail", "mx", fake.machine())
        self.assertIn("data: /srv is no folder", told)

    def test_what_cannot_be_told_is_not_told(self):
        """No such user is a fault of its own; root may everything; a folder that we may not see is as it is."""
        self.assertEqual(self.told("/srv/{domain}", user=""), [])
        self.assertEqual(self.told("/srv/{domain}", user="nobody-such"), [])

        def hidden(path):
            raise PermissionError(path)

        self.assertEqual(list(dangers.not_writable("data", "/x", "mx", FakeMachine().machine(stat=hidden))), [])


class TestReadAgain(SynchronousTestCase):
    def told(self, mode, uid, gid, user="mx"):
        fake = FakeMachine()
        fake.files["/mx.pem"] = (stat.S_IFREG | mode, uid, gid)
        return list(dangers.not_readable("tls.certificate", "/mx.pem", user, fake.machine()))

    def test_a_key_that_root_alone_can_read_is_told(self):
        """The start goes well; the first renewal does not."""
        (told,) = self.told(0o600, 0, 0)
        self.assertIn("tls.certificate: /mx.pem cannot be read by mx", told)

    def test_all_that_is_read_after_the_start_is_asked_for(self):
        """A database that root alone can read is found at the start, and by no look-up after it."""
        fake = FakeMachine()
        paths = (
            "/mx.toml",
            "/table",
            "/password",
            "/users.db",
            "/token",
            "/ca.pem",
            "/mx.pem",
            "/other.pem",
            "/peers.pem",
        )
        fake.files |= dict.fromkeys(paths, (stat.S_IFREG | 0o600, 0, 0))
        domains = {"domains": ["example.org"]}
        sql = {"database": "sqlite:/users.db", "query": "SELECT :local", "password_file": "/password"}
        http = {"url": "https://users.example.org/{local}", "token_file": "/token", "ca": "/ca.pem"}
        clients = {"networks": ["192.0.2.1"], "names": ["a.example.org"], "ca": "/peers.pem"}
        document = {
            "user": "mx",
            "data": "/made-by-the-start",
            "mailboxes": {"table": "/table", "sql": [domains | sql], "http": [domains | http]},
            "tls": {"certificate": "/mx.pem", "certificates": ["/other.pem"], "clients": [clients]},
        }
        settings = settings_from(document, "/mx.toml")
        told = dangers.dangers(settings, "/mx.toml", "mx.example.org", fake.machine())
        self.assertEqual([line.partition(": ")[2].partition(" ")[0] for line in told], list(paths))

    def test_owner_and_group_may(self):
        """That is how it should be."""
        for mode, uid, gid in ((0o600, 900, 0), (0o640, 0, 8)):
            self.assertEqual(self.told(mode, uid, gid), [])

    def test_without_another_user_nothing_changes_after_the_start(self):
        """Whoever starts it reads it again."""
        self.assertEqual(self.told(0o600, 0, 0, user=""), [])

    def test_system_users_need_a_server_that_was_root(self):
        """Else each of their messages is deferred, for ever."""
        settings = Settings(mailboxes=MailboxSettings(passwd=(PasswdSettings(domains=("example.org",)),)))
        for uid, count in ((0, 0), (1000, 1)):
            told = dangers.dangers(settings, "", "mx.example.org", FakeMachine().machine(uid=uid))
            self.assertEqual(len([line for line in told if line.startswith("mailboxes.passwd: ")]), count)


class TestAll(SynchronousTestCase):
    def test_a_sound_file_has_no_danger(self):
        """A warning that is always there is read by nobody."""
        fake = FakeMachine()
        fake.files["/var"] = (stat.S_IFDIR | 0o700, 900, 900)
        settings = Settings(host="mx.example.org", data="/var", user="mx", listen=("tcp:25",))
        self.assertEqual(dangers.dangers(settings, "/etc/mx.toml", "mx.example.org", fake.machine()), [])

    def test_all_are_told_at_once(self):
        """Settings of any section that name networks or endpoints are asked, whoever owns them."""
        document = {
            "backlog": 9000,
            "listen": ["tcp:25"],
            "user": "mx",
            "data": "/var/mx",
            "bare_newline_from": ["0.0.0.0/0"],
            "mailboxes": {"maildir": "/srv/{domain}/{local}"},
        }
        machine = FakeMachine().machine(uid=1000)
        told = dangers.dangers(settings_from(document, "mx.toml"), "mx.toml", "other.example", machine)
        self.assertEqual(
            [line.split(":")[0] for line in told],
            ["host", "bare_newline_from", "listen", "backlog", "data", "mailboxes.maildir"],
        )


class TestThisMachine(SynchronousTestCase):
    def test_it_is_asked_without_a_fault(self):
        """The numbers differ; that they are there does not."""
        machine = this_machine()
        self.assertGreater(machine.descriptors, 0)
        self.assertGreater(machine.somaxconn, 0)
        self.assertGreater(machine.first_free_port, -1)
        self.assertEqual(machine.uid, os.geteuid())

    def test_loopback_is_ours_and_a_documentation_address_is_not(self):
        """RFC 5737: nobody has it."""
        self.assertTrue(is_ours("127.0.0.1"))
        self.assertFalse(is_ours("192.0.2.1"))
        self.assertFalse(is_ours("2001:db8::1"))
        self.assertFalse(is_ours("no address"))

    def test_addresses_are_addresses(self):
        """Without the network: a literal resolves to itself."""
        self.assertEqual(list(addresses_of("127.0.0.1")), ["127.0.0.1"])

    def test_users_are_found_with_their_groups(self):
        """root is on every system, and this one on none."""
        self.assertEqual(account("root").uid, 0)
        self.assertIn(0, account("root").groups)
        self.assertIsNone(account("no-such-user-here"))
