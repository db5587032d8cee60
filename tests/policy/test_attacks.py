"""When a domain is under attack and when it is not, and which addresses are flooded: minutes as tables."""

from itertools import count

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import AT, BLOCKED, NOBODY, SESSION, TRANSACTION, UNKNOWN
from twistedmx.mailbox.keys import domain_key
from twistedmx.model.envelope import Envelope, Recipient, Refused
from twistedmx.model.event import AttackBegan, AttackEnded, FloodBegan, FloodEnded, FloodGoesOn
from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attacked_domains import NOT_OURS
from twistedmx.policy.attacks import Attacks
from twistedmx.policy.distinct import SLOT, SLOTS
from twistedmx.policy.flooded_addresses import FloodedAddresses
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.smtp import codes
from twistedmx.smtp.path import Path, parse_path

RELAYING = verdict(codes.NOT_OURS, Reason.NOT_OURS)
FULL = verdict(codes.MAILBOX_FULL, Reason.MAILBOX_FULL)


def settings_of(**others):
    return AttackSettings(**{"names": 60, "ratio": 2.0, "tries": 60, "leave": 0.7, "calm": 300.0} | others)


def refused_of(addresses, words=UNKNOWN):
    return Refused(count=len(addresses), runs=((words, tuple(addresses)),))


class Watched(SynchronousTestCase):
    """A server's attacks, seconds as they pass, and what is told of them."""

    settings = settings_of()

    def setUp(self):
        self.told = []
        self.attacks = Attacks(self.settings, self, domain_key)
        self.now = AT
        self.numbers = count()
        self.attacks.tick(self.now)

    def tell(self, event):
        """As the port Events."""
        self.told.append(event)

    def heard(self, kind):
        return [event for event in self.told if type(event) is kind]

    def wait(self, seconds=1):
        for _ in range(round(seconds)):
            self.now += 1
            self.attacks.tick(self.now)

    def refuse(self, addresses, *, host="192.0.2.7", words=UNKNOWN):
        """One session's, told together."""
        event = attrs.evolve(NOBODY, at=self.now, peer=Peer(address=host, port=1), refused=refused_of(addresses, words))
        self.attacks(event)

    def guess(self, number, *, domain="example.org", host="192.0.2.7"):
        """Names that nobody said before."""
        self.refuse([b"guess%d@%s" % (next(self.numbers), domain.encode()) for _ in range(number)], host=host)

    def accept(self, mailboxes, *, paths=None, refused=Refused(), host="198.51.100.1"):  # noqa: B008
        """One message, to these."""
        recipients = tuple(
            Recipient(
                path=parse_path(path),
                verdict=ACCEPTED,
                destinations=(Destination(address=mailbox, maildir=f"/mail/{mailbox.decode()}"),),
            )
            for mailbox, path in zip(mailboxes, paths or mailboxes, strict=True)
        )
        envelope = Envelope(reverse_path=parse_path(b"a@client.example"), recipients=recipients)
        peer = Peer(address=host, port=1)
        self.attacks(attrs.evolve(TRANSACTION, at=self.now, peer=peer, envelope=envelope, refused=refused))

    def minutes(self, table, *, domain="example.org"):
        """Unknown and known names of each minute, spread over its seconds; whether it is under attack at the end of each."""
        told = []
        for unknown, known in table:
            for second in range(60):
                some = unknown * (second + 1) // 60 - unknown * second // 60
                if some:
                    self.guess(some, domain=domain, host=f"192.0.2.{next(self.numbers) % 250}")
                some = known * (second + 1) // 60 - known * second // 60
                if some:
                    self.accept([b"known%d@%s" % (next(self.numbers), domain.encode()) for _ in range(some)])
                self.wait()
            told.append(self.attacks.under_attack(domain.encode()))
        return told


