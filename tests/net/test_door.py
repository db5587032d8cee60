"""Who is let in, who waits, who is told to come again, and who gives up a place."""

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.trial.unittest import SynchronousTestCase

from tests.net.test_connections import Transport
from twistedmx.model.event import SessionEnded, SessionOpened
from twistedmx.model.verdict import Reason
from twistedmx.net.shell import Shell
from twistedmx.net.waiting import Waiting
from twistedmx.policy.admission import Full
from twistedmx.policy.blocklist import LOOPBACK
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.networks import network_of
from twistedmx.policy.record import FAILED, FAMILIAR, HUNG_UP, NOTHING_KNOWN, PROVEN, STRANGERS
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

MESSAGE = b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<demo@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
FULL = b"421 4.3.2 Too many sessions just now; try again shortly\r\n"
SHARE = b"421 4.7.0 Too many sessions from your network; end some, then try again\r\n"
GREETING = b"220 mx.example.org ESMTP twistedmx\r\n"


class Base(SynchronousTestCase):
    """A server with places for two strangers. `known`: by the first octets of the address; else nothing is."""

    governor = GovernorSettings(start=2, floor=1, least=(1000, 1000, 1000))
    known = {"10.": PROVEN, "20.": FAILED, "30.": HUNG_UP, "40.": FAMILIAR[0]}

    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org", governor=self.governor))
        self.addCleanup(self.stage.wheel.stop)
        self.factory = self.stage.factory
        self.door = self.factory.door
        alertness = attrs.evolve(
            self.stage.site.alertness, known=lambda address: self.known.get(address[:3], NOTHING_KNOWN)
        )
        self.factory.site = attrs.evolve(self.stage.site, alertness=alertness)

    def come(self, host, *, secure=False):
        transport = Transport(IPv4Address("TCP", host, 1024))
        transport.protocol = self.factory.meet(transport.getPeer(), secure=secure)
        transport.protocol.makeConnection(transport)
        return transport

    def heard(self, *transports):
        told = [transport.value() for transport in transports]
        for transport in transports:
            transport.clear()
        return told

    def say(self, transport, octets):
        transport.protocol.dataReceived(octets)
        return transport.value().splitlines()[-1][:3]

    def guess(self, transport):
        """It guesses."""
        self.say(transport, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\n")
        transport.clear()

    def go(self, transport):
        transport.protocol.connectionLost(connectionDone)

    def turn(self, seconds=0.005):
        self.stage.clock.advance(seconds)

    def ended(self):
        return [event.reason for event in self.stage.events if isinstance(event, SessionEnded)]


class TestPlaces(Base):
    def test_strangers_beyond_the_limit_wait_and_hosts_of_good_record_do_not(self):
        """Siege 2: real mail waited outside although the machine was idle."""
        first, second, third = (self.come(f"192.0.2.{number}") for number in (1, 2, 3))
        known = self.come("10.0.0.1")
        self.assertEqual(self.heard(first, second, third, known), [GREETING, GREETING, b"", GREETING])
        self.assertIsInstance(third.protocol, Waiting)
        self.turn()
        self.assertEqual(third.value(), b"")
        self.go(first)
        self.turn()
        self.assertEqual(third.value(), GREETING)

    def test_what_it_said_meanwhile_is_heard_then(self):
        """An impatient client is none the worse for it; its words are no early talk, for it was not slow that was asked of it."""
        for number in (1, 2):
            self.come(f"192.0.2.{number}")
        third = self.come("192.0.2.3")
        third.protocol.dataReceived(b"QUIT\r\n")
        self.door.admission.limit = 3
        self.turn()
        self.assertEqual(third.value(), GREETING + b"221 2.0.0 Closing, good-bye\r\n")

    def test_one_who_waited_long_enough_hears_421(self):
        """And leaves its place in the line, and its descriptor."""
        for number in (1, 2):
            self.come(f"192.0.2.{number}")
        third = self.come("192.0.2.3")
        self.stage.wait(self.governor.patience + 2)
        self.assertEqual(third.value(), FULL)
        self.assertTrue(third.disconnecting)
        self.assertEqual((len(self.door.anteroom), self.door.admission.refused[Full.STRANGERS]), (0, 1))

    def test_the_newest_stranger_has_the_next_place(self):
        """A flood comes all at once; who comes behind it does not wait for all of it."""
        inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]
        waiting = [self.come(f"192.0.2.{number}") for number in range(10, 20)]
        for _ in range(5):
            self.turn()  # in which there is no place for anybody
        self.go(inside[0])
        self.turn()
        self.assertEqual([bool(transport.value()) for transport in waiting], [False] * 9 + [True])

    def test_each_host_has_its_turn(self):
        """Whoever opens ten connections has one tenth of each turn of his."""
        inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]
        other = self.come("192.0.2.50")
        crowd = [self.come("192.0.2.60") for _ in range(10)]
        for transport in inside:
            self.go(transport)
        self.turn()
        self.assertEqual(sum(bool(transport.value()) for transport in crowd), 1)
        self.assertEqual(other.value(), GREETING)

    def test_better_ones_go_before(self):
        """Of those who wait: who has sent mail, strangers, those who have only failed, then those who were hung up on."""
        inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]
        told = [self.come(host) for host in ("30.0.0.1", "20.0.0.1", "40.0.0.1", "192.0.2.3")]
        self.turn()
        self.assertEqual(self.heard(*told), [b""] * 4)
        self.go(inside[0])
        self.turn()
        self.assertEqual(self.heard(*told), [b"", b"", GREETING, b""])
        self.go(inside[1])
        self.turn()
        self.assertEqual(self.heard(*told), [b"", b"", b"", GREETING])
        self.go(told[2])
        self.turn()
        self.assertEqual(self.heard(*told), [b"", GREETING, b"", b""])

    def test_a_place_that_is_free_is_not_for_who_comes_while_a_better_one_waits(self):
        """His turn is in some milliseconds."""
        inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]
        familiar = self.come("40.0.0.1")
        self.go(inside[0])
        stranger = self.come("192.0.2.3")
        self.turn()
        self.assertEqual(self.heard(familiar, stranger), [GREETING, b""])

    def test_one_who_comes_is_not_let_in_before_those_of_his_like_who_wait(self):
        """But for strangers, of whom the newest is the first."""
        inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]
        first = self.come("20.0.0.1")
        self.go(inside[0])
        second = self.come("20.0.0.2")
        self.assertEqual(self.heard(first, second), [b"", b""])
        self.turn()
        self.assertEqual(self.heard(first, second), [GREETING, b""])

    def test_a_place_is_given_back_once_by_whatever_end(self):
        """A session that was hung up on lingers, and its place is another's already."""
        first, _ = (self.come(f"192.0.2.{number}") for number in (1, 2))
        self.say(first, b"QUIT\r\n")
        self.assertEqual(self.door.admission.strangers, 1)
        self.go(first)
        self.assertEqual(self.door.admission.strangers, 1)

    def test_who_speaks_for_others_has_a_place_in_the_better_lane(self):
        """A filter of ours."""
        self.factory.site = attrs.evolve(self.factory.site, xclient_from=(network_of("192.0.2.0/24"),))
        told = [self.come(f"192.0.2.{number}") for number in range(5)]
        self.assertEqual(self.heard(*told), [GREETING] * 5)
        self.assertEqual((self.door.admission.strangers, self.door.admission.proven), (0, 5))

    def test_a_stop_asks_nobody_to_come_again(self):
        """They hear nothing, and are gone."""
        for number in (1, 2):
            self.come(f"192.0.2.{number}")
        third = self.come("192.0.2.3")
        self.factory.shut_down()
        self.assertEqual((third.value(), len(self.door.anteroom)), (b"", 0))


