"""What `check-config` warns of: keys that others may read, certificates that soon end or are for another name."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.net.issuing import AT, Issued, written
from twistedmx.net.tls import TlsSettings
from twistedmx.net.tls_dangers import dangers

_DAY = 86_400


class TestDangers(SynchronousTestCase):
    def setUp(self):
        self.path = Issued("mx.example.org", days=(0, 90)).write(self.mktemp())

    def found(self, *others, host="mx.example.org", at=AT + 1):
        settings = TlsSettings(certificate=self.path, certificates=others)
        return [each.replace(self.path, "FILE") for each in dangers(settings, host=host, at=at)]

    def test_nothing_is_wrong_with_a_good_one(self):
        """A warning that is always there is read by nobody."""
        self.assertEqual(self.found(), [])
        self.assertEqual(self.found(host="MX.example.org", at=AT + 75 * _DAY), [])
        self.assertEqual(dangers(TlsSettings(), host="mx.example.org", at=AT), [])

    def test_a_key_that_others_may_read(self):
        """Whoever has it can be us, and read what older peers send."""
        os.chmod(self.path, 0o644)
        self.assertEqual(
            self.found(),
            ["tls.certificate: FILE: the private key is open to every user of this machine: chmod o= FILE"],
        )
        os.chmod(self.path, 0o640)
        self.assertEqual(self.found(), [], "a group is how the server's user reads it at a reload")

    def test_one_that_has_ended_soon_ends_or_has_not_begun(self):
        """ACME clients renew a month before: two weeks before, something is broken."""
        renew = "renew it, and twistedmx reload"
        for days, danger in (
            (-1, "holds from 2027-01-15 on only; is the clock of this machine right?"),
            (76, f"expires on 2027-04-15, in 14 days: {renew}"),
            (89.5, f"expires on 2027-04-15, in 0 days: {renew}"),
            (90, f"has expired on 2027-04-15: {renew}"),
            (400, f"has expired on 2027-04-15: {renew}"),
        ):
            self.assertEqual(self.found(at=AT + days * _DAY), [f"tls.certificate: FILE: {danger}"])

    def test_none_that_is_for_our_name(self):
        """Senders with MTA-STS or DANE verify it."""
        (danger,) = self.found(host="mail.example.org")
        self.assertTrue(
            danger.startswith("tls.certificate: no certificate names mail.example.org, which is what we are")
        )
        wild = Issued("*.example.org").write(self.mktemp())
        self.assertEqual(self.found(wild, host="mail.example.org"), [])
        Issued().write(self.path)
        self.assertEqual(
            self.found(), ["tls.certificate: names no host in its subjectAltName; peers that verify will not deliver"]
        )

    def test_each_file_is_looked_at_and_faults_are_left_to_the_reading(self):
        """They are told once."""
        broken = written(self.mktemp(), b"broken")
        os.chmod(broken, 0o644)
        ending = Issued("mx.example.com", days=(-80, 10)).write(self.mktemp())
        self.assertEqual(
            self.found("/nowhere", broken, ending),
            [
                f"tls.certificates[1]: {broken}: the private key is open to every user of this machine: chmod o= {broken}",
                f"tls.certificates[2]: {ending}: expires on 2027-01-25, in 9 days: renew it, and twistedmx reload",
            ],
        )
