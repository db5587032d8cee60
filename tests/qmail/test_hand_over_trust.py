"""What is believed of who hands over a connection, and what the rules say once they were there."""

import os
from collections.abc import Mapping

import attrs
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.peer import Peer
from twistedmx.net.handed_over import HandedOver
from twistedmx.qmail.queue_program import DEFAULT
from twistedmx.qmail.rules import Allowed, CouldNotTell, Denied
from twistedmx.service.qmail_environment import Environments, NotTrusted, UsualRules
from twistedmx.testing.cdb import write_cdb

_LOCAL = IPv4Address("TCP", "192.0.2.1", 25)
_TOLD = {
    b"TCPREMOTEIP": b"203.0.113.5",
    b"RELAYCLIENT": b"",
    b"CHKUSER_RCPTLIMIT": b"9",
    b"QMAILQUEUE": b"/tmp/evil",
    b"RCPTCHECK": b"/tmp/evil",
    b"SPPCONFFILE": b"/tmp/evil",
    b"LD_PRELOAD": b"/tmp/evil.so",
    b"PATH": b"/tmp",
}


_NAMES_NONE = {
    name: value for name, value in _TOLD.items() if name not in (b"QMAILQUEUE", b"RCPTCHECK", b"SPPCONFFILE")
}
_CHECK = (b"/bin/vchkpw", b"/bin/true")


def handed(user: int, told: Mapping[bytes, bytes] = _TOLD, arguments: tuple[bytes, ...] = _CHECK) -> HandedOver:
    """As much of it as is looked at."""
    of_no_use = dict.fromkeys(("connection", "address", "lines"))
    return HandedOver(
        environment=told, arguments=arguments, waits=False, ended=lambda status: None, user=user, **of_no_use
    )


class TestTrust(SynchronousTestCase):
    def setUp(self) -> None:
        self.environments = self.with_own()

    def with_own(self, **own: bytes) -> Environments:
        """A server that was started with these as well."""
        environment = {b"PATH": b"/bin"} | {name.encode(): value for name, value in own.items()}
        return Environments(environment, UsualRules(()), self.fail, own_user=89, check_program=_CHECK)

    def test_another_user_names_no_program_that_runs_as_us(self) -> None:
        """Whoever may hand over says who may relay, and no more: he would be the server's user otherwise."""
        found = self.environments.of_handed(handed(1000, _NAMES_NONE))
        told = {name: _TOLD[name] for name in (b"TCPREMOTEIP", b"RELAYCLIENT", b"CHKUSER_RCPTLIMIT")}
        self.assertEqual(found, {b"PATH": b"/bin", **told})
        self.assertFalse(self.environments.trusts(handed(1000)))
        with self.assertRaisesRegex(
            NotTrusted, "^user 1000 .*QMAILQUEUE and RCPTCHECK and SPPCONFFILE.*tcpserver's -u"
        ):
            self.environments.of_handed(handed(1000))

    def test_no_message_passes_by_the_scanner_that_he_names(self) -> None:
        """Nor is he served by half of what was said: with none, with another, or without the one that is here."""
        for told, own in (
            ({b"QMAILQUEUE": b"bin/simscan"}, {}),
            ({b"QMAILQUEUE": b"bin/simscan"}, {"QMAILQUEUE": b"bin/other"}),
            ({b"QMAILQUEUE": b""}, {"QMAILQUEUE": b"bin/simscan"}),
            ({b"ERROR_FD": b"9"}, {}),
            ({b"RCPTCHECK": b"/c"}, {}),
            ({b"RCPTCHECKRELAYCLIENT": b"1"}, {"RCPTCHECK": b"/c"}),
            ({b"ENABLE_SPP": b"1"}, {}),
            ({b"ENABLE_SPP": b"0"}, {"ENABLE_SPP": b"1"}),
            ({b"SPPCONFFILE": b"control/spp"}, {"ENABLE_SPP": b"1"}),
        ):
            with self.assertRaisesRegex(NotTrusted, next(iter(told)).decode()):
                self.with_own(**own).of_handed(handed(1000, told))

    def test_what_the_server_has_itself_he_may_say_too(self) -> None:
        """As where both run scripts export the same; and what means the same is the same."""
        own = {"QMAILQUEUE": b"bin/simscan", "ENABLE_SPP": b"1"}
        found = self.with_own(**own).of_handed(handed(1000, {b"QMAILQUEUE": b"bin/simscan", b"ENABLE_SPP": b"yes"}))
        self.assertEqual(found, {b"PATH": b"/bin", b"QMAILQUEUE": b"bin/simscan", b"ENABLE_SPP": b"1"})
        for told in ({b"QMAILQUEUE": b""}, {b"QMAILQUEUE": DEFAULT}, {b"RCPTCHECK": b""}, {b"ENABLE_SPP": b"0"}):
            self.assertEqual(self.environments.of_handed(handed(1000, told)), {b"PATH": b"/bin"})

    def test_words_behind_the_program_are_those_of_the_settings(self) -> None:
        """What AUTH asks: without any it is what the settings name."""
        self.environments.of_handed(handed(1000, {}, ()))
        with self.assertRaisesRegex(NotTrusted, "behind twistedmx-smtpd.*check_program"):
            self.environments.of_handed(handed(1000, {}, (b"/tmp/evil",)))

    def test_root_and_our_own_user_are_believed(self) -> None:
        """They can do all that as it is."""
        for user in (0, 89):
            self.assertEqual(self.environments.of_handed(handed(user)), _TOLD)
            self.assertTrue(self.environments.trusts(handed(user)))


class TestUsualRules(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.join(self.mktemp())
        self.rules = UsualRules((self.path + ".none", self.path))

    def test_a_file_that_is_made_later_is_obeyed(self) -> None:
        """tcpserver opens it for each connection."""
        self.assertEqual(self.rules.find(b"192.0.2.7"), Allowed(environment=()))
        write_cdb(self.path, [(b"192.0.2.7", b"D\0")])
        self.assertEqual(self.rules.find(b"192.0.2.7"), Denied())

    def test_a_file_that_is_gone_lets_nobody_in(self) -> None:
        """It may have denied him."""
        write_cdb(self.path, [(b"192.0.2.7", b"D\0")])
        self.rules.find(b"192.0.2.7")
        os.unlink(self.path)
        self.assertIsInstance(self.rules.find(b"192.0.2.7"), CouldNotTell)

    def test_a_client_is_denied_and_the_operator_told_why(self) -> None:
        """Once for each reason is the host's affair."""
        told: list[str] = []
        write_cdb(self.path, [])
        environments = Environments({}, self.rules, told.append, own_user=0)
        peer = Peer(address="192.0.2.7", port=1024)
        self.assertEqual(environments.of_client(_LOCAL, peer)[1], False)
        os.unlink(self.path)
        self.assertEqual(environments.of_client(_LOCAL, attrs.evolve(peer, port=1025))[1], True)
        self.assertIn("nobody is let in until it is mended", told[0])