class TestDisplaced(Base):
    def test_a_stranger_has_the_place_of_who_has_only_failed(self):
        """Whoever behaves gets in."""
        guesser, other = (self.come(f"192.0.2.{number}") for number in (1, 2))
        self.guess(guesser)
        other.clear()
        third = self.come("192.0.2.3")
        self.assertEqual(self.heard(guesser, other, third), [FULL, b"", GREETING])
        self.assertEqual((self.ended(), self.door.admission.displaced), ([Reason.NO_PLACE], 1))

    def test_or_of_whose_client_has_only_failed_lately(self):
        """A posse that comes back is known before it guesses again."""
        bad, _ = self.come("20.0.0.1"), self.come("192.0.2.2")
        bad.clear()
        third = self.come("192.0.2.3")
        self.assertEqual(self.heard(bad, third), [FULL, GREETING])

    def test_who_was_accepted_once_stays(self):
        """A newsletter with a dead address at its top."""
        first, _ = (self.come(f"192.0.2.{number}") for number in (1, 2))
        self.guess(first)
        self.assertEqual(self.say(first, b"RCPT TO:<demo@example.org>\r\n"), b"250")
        first.clear()
        third = self.come("192.0.2.3")
        self.assertEqual(self.heard(first, third), [b"", b""])
        self.assertEqual(self.door.admission.may_go, 0)

    def test_nor_does_who_is_never_blocked(self):
        """Nothing that he did is held against him, here or lately."""
        self.stage.blocklist.never.replace("ours", [network_of("20.0.0.0/8")])
        own, _ = self.come("20.0.0.1"), self.come("192.0.2.2")
        self.guess(own)
        third = self.come("192.0.2.3")
        self.assertEqual(self.heard(own, third), [b"", b""])

    def test_who_has_ended_is_asked_no_more(self):
        """His place is given back, and not once more by who would have had it."""
        guesser, _ = (self.come(f"192.0.2.{number}") for number in (1, 2))
        self.guess(guesser)
        self.go(guesser)
        self.assertEqual(self.door.admission.may_go, 0)

    def test_one_that_waits_for_an_answer_goes_when_it_has_it(self):
        """Never between a command and its reply: what was asked is answered first."""
        guesser, _ = (self.come(f"192.0.2.{number}") for number in (1, 2))
        self.guess(guesser)
        self.stage.act("look-ups are late")
        guesser.protocol.dataReceived(b"RCPT TO:<another@example.org>\r\n")
        self.come("192.0.2.3")
        self.assertEqual(guesser.value(), b"")
        self.stage.act("look-ups answer")
        self.stage.settle()
        self.assertEqual(guesser.value().splitlines()[-1] + b"\r\n", FULL)

    def test_when_the_limit_falls_those_go_first_who_have_only_failed(self):
        """And nobody else: whoever behaves and is in stays in."""
        self.door.admission.limit = 4
        inside = [self.come(f"192.0.2.{number}") for number in range(4)]
        for transport in inside[:2]:
            self.guess(transport)
        self.door.admission.limit = 1
        self.door.shed(1)
        self.assertEqual(self.ended(), [Reason.NO_PLACE])
        self.door.shed(50)
        self.assertEqual((self.ended(), self.door.admission.strangers), ([Reason.NO_PLACE] * 2, 2))