class TestDomains(Watched):
    def test_it_is_entered_at_once_and_left_late(self):
        """A botnet comes in waves: a budget that shrinks and grows with each is none. As a table of minutes."""
        table = (
            # unknown, known, and then: under attack?
            (30, 0, False),
            (58, 0, False),
            (200, 10, True),
            (40, 0, True),  # below 70 % of 60, but not for five minutes
            (70, 0, True),
            (50, 0, True),  # above it
            (0, 0, True),
            (0, 0, True),
            (0, 0, True),
            (0, 0, True),
            (0, 0, True),
            (0, 0, False),
        )
        self.assertEqual(self.minutes([row[:2] for row in table]), [row[2] for row in table])
        (began,), (ended,) = self.heard(AttackBegan), self.heard(AttackEnded)
        self.assertEqual((began.domain, began.pressure.names >= 60), ("example.org", True))
        self.assertLess(began.at, AT + 3 * 60)
        self.assertEqual(ended.at - ended.attack.end, 300)

    def test_a_large_domain_has_unknown_names_every_day(self):
        """Thousands of mailboxes, and addresses of who left: 300 unknown names a minute beside 300 known ones are a Monday."""
        self.assertEqual(self.minutes([(300, 300)] * 3), [False] * 3)
        self.assertEqual(self.minutes([(2000, 300)]), [True])

    def test_a_newsletter_to_a_list_that_died_is_no_attack(self):
        """Two hundred dead addresses, once, from a host that sends us mail every day; whether or not somebody is left on it."""
        self.attacks.proven = lambda address: address == "198.51.100.1"
        dead = [b"reader%d@example.org" % number for number in range(200)]
        for start in range(0, 200, 50):
            self.refuse(dead[start : start + 50], host="198.51.100.1")
        self.accept([b"ann@example.org"], refused=refused_of([b"more%d@example.org" % n for n in range(90)]))
        self.wait(10)
        self.assertEqual((self.told, self.attacks.any), ([], False))
        self.refuse(dead, host="192.0.2.7")
        self.wait()
        self.assertTrue(self.attacks.under_attack(b"example.org"), "a stranger with the same list is one")

    def test_a_newsletter_of_a_stranger_that_reaches_most_is_no_attack(self):
        """Its first mailing: the known names weigh against the dead ones."""
        for start in range(0, 1000, 10):
            self.accept(
                [b"reader%d@example.org" % number for number in range(start, start + 8)],
                refused=refused_of([b"reader%d@example.org" % number for number in range(start + 8, start + 10)]),
            )
        self.wait(10)
        self.assertEqual(self.told, [])

    def test_one_mailbox_however_it_is_spelled_is_one_known_name(self):
        """Else who knows one address could hide behind ann+1, ann+2 ..."""
        for number in range(100):
            self.guess(1)
            self.accept([b"ann@example.org"], paths=[b"ann+%d@example.org" % number])
        self.wait()
        self.assertTrue(self.attacks.under_attack(b"example.org"))

    def test_addresses_of_forwarders_and_lists_that_are_here_are_no_names_that_are_not(self):
        """SRS, VERP and prvs: each bounce goes to another address, and all of these are one mailbox."""
        for number in range(1000):
            verp = b"list-bounces+reader%d=isp.example@example.org" % number
            self.accept([b"list@example.org"], paths=[verp])
            self.accept([b"ann@example.org"], paths=[b"SRS0=H%d=T1=isp.example=ann@example.org" % number])
            self.accept([b"ann@example.org"], paths=[b"prvs=%010d=ann@example.org" % number])
        self.wait(10)
        self.assertEqual((self.told, self.attacks.attacks(), self.attacks.floods()), ([], [], []))

    def test_there_are_never_more_names_or_hosts_than_tries(self):
        """Many different ones are an estimate, and who reads "3400 names in 3200 tries" trusts neither."""
        for number in range(20):
            domain = b"example%d.org" % number
            for host in range(600):
                address = f"198.18.{host // 250}.{host % 250}"
                self.refuse([b"q%d-%d@%b" % (host, each, domain) for each in range(5)], host=address)
            self.wait()
        pairs = self.attacks.attacks()
        self.assertEqual([attack.tries for attack, _ in pairs], [3000] * 20)
        for attack, pressure in pairs:
            self.assertLessEqual(max(attack.names, attack.hosts, attack.peak, pressure.names, pressure.hosts), 3000)
            self.assertGreater(attack.names, 2000)

    def test_the_same_name_again_and_again_is_one(self):
        """That is a flood, and no dictionary: nobody's budget shrinks for it."""
        for number in range(500):
            self.refuse([b"Nobody@Example.ORG", b"nobody@example.org"], host=f"192.0.2.{number % 250}")
        self.wait(3)
        self.assertFalse(self.attacks.any)
        self.assertTrue(self.attacks.any_flooded)

    def test_a_tiny_server_is_under_attack_by_the_floor_alone(self):
        """It has no known names to weigh with. One bot that is hung up on after ten names is none yet."""
        for bot in range(5):
            self.guess(10, host=f"192.0.2.{bot}")
        self.wait(2)
        self.assertFalse(self.attacks.any)
        self.guess(10, host="192.0.2.99")
        self.wait()
        self.assertTrue(self.attacks.any)
        (began,) = self.heard(AttackBegan)
        self.assertEqual((began.pressure.names, began.pressure.known, began.pressure.hosts), (60, 0, 6))

    def test_other_domains_are_not_under_attack_with_it(self):
        """The neighbour's strangers keep their budgets."""
        self.guess(100)
        self.guess(10, domain="example.net")
        self.wait()
        self.assertEqual(
            [self.attacks.under_attack(domain) for domain in (b"example.org", b"example.net", b"example.com")],
            [True, False, False],
        )

    def test_domains_in_one_event_are_told_apart(self):
        """A bot goes over all domains of a host with the same names."""
        for number in range(60):
            self.refuse([b"guess%d@example.%b" % (number, end) for end in (b"org", b"net", b"org")])
        self.wait()
        self.assertEqual({event.domain for event in self.heard(AttackBegan)}, {"example.org", "example.net"})
        self.assertEqual({event.pressure.names for event in self.heard(AttackBegan)}, {60})

    def test_a_domain_has_one_row_however_it_is_written(self):
        """Upper case, and letters beyond ASCII: the key is that of the mailboxes."""
        for number in range(30):
            self.refuse([b"a%d@B\xc3\xbccher.example" % number, b"b%d@xn--bcher-kva.EXAMPLE" % number])
        self.wait()
        self.assertTrue(self.attacks.under_attack(b"xn--bcher-kva.example"))

    def test_quoted_local_parts_do_not_name_another_domain(self):
        """ "x@example.net"@example.org is of example.org."""
        self.refuse([b'"%d@example.net"@example.org' % number for number in range(60)])
        self.wait()
        self.assertEqual([event.domain for event in self.heard(AttackBegan)], ["example.org"])

    def test_what_is_not_ours_is_one_row(self):
        """Who tries to relay names a thousand domains: they must not fill a table."""
        self.refuse([b"x@d%d.example" % number for number in range(5000)], words=RELAYING)
        self.wait()
        self.assertTrue(self.attacks.under_attack(NOT_OURS))
        self.assertEqual([event.domain for event in self.heard(AttackBegan)], [""])
        self.assertFalse(self.attacks.under_attack(b"d1.example"))

    def test_full_mailboxes_and_failed_look_ups_are_no_guesses(self):
        """Nobody's fault, or ours."""
        self.refuse([b"ann%d@example.org" % number for number in range(500)], words=FULL)
        self.wait()
        self.assertEqual(self.told, [])

    def test_ipv6_hosts_are_counted_by_their_64(self):
        """Whoever has one address there has all of them."""
        for number in range(60):
            self.guess(1, host=f"2001:db8::{number:x}")
        self.guess(1, host="2001:db8:0:1::1")
        self.wait()
        (began,) = self.heard(AttackBegan)
        self.assertEqual(began.pressure.hosts, 2)


