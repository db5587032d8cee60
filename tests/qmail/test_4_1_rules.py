"""The rules of tcpserver."""

import os
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.qmail.rules import Allowed, CouldNotTell, Denied, Rules
from twistedmx.testing.cdb import write_cdb


def named(name: bytes) -> Allowed:
    return Allowed(environment=((b"RULE", name),))


class TestSearch(SynchronousTestCase):
    def rules(self, *names: bytes) -> Rules:
        path = self.mktemp()
        write_cdb(path, [(name, b"+RULE=" + name + b"\0") for name in names])
        return Rules(path, allow_missing=False)

    def test_the_first_name_of_the_original_order_decides(self):
        order = [
            b"joe@192.0.2.37",
            b"joe@=mx.a.example",
            b"192.0.2.37",
            b"=mx.a.example",
            b"192.0.2.",
            b"192.0.",
            b"192.",
            b"=.a.example",
            b"=.example",
            b"=",
            b"",
        ]
        for begin, name in enumerate(order):
            rules = self.rules(*order[begin:])
            self.assertEqual(rules.find(b"192.0.2.37", b"mx.a.example", b"joe"), named(name))
        self.assertEqual(self.rules().find(b"192.0.2.37", b"mx.a.example", b"joe"), Allowed())

    def test_without_a_host_its_names_are_not_asked_for(self):
        self.assertEqual(self.rules(b"=", b"").find(b"192.0.2.37"), named(b""))
        self.assertEqual(self.rules(b"@192.0.2.37").find(b"192.0.2.37"), Allowed())

    def test_ipv6_is_found_as_it_is_said_in_full_and_by_its_bits(self):
        """IndiMail's and ucspi-tcp6's names: each bit that is set has a letter of its own."""
        full = b"2001:0db8:0000:0000:0000:0000:0000:0001"
        net = b"^00`000000000000a0000bc0de0fgh000"  # 2001:db8::/32
        for name in (full, b"2001:db8::1", b"2001:db8:", net, net[:17], b""):
            self.assertEqual(self.rules(name, b"").find(b"2001:db8::1"), named(name), name)
        self.assertEqual(self.rules(net, b"").find(b"2001:db9::1"), named(b""))

    def test_a_network_of_so_many_bits_is_found_behind_the_beginnings(self):
        net16, net8 = b"_ab00000000000000", b"_ab000000"
        self.assertEqual(self.rules(net8, net16, b"").find(b"192.0.2.1"), named(net16))
        self.assertEqual(self.rules(net8, net16, b"192.").find(b"192.0.2.1"), named(b"192."))
        self.assertEqual(self.rules(net8, b"").find(b"64.0.0.1"), named(b""))


class TestInstructions(SynchronousTestCase):
    def ruling(self, data: bytes) -> object:
        path = self.mktemp()
        write_cdb(path, [(b"", data)])
        return Rules(path, allow_missing=False).find(b"192.0.2.1")

    def test_variables_are_set_and_taken_away_and_the_last_of_one_name_counts(self):
        self.assertEqual(
            self.ruling(b"+A=1\0+RELAYCLIENT=\0-B\0+A=x=y\0"),
            Allowed(environment=((b"A", b"x=y"), (b"RELAYCLIENT", b""), (b"B", None))),
        )
        self.assertEqual(self.ruling(b""), Allowed())
        self.assertEqual(self.ruling(b"+A\0?\0\0+B=1"), Allowed())

    def test_deny_is_deny_whatever_else_it_says(self):
        self.assertEqual(self.ruling(b"D\0"), Denied())
        self.assertEqual(self.ruling(b"+A=1\0D\0"), Denied())


class TestFile(SynchronousTestCase):
    def test_a_replaced_file_holds_for_the_next_connection(self):
        path = self.mktemp()
        write_cdb(path, [(b"", b"D\0")])
        rules = Rules(path, allow_missing=False)
        self.assertEqual(rules.find(b"192.0.2.1"), Denied())
        write_cdb(path, [(b"", b"+A=1\0")])
        self.assertEqual(rules.find(b"192.0.2.1"), Allowed(environment=((b"A", b"1"),)))
        os.remove(path)
        self.assertIsInstance(rules.find(b"192.0.2.1"), CouldNotTell)
        write_cdb(path, [])
        self.assertEqual(rules.find(b"192.0.2.1"), Allowed())

    def test_a_missing_file_lets_nobody_in_unless_that_was_allowed(self):
        path = self.mktemp()
        self.assertEqual(
            Rules(path, allow_missing=False).find(b"192.0.2.1"),
            CouldNotTell(why=f"{path}: missing; make it with tcprules"),
        )
        self.assertEqual(Rules(path, allow_missing=True).find(b"192.0.2.1"), Allowed())

    def test_a_corrupt_file_cannot_tell_even_where_a_missing_one_may(self):
        path = self.mktemp()
        for octets in (b"x", b"\xff" * 4096):
            with open(path, "wb") as file:
                file.write(octets)
            ruling = Rules(path, allow_missing=True).find(b"192.0.2.1")
            assert isinstance(ruling, CouldNotTell)
            self.assertIn("make it anew with tcprules", ruling.why)


class TestTcprules(SynchronousTestCase):
    """Rules of the real program."""

    def test_what_it_makes_is_obeyed(self):
        if shutil.which("tcprules") is None:
            raise SkipTest("no tcprules here: it is in Debian's package ucspi-tcp")
        path = self.mktemp()
        written = (
            b'127.:allow,RELAYCLIENT="",DATABYTES=/0/\n'
            b"192.0.2.37-53:deny\n10.2-3.:deny\n"
            b'joe@198.51.100.1:allow,A="b,c"\n=.spam.example:deny\n:allow,QMAILQUEUE="bin/q"\n'
        )
        subprocess.run(["tcprules", path, path + ".tmp"], input=written, check=True, timeout=10)
        rules = Rules(path, allow_missing=False)
        queue = Allowed(environment=((b"QMAILQUEUE", b"bin/q"),))
        for ip, host, info, ruling in (
            (b"127.0.0.1", None, None, Allowed(environment=((b"RELAYCLIENT", b""), (b"DATABYTES", b"0")))),
            (b"192.0.2.37", None, None, Denied()),
            (b"192.0.2.53", None, None, Denied()),
            (b"192.0.2.54", None, None, queue),
            (b"10.3.1.1", None, None, Denied()),
            (b"10.4.1.1", b"x.spam.example", None, Denied()),
            (b"198.51.100.1", None, b"joe", Allowed(environment=((b"A", b"b,c"),))),
            (b"198.51.100.1", None, b"ann", queue),
        ):
            self.assertEqual(rules.find(ip, host, info), ruling, ip)