class TestIdle(Base):
    def test_a_stranger_that_says_nothing_ends_where_others_wait(self):
        """Else a botnet need but connect."""
        silent, busy = (self.come(f"192.0.2.{number}") for number in (1, 2))
        self.stage.wait(9)
        self.say(busy, b"NOOP\r\n")
        for transport in (silent, busy):
            transport.clear()
            transport.protocol.end_if_idle(8.5)
        self.assertEqual(self.heard(silent, busy), [b"421 4.4.2 Nothing heard for too long; closing\r\n", b""])
        self.assertEqual(self.ended(), [Reason.IDLE])

    def test_one_accepted_recipient_holds_no_place_for_ever(self):
        """Postmaster is known to everybody."""
        holder = self.come("192.0.2.1")
        self.say(holder, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<demo@example.org>\r\n")
        told = []
        for seconds in (9, 9, 9, 4):
            self.stage.wait(seconds)
            holder.protocol.end_if_idle(10)
            told.append(len(self.ended()))
        self.assertEqual(told, [0, 0, 0, 1])

    def test_not_one_that_has_sent_mail_or_is_of_good_record_or_waits_for_us(self):
        """It is theirs to think about the next message."""
        served, known = self.come("192.0.2.1"), self.come("10.0.0.1")
        self.say(served, MESSAGE)
        self.stage.wait(60)
        self.stage.act("look-ups are late")
        asking = self.come("192.0.2.2")
        self.say(asking, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<demo@example.org>\r\n")
        self.stage.wait(3)
        for transport in (served, known, asking):
            transport.protocol.end_if_idle(2)
        self.assertEqual(self.ended(), [])


class TestShares(Base):
    governor = GovernorSettings(start=100, shares=(0.02, 0.04, 0.06), least=(1, 1, 1))

    def test_a_host_and_its_networks_have_a_share(self):
        """Whatever the limit is, nobody has all of it."""
        told = [self.come("192.0.2.1") for _ in range(3)] + [self.come(f"192.0.2.{number}") for number in (2, 3, 4)]
        self.assertEqual(self.heard(*told), [GREETING, GREETING, SHARE, GREETING, GREETING, SHARE])
        self.assertEqual((self.door.admission.refused[Full.HOST], self.door.admission.refused[Full.NETWORK]), (1, 1))
        self.go(told[0])
        self.assertEqual(self.heard(self.come("192.0.2.5")), [GREETING])

    def test_never_blocked_networks_have_none(self):
        """Ours, and the operator's: a smarthost of his may open fifty, and uses up nothing of his neighbours'."""
        self.stage.blocklist.never.replace("ours", [network_of("192.0.2.1")])
        self.assertEqual(self.heard(*(self.come("192.0.2.1") for _ in range(10))), [GREETING] * 10)
        self.assertEqual(self.heard(self.come("192.0.2.2")), [GREETING])

    def test_under_tls_from_the_beginning_there_are_no_words(self):
        """They would be none."""
        for _ in range(2):
            self.come("192.0.2.1")
        third = self.come("192.0.2.1", secure=True)
        self.assertEqual((third.value(), third.disconnecting or third.disconnected), (b"", True))


class TestOver(Base):
    def test_refused_at_once(self):
        """Where the operator wants it so."""
        self.door.configure(attrs.evolve(self.governor, over="refuse", words="Busy"))
        told = [self.come(f"192.0.2.{number}") for number in (1, 2, 3)]
        self.assertEqual(self.heard(*told)[2], b"421 4.3.2 Busy\r\n")

    def test_where_nobody_waits_nobody_is_waited_for(self):
        """A better one that waits since before the reload."""
        for number in (1, 2):
            told = self.come(f"192.0.2.{number}")
        self.come("40.0.0.1")
        self.door.configure(attrs.evolve(self.governor, over="refuse"))
        self.go(told)
        self.assertEqual(self.heard(self.come("192.0.2.3")), [GREETING])

    def test_in_the_queue_of_the_kernel(self):
        """One waits with us, and nobody more is accepted until he has his place."""
        accepting = []
        self.door.accept = accepting.append
        self.door.configure(attrs.evolve(self.governor, over="queue"))
        first, _, third = (self.come(f"192.0.2.{number}") for number in (1, 2, 3))
        self.assertEqual((accepting, third.value()), ([False], b""))
        self.go(first)
        self.turn()
        self.assertEqual((accepting, third.value()), ([False, True], GREETING))

    def test_where_as_many_wait_as_may_the_worse_one_makes_room(self):
        """A posse does not fill the anteroom for others."""
        self.door.anteroom._places = 2
        inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]
        bad, worse = self.come("20.0.0.1"), self.come("30.0.0.1")
        stranger = self.come("192.0.2.3")
        self.assertEqual(self.heard(bad, worse, stranger), [b"", FULL, b""])
        self.come("192.0.2.4")
        self.assertEqual(self.heard(bad), [FULL])
        self.assertEqual(len(self.door.anteroom), 2)
        for transport in inside:
            self.go(transport)

    def test_where_all_are_strangers_the_one_whose_turn_would_be_last_makes_room(self):
        """As a rule that has waited the longest."""
        self.door.anteroom._places = 2
        for number in (1, 2):
            self.come(f"192.0.2.{number}")
        waiting = [self.come(f"192.0.2.{number}") for number in (3, 4, 5)]
        self.assertEqual(self.heard(*waiting), [FULL, b"", b""])
        self.assertEqual(self.heard(self.come("20.0.0.1"), *waiting), [FULL, b"", b"", b""])
        familiar = [self.come(f"40.0.0.{number}") for number in (1, 2, 3)]
        self.assertEqual(self.heard(*waiting, *familiar), [b"", FULL, FULL, FULL, b"", b""])

    def test_descriptors_are_left_for_hosts_of_good_record(self):
        """Where none is left, neither place nor patience helps."""
        self.door.admission.limit = 1000
        self.door._descriptors, self.door._kept = 5, 2
        told = [self.come(f"192.0.2.{number}") for number in range(4)]
        self.assertEqual(self.heard(*told), [GREETING] * 3 + [FULL])
        self.assertEqual(self.heard(self.come("10.0.0.1"), self.come("10.0.0.2")), [GREETING] * 2)
        self.assertEqual(self.heard(self.come("10.0.0.3")), [FULL])
        self.assertEqual(self.door.admission.refused[Full.DESCRIPTORS], 2)

    def test_where_descriptors_are_used_up_the_worst_go_too(self):
        """Where there is no ceiling they are the limit that a flood reaches."""
        self.door.admission.limit = 1000
        self.door._descriptors, self.door._kept, self.door._spare = 5, 2, 2
        crowd = [self.come(f"192.0.2.{number}") for number in range(3)]
        for transport in crowd:
            self.guess(transport)
        self.assertEqual(self.heard(self.come("192.0.2.9"), *crowd), [GREETING, FULL, b"", b""])

    def test_in_a_crowd_of_those_who_were_hung_up_on_nobody_skips_the_wait(self):
        """Beyond as many as may wait they are told to come again."""
        self.door.anteroom._places = 2
        told = [self.come(f"30.0.0.{number}") for number in range(3)]
        self.assertEqual(self.heard(*told), [b"", b"", FULL])

    def test_who_waits_is_no_session(self):
        """It is told of none: nothing began."""
        for number in (1, 2, 3):
            self.come(f"192.0.2.{number}")
        self.assertEqual(sum(isinstance(event, SessionOpened) for event in self.stage.events), 2)
        self.assertEqual(sum(isinstance(one, Shell) for one in self.factory.connections), 2)


class TestComings(Base):
    governor = GovernorSettings(start=100, comings=3)

    def test_who_is_back_again_and_again_waits_for_his_session(self):
        """A flood of connections in which nothing is said that anybody could count."""
        told = []
        for _ in range(5):
            transport = self.come("192.0.2.1")
            told.append(type(transport.protocol))
            self.go(transport)
        self.assertEqual(told, [Shell] * 3 + [Waiting] * 2)
        self.assertIsInstance(self.come("192.0.2.2").protocol, Shell)

    def test_and_not_who_has_sent_mail(self):
        """A sender of many small messages, one on each connection."""
        self.known = {"192": STRANGERS[0]}
        self.assertEqual({type(self.come("192.0.2.1").protocol) for _ in range(9)}, {Shell})

    def test_his_turn_in_the_anteroom_is_not_one_more_coming(self):
        """It is the same connection: two turns later he has come four times, and the fifth is what it would be."""
        crowd = [self.come("192.0.2.1") for _ in range(2)]
        third = self.come("192.0.2.1")
        self.door.admission.limit = 2
        waiting = self.come("192.0.2.2")
        self.go(crowd[0])
        self.turn()
        self.go(waiting)
        self.assertIsInstance(third.protocol, Shell)
        self.assertIsInstance(self.come("192.0.2.1").protocol, Waiting)


class TestReturns(Base):
    """Who does as he is told, which bots do not."""

    governor = attrs.evolve(Base.governor, comes_again=30.0)

    def setUp(self):
        super().setUp()
        self.inside = [self.come(f"192.0.2.{number}") for number in (1, 2)]

    def told_to_come_again(self, *hosts, secure=False):
        """By 421, when they had waited."""
        told = [self.come(host, secure=secure) for host in hosts]
        self.stage.wait(self.governor.patience + 1)
        self.assertEqual(self.heard(*told), [b"" if secure else FULL] * len(hosts))
        for transport in told:
            self.go(transport)

    def next_in(self, *waiting):
        """Who of them has the next place."""
        self.go(self.inside.pop())
        self.turn()
        return [isinstance(one.protocol, Shell) for one in waiting]

    def check(self, host, *, goes_first, secure=False):
        """When it comes beside a stranger."""
        self.stage.clock.advance(40)
        again, newest = self.come(host, secure=secure), self.come("192.0.2.200")
        self.assertEqual(self.next_in(again, newest), [goes_first, not goes_first])
        return again

    def test_who_was_told_to_come_again_and_does_goes_before_strangers(self):
        """A first-time sender among bots, each of which is another host."""
        self.told_to_come_again("192.0.2.3")
        self.assertEqual(self.heard(self.check("192.0.2.3", goes_first=True)), [GREETING])

    def test_also_where_tls_comes_first(self):
        """There he hears no words, and is told all the same."""
        self.told_to_come_again("192.0.2.3", secure=True)
        self.check("192.0.2.3", goes_first=True)

    def test_a_return_is_worth_one_session(self):
        """Who was told once is not before first-time senders for hours."""
        self.told_to_come_again("192.0.2.3")
        self.go(self.check("192.0.2.3", goes_first=True))
        self.turn()  # the stranger has the place that is free now
        self.check("192.0.2.3", goes_first=False)

    def test_also_one_that_it_need_not_wait_for(self):
        """There is a place for it."""
        self.told_to_come_again("192.0.2.3")
        self.stage.clock.advance(40)
        self.go(self.inside.pop())
        returned = self.come("192.0.2.3")
        self.assertIsInstance(returned.protocol, Shell)
        self.go(returned)
        self.inside.append(self.come("192.0.2.4"))
        self.check("192.0.2.3", goes_first=False)

    def test_also_one_that_it_has_as_a_stranger(self):
        """Before its time had come."""
        self.told_to_come_again("192.0.2.3")
        self.stage.clock.advance(10)
        self.go(self.inside.pop())
        self.go(self.come("192.0.2.3"))
        self.inside.append(self.come("192.0.2.4"))
        self.check("192.0.2.3", goes_first=False)

    def test_its_first_connection_alone(self):
        """Or it would open twenty."""
        self.told_to_come_again("192.0.2.3")
        self.stage.clock.advance(40)
        again = [self.come("192.0.2.3") for _ in range(3)]
        newest = self.come("192.0.2.4")
        self.assertEqual(self.next_in(*again, newest), [True, False, False, False])
        self.assertEqual(self.next_in(*again, newest), [True, False, False, True])

    def test_not_who_is_back_at_once(self):
        """He was told to come again shortly, and a mail server takes minutes. His time begins anew."""
        self.told_to_come_again("192.0.2.3")
        self.told_to_come_again("192.0.2.3")
        self.stage.clock.advance(3)
        again, newest = self.come("192.0.2.3"), self.come("192.0.2.4")
        self.assertEqual(self.next_in(again, newest), [False, True])

    def test_who_waits_in_vain_once_more_goes_first_all_the_same(self):
        """A mail server does so for hours."""
        self.told_to_come_again("192.0.2.3")
        self.stage.clock.advance(4)
        self.told_to_come_again("192.0.2.3")
        self.stage.clock.advance(5)
        again, newest = self.come("192.0.2.3"), self.come("192.0.2.4")
        self.assertEqual(self.next_in(again, newest), [True, False])

    def test_of_loopback_too(self):
        """As drills have it."""
        self.stage.blocklist.never.replace(LOOPBACK, [network_of("127.0.0.0/8")])
        self.told_to_come_again("127.0.0.9")
        self.check("127.0.0.9", goes_first=True)

    def test_not_who_has_failed_meanwhile(self):
        """What he did weighs more than that he waited."""
        self.told_to_come_again("192.0.2.3")
        self.known = {"192": FAILED}
        self.stage.clock.advance(40)
        again = self.come("192.0.2.3")
        self.known = {}
        self.assertEqual(self.next_in(again, self.come("192.0.2.4")), [False, True])

    def test_who_has_failed_or_was_hung_up_on_is_not_remembered(self):
        """It would be a way to a better record, once what he did is forgotten."""
        self.known = {"20.": FAILED, "30.": HUNG_UP, "50.": STRANGERS[0]}
        self.door.anteroom._places = 0
        for host in ("20.0.0.1", "30.0.0.1", "50.0.0.1"):
            self.assertEqual(self.heard(self.come(host)), [FULL])
        self.door.anteroom._places = 100
        self.known = {}
        self.stage.clock.advance(40)
        told = [self.come(host) for host in ("20.0.0.1", "30.0.0.1", "50.0.0.1", "192.0.2.4")]
        self.assertEqual(self.next_in(*told), [False, False, False, True])

    def test_who_is_never_blocked_is_whatever_he_did(self):
        """Nothing is held against him."""
        self.stage.blocklist.never.replace("ours", [network_of("20.0.0.0/8")])
        self.told_to_come_again("20.0.0.1")
        self.check("20.0.0.1", goes_first=True)

    def test_nobody_where_the_operator_does_not_want_it(self):
        """comes_again = 0."""
        self.told_to_come_again("192.0.2.3")
        self.door.configure(attrs.evolve(self.governor, comes_again=0.0))
        self.check("192.0.2.3", goes_first=False)


class TestFaults(Base):
    def test_a_session_that_fails_at_its_beginning_leaves_no_place_behind(self):
        """Nor a connection that is nobody's, and has no deadline."""
        make, self.factory.session = self.factory.session, None
        transport = self.come("192.0.2.1")
        self.assertEqual((transport.value(), self.door.admission.strangers, len(self.factory.connections)), (b"", 0, 0))
        self.assertTrue(transport.disconnecting or transport.disconnected)
        self.factory.session = make
        self.assertEqual(self.heard(self.come("192.0.2.2")), [GREETING])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