class TestSummary(Watched):
    def test_it_says_what_happened_and_what_helped(self):
        """Siege 1, the day after: when, how much, by whom, and what of all we did was of use."""
        before = attrs.evolve(SESSION, reason=Reason.BAD_RECIPIENTS)
        self.attacks(before)  # not meanwhile
        for second in range(120):
            self.guess(10, host=f"192.0.2.{second}")
            if second > 60:
                for reason in (
                    Reason.BAD_RECIPIENTS,
                    Reason.BAD_RECIPIENTS,
                    Reason.RSET_ABUSE,
                    Reason.QUIT,
                    Reason.LOST,
                ):
                    self.attacks(attrs.evolve(SESSION, reason=reason))
            if second == 100:
                self.attacks(BLOCKED)
            self.wait()
        ((so_far, pressure),) = self.attacks.attacks()
        self.assertEqual((so_far.end, so_far.names > 600, pressure.hosts > 50), (None, True, True))
        self.wait(400)
        (attack,) = (event.attack for event in self.heard(AttackEnded))
        self.assertEqual(self.attacks.recent_attacks(), [attack])
        self.assertEqual(attack.hung_up, ((Reason.BAD_RECIPIENTS, 118), (Reason.RSET_ABUSE, 59)))
        self.assertEqual((attack.blocks, attack.tries, attack.hosts), (1, 1200, 120))
        self.assertLess(abs(attack.names - 1200), 500)
        self.assertLess(abs(attack.peak - 590), 250)
        self.assertLess(abs(attack.start - (AT + 6)), 2)
        # What is left of the names in the last slots is an estimate.
        self.assertLess(abs(attack.end - (AT + 120 + 60)), 3 * SLOT + 1)
        self.assertEqual(len(attack.samples), 5)
        self.assertTrue(all(sample.endswith("@example.org") for sample in attack.samples))

    def test_summaries_are_bounded(self):
        """A server runs for years."""
        self.attacks.configure(settings_of(calm=0.0, recent=2))
        for number in range(4):
            self.guess(100, domain=f"d{number}.example")
            self.wait(70)
        self.assertEqual([attack.domain for attack in self.attacks.recent_attacks()], ["d3.example", "d2.example"])


