"""What limits become under load and under attack, for strangers and for hosts of good record; in the receiver, where it counts."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import NobodyAccepted, SessionEnded, VerdictInShadow
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.posture import Alertness, Posture
from twistedmx.policy.receiver import Receiver
from twistedmx.settings import Settings
from twistedmx.smtp.command import parse_command
from twistedmx.smtp.parameters import NO_MAIL_PARAMETERS
from twistedmx.smtp.path import parse_path
from twistedmx.smtp.xclient import XClient
from twistedmx.testing.stage import Stage

STRANGER, FRIEND = "192.0.2.1", "192.0.2.2"


class Attacked:
    """`domain` is under attack, `address` is flooded."""

    def __init__(self, domain=b"", address=b""):
        self.domain, self.address = domain, address

    @property
    def any(self):
        return bool(self.domain)

    @property
    def any_flooded(self):
        return bool(self.address)

    def under_attack(self, domain):
        return domain == self.domain

    def is_flooded(self, address):
        return address == self.address


class Probed(Attacked):
    """All domains that are not ours are under attack."""

    any = True


class TestPosture(SynchronousTestCase):
    def test_it_is_hard_where_the_attack_is_and_never_for_the_proven(self):
        """Other domains, and hosts of good record, notice nothing."""
        alertness = Alertness(attacks=Attacked(b"example.org"), proven=lambda address: address == FRIEND)
        for domain, address, expected in (
            (b"example.org", STRANGER, Posture.ATTACK),
            (b"example.net", STRANGER, Posture.CALM),
            (b"example.org", FRIEND, Posture.CALM),
        ):
            self.assertIs(alertness.posture(domain, address), expected, (domain, address))
        alertness.under_load = True
        self.assertIs(alertness.posture(b"example.net", STRANGER), Posture.LOAD)
        self.assertIs(alertness.posture(b"example.net", FRIEND), Posture.CALM)


class TestReceiver(SynchronousTestCase):
    def receiver(self, attacks=None, address=STRANGER, *, under_load=False, **conduct):
        settings = ConductSettings(**{"bad_recipients": (5, 3, 2), "resets": (5, 2, 1), **conduct})
        self.stage = Stage(Settings(host="mx.example.org", conduct=settings))
        alertness = Alertness(
            attacks=attacks or Attacked(), proven=lambda address: address == FRIEND, under_load=under_load
        )
        site = attrs.evolve(self.stage.site, alertness=alertness)
        peer = Peer(address=address, port=1)
        receiver = Receiver(site, self.stage.factory.session(peer, secure=False), peer)
        receiver.greeting()
        receiver.mail(parse_path(b"a@example.net"), NO_MAIL_PARAMETERS)
        return receiver

    def guesses(self, receiver, domain=b"example.org"):
        """How many are answered without a last word, of ten."""
        for number in range(10):
            words = receiver.answer(parse_command(b"RCPT TO:<guess%d@%s>" % (number, domain)))
            if words.closes:
                receiver.ended(words)
                return number
        return 10

    def test_a_stranger_has_fewer_guesses_under_load_and_fewest_under_attack(self):
        """Siege 1: what a botnet of thousands may learn is what one session may, times thousands."""
        self.assertEqual(self.guesses(self.receiver()), 4)
        self.assertEqual(self.guesses(self.receiver(under_load=True)), 2)
        self.assertEqual(self.guesses(self.receiver(Attacked(b"example.org"))), 1)
        self.assertEqual(self.guesses(self.receiver(Attacked(b"example.com"))), 4)

    def test_a_host_of_good_record_notices_nothing(self):
        """Its newsletter has dead addresses on Mondays too."""
        self.assertEqual(self.guesses(self.receiver(Attacked(b"example.org"), FRIEND, under_load=True)), 4)

    def test_the_short_way_is_as_hard(self):
        """A flood takes it."""
        receiver = self.receiver(Attacked(b"example.org"), bad_recipients=(9, 6, 3))
        first = receiver.guesses([b"x@example.org"], b"example.org")
        self.assertIsNone(first, "the first one sets other limits, which is for the long way")
        receiver.answer(parse_command(b"RCPT TO:<x@example.org>"))
        self.assertIsNotNone(receiver.guesses([b"y@example.org"], b"example.org"))
        self.assertIsNone(receiver.guesses([b"z@example.org"], b"Example.ORG"))

    def test_an_attack_on_foreign_domains_is_hard_on_who_asks_for_them_alone(self):
        """Relay probes are no reason to hang up on a stranger who mistypes a command, and every reason to on the prober."""
        attacks = Probed()
        self.assertEqual(self.guesses(self.receiver(attacks), b"elsewhere.example"), 1)
        receiver = self.receiver(attacks)
        self.assertFalse(receiver.answer(parse_command(b"XYZZY")).closes)
        self.assertTrue(receiver.may_reset())

    def test_behind_a_recipient_that_was_accepted_nobody_is_hung_up_on(self):
        """His mail would be lost with the flood's."""
        receiver = self.receiver(Attacked(address=b"ghost@example.org"))
        self.assertEqual(receiver.answer(parse_command(b"RCPT TO:<demo@example.org>")).code, 250)
        self.assertFalse(receiver.answer(parse_command(b"RCPT TO:<ghost@example.org>")).closes)

    def test_what_could_not_be_told_is_no_guilt(self):
        """A look-up that fails is our fault, whoever else asks for the address."""
        receiver = self.receiver(Attacked(address=b"ghost@example.org"))
        self.stage.mailboxes.failure = RuntimeError("the database is down")
        words = receiver.answer(parse_command(b"RCPT TO:<ghost@example.org>"))
        self.assertEqual((words.code, words.closes), (451, False))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_who_asked_for_an_attacked_domain_may_not_play_with_rset_either(self):
        """It is the next thing that he does."""
        receiver = self.receiver(Attacked(b"example.org"))
        receiver.answer(parse_command(b"RCPT TO:<guess@example.org>"))
        self.assertFalse(receiver.may_reset())
        self.assertTrue(receiver.reset().closes)

    def limits(self, receiver):
        return receiver._session.limits

    def test_a_session_has_the_limits_of_the_hour_from_its_greeting_on(self):
        """Who comes while the machine is busy has had no calm."""
        calm, load, attack = self.receiver()._site.session_limits
        self.assertEqual(self.limits(self.receiver(under_load=True)), load)
        receiver = self.receiver(Attacked(b"example.org"))
        self.assertEqual(self.limits(receiver), calm)
        receiver.answer(parse_command(b"RCPT TO:<guess@example.org>"))
        self.assertEqual(self.limits(receiver), attack)

    def test_a_host_of_good_record_keeps_the_limits_of_calm(self):
        """Its list server sends a thousand messages in a session on every first of the month."""
        receiver = self.receiver(Attacked(b"example.org"), FRIEND, under_load=True)
        receiver.answer(parse_command(b"RCPT TO:<guess@example.org>"))
        receiver.answer(parse_command(b"NOOP"))
        self.assertEqual(self.limits(receiver), receiver._site.session_limits[Posture.CALM])

    def test_another_client_of_a_balancer_has_limits_of_his_own(self):
        """A stranger spoke before him on this connection; he has a good record."""
        receiver = self.receiver(under_load=True)
        self.assertEqual(self.limits(receiver), receiver._site.session_limits[Posture.LOAD])
        receiver.answer(XClient(address=FRIEND))
        self.assertEqual(self.limits(receiver), receiver._site.session_limits[Posture.CALM])

    def test_a_flooded_address_is_refused_and_the_stranger_hung_up_on(self):
        """Siege 3: 550, never 4xx; and the place is free for others."""
        receiver = self.receiver(Attacked(address=b"ghost@example.org"))
        words = receiver.answer(parse_command(b"RCPT TO:<Ghost@example.org>"))
        self.assertEqual((words.code, words.closes), (550, True))
        receiver.ended(words)
        nobody, session = (event for event in self.stage.events if type(event) in (NobodyAccepted, SessionEnded))
        self.assertEqual((nobody.flooded, session.flooded, session.reason), (True, True, Reason.FLOODED))

    def test_a_mail_server_of_good_record_goes_on_behind_a_flooded_address(self):
        """Siege 3: the same servers, which are innocent, still deliver to real recipients."""
        receiver = self.receiver(Attacked(address=b"ghost@example.org"), FRIEND)
        words = receiver.answer(parse_command(b"RCPT TO:<ghost@example.org>"))
        self.assertEqual((words.code, words.closes), (550, False))
        self.assertEqual(receiver.answer(parse_command(b"RCPT TO:<demo@example.org>")).code, 250)

    def test_other_guesses_beside_a_flooded_address_are_lines_of_the_log(self):
        """The silence is for the flood alone."""
        receiver = self.receiver(Attacked(address=b"ghost@example.org"), FRIEND)
        receiver.answer(parse_command(b"RCPT TO:<ghost@example.org>"))
        receiver.answer(parse_command(b"RCPT TO:<other@example.org>"))
        receiver.ended(None)
        told = [event.flooded for event in self.stage.events if type(event) in (NobodyAccepted, SessionEnded)]
        self.assertEqual(told, [False, False])

    def test_in_shadow_it_is_told_once_and_nobody_is_hung_up_on(self):
        """Each rule can be tried first: whom would it have hit?"""
        receiver = self.receiver(shadow=("bad_recipients",))
        self.assertEqual(self.guesses(receiver), 10)
        (told,) = (event for event in self.stage.events if type(event) is VerdictInShadow)
        self.assertEqual((told.policy, told.verdict.reason), ("conduct", Reason.BAD_RECIPIENTS))