class TestBounds(Watched):
    settings = settings_of(domains=3, addresses=2)

    def test_domains_beyond_the_bound_push_out_calm_ones_alone(self):
        """An attack must not be forgotten because another domain is asked for."""
        self.guess(100, domain="attacked.example")
        self.wait()
        for number in range(50):
            self.guess(5, domain=f"d{number}.example")
        self.wait()
        self.assertTrue(self.attacks.under_attack(b"attacked.example"))
        domains = self.attacks._domains
        self.assertLessEqual(len(domains._watched) + len(domains.under_attack), 3)
        for number in range(3):
            self.guess(100, domain=f"e{number}.example")
            self.wait()
        self.assertEqual(len(domains.under_attack), 3)
        self.guess(100, domain="f.example")
        self.wait()
        self.assertEqual((len(domains.under_attack), len(domains._watched)), (3, 0))

    def test_a_domain_without_unknown_names_is_not_kept(self):
        """A host with ten thousand domains has some with a typing error each minute."""
        self.guess(5)
        self.wait(2)
        self.assertEqual(len(self.attacks._domains._watched), 1)
        self.wait(SLOTS * SLOT + 1)
        self.assertEqual(len(self.attacks._domains._watched), 0)

    def test_what_a_flood_makes_us_keep_does_not_grow(self):
        """A million names and a hundred thousand hosts: the same tables as ten thousand."""
        for start in range(0, 200_000, 100):
            self.refuse(
                [b"g%d@example.org" % number for number in range(start, start + 100)], host=f"10.0.{start // 1000}.1"
            )
            if not start % 10_000:
                self.wait()
        row = self.attacks._domains.under_attack[b"example.org"]
        kept = (row.names, row.hosts, row.known, row.totals.names, row.totals.hosts)
        self.assertLessEqual(sum(len(each._seen) for each in kept), 2 * 512 + 3 * 256)
        addresses = self.attacks._addresses
        self.assertLessEqual(len(addresses._counts), 8192)
        self.assertLessEqual(sum(len(counts) for _, counts in addresses._before), SLOTS * 1024)

    def test_beyond_so_many_a_second_a_part_stands_for_all(self):
        """The figures may be off; the server must not stand still."""
        self.attacks.configure(settings_of())
        for start in range(0, 150_000, 100):
            self.refuse([b"g%d@example.org" % number for number in range(start, start + 100)])
        self.wait()
        ((attack, _),) = self.attacks.attacks()
        self.assertLess(abs(attack.tries - 150_000), 1000)

    def test_lower_bounds_hold_from_the_next_look_on(self):
        """A reload."""
        for domain in ("a.example", "b.example", "c.example"):
            self.guess(10, domain=domain)
        self.attacks.configure(settings_of(domains=1))
        self.wait()
        self.assertEqual(list(self.attacks._domains._watched), [b"c.example"])


class TestSwitches(Watched):
    settings = settings_of(names=0, tries=0)

    def test_zero_is_never(self):
        """Whoever wants none of it."""
        self.guess(500)
        self.refuse([b"x@example.org"] * 500)
        self.wait(2)
        self.assertEqual((self.told, self.attacks.any, self.attacks.any_flooded), ([], False, False))

    def test_a_reload_that_switches_off_ends_what_goes_on(self):
        """With its summary, and at once."""
        self.attacks.configure(settings_of())
        self.guess(100)
        self.refuse([b"x@example.org"] * 100)
        self.wait()
        self.assertTrue(self.attacks.any and self.attacks.any_flooded)
        self.attacks.configure(self.settings)
        self.wait()
        self.assertFalse(self.attacks.any or self.attacks.any_flooded)
        self.assertEqual((len(self.heard(AttackEnded)), len(self.heard(FloodEnded))), (1, 1))

    def test_standing_down_is_calm(self):
        """What nobody would end must not go on."""
        self.attacks.configure(settings_of())
        self.guess(100)
        self.refuse([b"x@example.org"] * 100)
        self.wait()
        self.attacks.stand_down()
        self.assertEqual(
            (self.attacks.any, self.attacks.any_flooded, self.attacks.under_attack(b"example.org")), (False,) * 3
        )
        self.assertFalse(self.attacks.is_flooded(b"x@example.org"))


class TestClock(Watched):
    def test_a_clock_that_is_put_back_ends_nothing_and_keeps_nothing(self):
        """NTP after a power cut: an hour back."""
        self.guess(100)
        self.wait()
        self.now -= 3600
        self.wait(100)
        self.assertTrue(self.attacks.any)
        self.wait(300)
        self.assertFalse(self.attacks.any)
        (ended,) = self.heard(AttackEnded)
        self.assertGreaterEqual(ended.attack.end, ended.attack.start)

    def test_a_clock_that_jumps_forward_ends_no_attack_by_itself(self):
        """A virtual machine that slept: what it had is old, and a new wave finds it awake."""
        self.guess(100)
        self.wait()
        self.now += 86_400
        self.wait()
        self.assertTrue(self.attacks.any)
        self.wait(300)
        self.assertFalse(self.attacks.any)


class TestFloods(Watched):
    def test_one_address_that_is_refused_again_and_again_is_flooded(self):
        """Siege 3: a summary a minute in place of a line a try."""
        for second in range(150):
            for number in range(3):
                self.refuse([b"Nobody@example.org"], host=f"192.0.{second}.{number}")
            self.wait()
        self.assertTrue(self.attacks.any_flooded and self.attacks.is_flooded(b"nobody@example.org"))
        self.assertFalse(self.attacks.is_flooded(b"nobody@example.net"))
        (began,) = self.heard(FloodBegan)
        self.assertEqual(began.address, "nobody@example.org")
        self.assertTrue(60 <= began.tries <= 66, began)
        first, second = self.heard(FloodGoesOn)
        self.assertEqual((first.at - began.at, second.at - first.at), (60, 60))
        self.assertEqual(first.tries, 180)
        self.assertLess(abs(first.hosts - 180), 60)
        self.assertEqual(self.attacks.flooded_tries, 450 - began.tries)
        ((flood, lately),) = self.attacks.floods()
        self.assertEqual((flood.tries, flood.end), (450, None))
        self.assertTrue(165 <= lately <= 180, lately)
        self.wait(400)
        self.assertFalse(self.attacks.any_flooded)
        (ended,) = self.heard(FloodEnded)
        self.assertEqual((ended.flood.tries, self.attacks.recent_floods()), (450, [ended.flood]))
        self.assertTrue(165 <= ended.flood.peak <= 180, ended.flood)
        self.assertLess(abs(ended.flood.end - (AT + 150 + 40)), 20)

    def test_real_mail_servers_that_bounce_are_counted_too(self):
        """Of good record, and innocent: it is the address that is flooded, and nobody is blamed."""
        self.attacks.proven = lambda address: True
        for number in range(100):
            self.refuse([b"nobody@example.org"], host=f"192.0.2.{number}")
        self.wait()
        self.assertTrue(self.attacks.is_flooded(b"nobody@example.org"))
        self.assertFalse(self.attacks.any)

    def test_an_address_that_is_not_ours_can_be_flooded(self):
        """A relay test that thousands of bots repeat."""
        self.refuse([b"test@relay.example"] * 100, words=RELAYING)
        self.wait()
        self.assertTrue(self.attacks.is_flooded(b"test@relay.example"))

    def test_a_full_mailbox_is_not(self):
        """It is somebody's, and will have room again."""
        self.refuse([b"ann@example.org"] * 100, words=FULL)
        self.wait()
        self.assertFalse(self.attacks.any_flooded)

    def test_seldom_is_no_flood_however_long(self):
        """An address that left ten years ago still gets its newsletter."""
        for second in range(300):
            if second % 2:
                self.refuse([b"nobody@example.org"])
            self.wait()
        self.assertEqual(self.heard(FloodBegan), [])

    def test_floods_are_bounded(self):
        """Who floods everything floods nothing: the first ones stay."""
        self.attacks.configure(settings_of(addresses=2))
        for number in range(10):
            self.refuse([b"x%d@example.org" % number] * 100)
            self.wait()
        self.assertEqual([event.address for event in self.heard(FloodBegan)], ["x0@example.org", "x1@example.org"])


class TestDictionaryFlood(SynchronousTestCase):
    """The flooded address is one name of fifty, and all others are new."""

    def flood(self, *, seconds, dictionary, tries, most):
        """Those that are flooded after so many seconds, of `dictionary` new names and `tries` at one in each."""
        addresses = FloodedAddresses(settings_of(), most=most)
        numbers = count()
        for second in range(seconds):
            slot = int(second // SLOT)
            for part in range(tries):
                new = [b"guess%d@example.org" % next(numbers) for _ in range(dictionary // tries)]
                addresses.refused([*new, b"flooded@example.org"], part, slot)
            addresses.judge(AT + second, float(second), slot)
            self.assertLessEqual(len(addresses._counts), most)
        return list(addresses.flooded)

    def test_a_dictionary_does_not_hide_the_flooded_address(self):
        """A hundred times as many new names as the table holds go by: they throw out one another."""
        self.assertEqual(self.flood(seconds=30, dictionary=1000, tries=20, most=256), [b"flooded@example.org"])

    def test_a_dictionary_does_not_push_out_what_is_flooded(self):
        """Whoever floods one address could cover it with noise, once it is seen."""
        addresses = FloodedAddresses(settings_of(), most=256)
        addresses.refused([b"flooded@example.org"] * 100, 1, 0)
        addresses.judge(AT, 0.0, 0)
        numbers = count()
        for second in range(600):
            slot = int(second // SLOT)
            addresses.refused([b"g%d@example.org" % next(numbers) for _ in range(1000)], 1, slot)
            addresses.refused([b"flooded@example.org"], 1, slot)
            addresses.judge(AT + second, float(second), slot)
        self.assertEqual(list(addresses.flooded), [b"flooded@example.org"])
        self.assertEqual(addresses.tries, 600)

    def test_a_list_that_all_bots_share_is_not_flooded_while_it_is_long(self):
        """Two thousand names, each twenty times a minute."""
        addresses = FloodedAddresses(settings_of(tries=60))
        for second in range(60):
            slot = int(second // SLOT)
            if not second % 3:
                addresses.refused([b"name%d@example.org" % number for number in range(2000)], 1, slot)
            addresses.judge(AT + second, float(second), slot)
        self.assertEqual(addresses.flooded, {})


NAMES = st.lists(
    st.sampled_from([b"a@x.org", b"b@x.org", b'"a@b"@x.org', b"c@y.org", b"\xc3\xbc@z.org", b"postmaster"])
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["unknown", "not ours", "accepted"]), NAMES, st.integers(-5, 90)), max_size=40
)


class TestWhatever(SynchronousTestCase):
    @settings(max_examples=100)
    @given(STEPS)
    def test_whatever_is_told_it_goes_on_and_ends(self, steps):
        """A subscriber that raises hears no more. And when it is quiet for long enough, nothing is under attack, whatever was."""
        told = []

        class Events:
            tell = told.append

        attacks = Attacks(settings_of(names=2, tries=3, ratio=0.5), Events(), domain_key)
        now = AT
        for what, names, step in steps:
            if what == "accepted":
                recipients = tuple(
                    Recipient(path=Path(address=name, domain=name.rpartition(b"@")[2]), verdict=ACCEPTED)
                    for name in names
                )
                attacks(attrs.evolve(TRANSACTION, envelope=attrs.evolve(TRANSACTION.envelope, recipients=recipients)))
            else:
                words = UNKNOWN if what == "unknown" else RELAYING
                attacks(attrs.evolve(NOBODY, refused=refused_of(names, words)))
            now += step
            attacks.tick(now)
            self.assertEqual(attacks.any, bool(attacks.attacks()))
            self.assertEqual(attacks.any_flooded, bool(attacks.floods()))
            for attack, pressure in attacks.attacks():
                self.assertGreaterEqual(min(attack.names, attack.hosts, attack.tries, pressure.names, attack.peak), 0)
        for _ in range(400):
            now += 1
            attacks.tick(now)
        self.assertFalse(attacks.any or attacks.any_flooded)
        kinds = [type(event) for event in told]
        self.assertEqual(kinds.count(AttackBegan), kinds.count(AttackEnded))
        self.assertEqual(kinds.count(FloodBegan), kinds.count(FloodEnded))
