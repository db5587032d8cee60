"""Who is condemned for its conduct, who never is, and whom we know for good."""

import attrs

from tests.policy.clients import AT, DAY, HOST, HOUR, Clients
from tests.report.facts import EVENTS, NOBODY
from twistedmx.model.envelope import Refused
from twistedmx.model.network_event import NetworkWouldBeBlocked
from twistedmx.model.peer import NOWHERE, Peer
from twistedmx.model.verdict import Action, Reason, verdict
from twistedmx.policy import hyperloglog
from twistedmx.policy.networks import network_of
from twistedmx.policy.record import FAILED, FAMILIAR, HUNG_UP, NOTHING_KNOWN, STRANGERS, Record
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.smtp import codes

OTHERS = [f"203.0.114.{number}" for number in range(1, 9)]


class TestHosts(Clients):
    def test_three_sessions_that_were_hung_up_on_condemn_a_host(self):
        """Siege 1: the next guess comes in another session."""
        self.hung_up()
        self.hung_up(reason=Reason.RSET_ABUSE)
        self.assertEqual(self.blocked, [])
        self.hung_up(reason=Reason.RSET_ABUSE)
        (block,) = self.blocklist
        self.assertEqual((str(block.network), block.reason, block.origin), (f"{HOST}/32", "rset-abuse", "conduct"))
        self.assertEqual(block.evidence, "3 sessions hung up on for their conduct, the last one 2")
        self.hung_up()
        self.assertEqual(self.reputation.standing_of(HOST).hung_up, (int(AT),), "it begins anew")

    def test_who_was_hung_up_on_lately_is_known_at_the_door(self):
        """The first time is enough, and `within` later it is forgotten; nobody else is, least of all who is of good record."""
        self.assertFalse(self.reputation.hung_up_on(HOST))
        self.hung_up()
        self.assertTrue(self.reputation.hung_up_on(HOST))
        self.assertFalse(any(map(self.reputation.hung_up_on, (*OTHERS, NOWHERE, "::1", "no address"))))
        self.reputation.tick(AT + self.reputation.settings.within)
        self.assertFalse(self.reputation.hung_up_on(HOST))
        self.guesses()
        self.assertFalse(self.reputation.hung_up_on(HOST), "he ended it himself")

    def test_what_is_known_at_the_door_is_one_word(self):
        """Who is let in first, and who goes first."""
        door = self.reputation.known
        self.assertEqual(door(HOST), NOTHING_KNOWN)
        self.guesses()
        self.assertEqual(door(HOST), FAILED)
        self.hung_up()
        self.assertEqual(door(HOST), HUNG_UP)
        self.reputation.tick(AT + self.reputation.settings.within)
        self.assertEqual(door(HOST), NOTHING_KNOWN, "it is long ago")
        self.assertEqual([door(other) for other in (NOWHERE, "", "a socket")], [NOTHING_KNOWN] * 3)

    def test_trust_grows_with_mail(self):
        """And a guess among much mail is no failure."""
        told = []
        for _ in range(4):
            self.sends(messages=5)
            self.guesses()
            told.append(self.reputation.known(HOST))
        self.assertEqual([one.trust for one in told], [2, 3, 4, 4])
        self.assertEqual({one.record for one in told}, {Record.FAMILIAR})

    def test_what_was_sent_long_ago_makes_nobody_familiar(self):
        """An address goes to another, who has sent nothing."""
        self.sends()
        hours = int(self.reputation.settings.proven_for // 3600)
        told = []
        for hour in range(1, hours + 2):
            self.reputation.tick(AT + hour * 3600)
            told.append(self.reputation.known(HOST))
        self.assertEqual((told[hours - 2], told[hours]), (FAMILIAR[0], STRANGERS[0]))

    def test_who_guesses_more_often_than_he_has_mail_is_a_stranger(self):
        """One message is soon sent, if it lets guess before all others."""
        self.sends()
        self.assertEqual(self.reputation.known(HOST), FAMILIAR[0])
        for _ in range(2):
            self.guesses()
        self.assertEqual(self.reputation.known(HOST), STRANGERS[0])

    def test_an_ipv6_host_is_its_64(self):
        """Whoever has one address there has all of them."""
        for number in range(3):
            self.hung_up(f"2a00:1450::{number}")
        self.assertEqual(self.blocked, ["2a00:1450::/64"])

    def test_other_ends_condemn_nobody(self):
        """To leave, to be slow, or to have no certificate is no attack."""
        for reason in Reason:
            if reason not in (Reason.BAD_RECIPIENTS, Reason.RSET_ABUSE, Reason.UNKNOWN_COMMANDS):
                self.hung_up(times=3, reason=reason)
        self.assertEqual((self.blocked, self.reputation.standing_of(HOST)), ([], None))

    def test_what_was_long_ago_counts_no_more(self):
        """A mailing list with one bad day a week."""
        for _ in range(20):
            self.hung_up()
            self.wait(1801)
        self.assertEqual(self.blocked, [])

    def test_what_an_innocent_asks_for_of_a_flooded_address_is_not_bad(self):
        """Counts keyed by recipient condemn nobody, nor do they take anybody his record."""
        self.guesses(flooded=True)
        self.assertEqual(self.reputation.standing_of(HOST).bad, 0.0)

    def test_guesses_alone_condemn_nobody(self):
        """Siege 3: mail servers bounce to the same forged name for days, and are innocent."""
        for _ in range(200):
            self.guesses(sender="")
            self.guesses()
        self.assertEqual(self.blocked, [])

    def test_whose_address_nobody_knows_is_not_remembered(self):
        """It would be everybody behind that balancer."""
        self.hung_up(NOWHERE, times=9)
        self.sends(NOWHERE)
        self.assertEqual((self.blocked, len(self.reputation.hosts)), ([], 0))

    def test_every_event_is_borne(self):
        """What it does not need passes by."""
        for event in EVENTS:
            self.reputation(event)

    def test_before_all_is_read_nobody_is_condemned(self):
        """The good record that would save him may be what is missing."""
        self.reputation.condemnation.ready = False
        self.hung_up(times=9)
        self.assertEqual(self.blocked, [])
        self.reputation.condemnation.ready = True
        self.hung_up()
        self.assertEqual(self.blocked, [f"{HOST}/32"])


class TestPrivate(Clients):
    def test_private_addresses_are_not_condemned(self):
        """Behind the proxy of a container all the world may be."""
        for address in ("10.0.0.1", "172.17.0.1", "100.64.0.1", "fc00::1", "127.0.0.1"):
            self.hung_up(address, times=9)
        for number in range(9):
            self.hung_up(f"10.0.0.{number}")
        self.assertEqual(self.blocked, [])


class TestClocks(Clients):
    def test_a_clock_that_is_put_back_harms_nobody_and_forgives_nobody(self):
        """Times that seem to come later count as now."""
        self.hung_up()
        self.now -= 400 * DAY
        self.hung_up()
        self.assertEqual(self.blocked, [])
        self.hung_up()
        self.assertEqual(len(self.blocked), 1)
        self.assertEqual(self.reputation.standing_of(HOST).bad, 3.0)

    def test_a_clock_that_leaps_forgets_nobody(self):
        """A battery is empty, and somebody is in 2099 until the time service has answered."""
        for _ in range(2):
            self.sends()
            self.wait(DAY)
        self.hung_up()
        self.now += 70 * 365 * DAY
        self.reputation.tick(self.now)
        self.assertTrue(self.is_proven())
        standing = self.reputation.standing_of(HOST)
        self.assertNear(standing.bad, 1.0, 0.01)
        self.now -= 70 * 365 * DAY
        self.reputation.tick(self.now)
        self.assertTrue(self.is_proven())

    def test_counts_fade_as_the_time_goes(self):
        """Half of them in each half-life."""
        self.hung_up()
        self.wait(7 * DAY)
        self.assertNear(self.reputation.standing_of(HOST).bad, 0.5, 0.001)
        self.wait(7 * DAY)
        self.hung_up()
        self.assertNear(self.reputation.standing_of(HOST).bad, 1.25, 0.001)


class TestProven(Clients):
    def test_mail_on_two_days_proves_a_host(self):
        """A bot is rarely at the same address tomorrow, with mail that is accepted."""
        self.sends()
        self.assertFalse(self.is_proven())
        self.wait(DAY)
        self.sends()
        self.assertTrue(self.is_proven())
        self.hung_up(times=3)
        self.assertFalse(self.is_proven(), "two good and three bad")

    def test_midnight_proves_nothing(self):
        """One message before it and one behind it are of one night."""
        self.sends()
        self.wait(HOUR)
        self.sends()
        self.assertFalse(self.is_proven())

    def test_many_messages_over_some_hours_do_and_a_burst_does_not(self):
        """A new provider is known on its first day; whoever sends his list at once is not."""
        self.sends(messages=500)
        self.assertFalse(self.is_proven())
        self.wait(6 * HOUR)
        self.sends()
        self.assertTrue(self.is_proven())

    def test_who_does_mostly_harm_is_not_proven(self):
        """One good message a day does not pay for a dictionary."""
        for _ in range(5):
            self.sends()
            for _ in range(3):
                self.guesses()
            self.wait(DAY)
        self.assertFalse(self.is_proven())

    def test_bounces_to_forged_names_take_nobody_his_record(self):
        """Siege 3: the same mail servers deliver to real recipients."""
        self.sends()
        self.wait(DAY)
        self.sends()
        for _ in range(500):
            self.guesses(sender="")
        self.assertTrue(self.is_proven())
        self.assertEqual(self.reputation.standing_of(HOST).guesses, 500)

    def test_a_record_is_over_after_36_days(self):
        """Addresses change their owners. Who writes once a month keeps it."""
        for _ in range(3):
            self.sends()
            self.wait(31 * DAY)
        self.assertTrue(self.is_proven())
        self.wait(5.1 * DAY)
        self.assertFalse(self.is_proven())
        self.sends()
        self.assertFalse(self.is_proven(), "and begins anew")

    def test_a_proven_host_is_not_condemned_and_passes_a_blocked_network(self):
        """The newsletter of a real host, with a hundred dead addresses."""
        self.sends(messages=10)
        self.wait(DAY)
        self.sends(messages=10)
        self.blocklist.proven = self.reputation.proven
        self.hung_up(times=9)
        self.assertEqual(self.blocked, [])
        network = network_of("203.0.114.0/24")
        self.blocklist.block(network, reason="x", evidence="", origin="conduct")
        self.assertIsNone(self.blocklist.find(HOST))
        self.assertIsNotNone(self.blocklist.find("203.0.114.10"))

    def test_what_is_no_address_is_not_proven(self):
        """A Unix socket, or nonsense."""
        for address in ("", "/run/x", "203.0.114", "\0", "fe80::1%eth0", NOWHERE):
            self.assertFalse(self.is_proven(address))


class TestSomeMail(Clients):
    def test_one_message_makes_nobody_immune(self):
        """An attacker gets one through easily. It makes up for one session."""
        self.sends()
        self.hung_up(times=3)
        self.assertEqual(self.blocked, [])
        self.hung_up()
        self.assertEqual(self.blocked, [f"{HOST}/32"])

    def test_some_bad_among_much_good_is_not_condemned(self):
        """Behind one address of a provider (CGNAT) are thousands, and one of them has a bot."""
        self.sends(messages=40)
        self.hung_up(times=40)
        self.assertEqual(self.blocked, [])

    def test_that_has_an_end(self):
        """A thousand messages do not buy a thousand sessions."""
        self.sends(messages=1000)
        self.hung_up(times=53)
        self.assertEqual(self.blocked, [f"{HOST}/32"])


class TestNetworks(Clients):
    settings = ReputationSettings(networks_after=5)

    def test_so_many_hosts_condemn_their_network(self):
        """Siege 4: bans of single addresses do not keep up. The evidence names who was counted."""
        for address in OTHERS[:4]:
            self.hung_up(address, times=2)
        self.assertEqual(self.blocked, [])
        self.hung_up(OTHERS[4])
        (block,) = self.blocklist
        self.assertEqual((str(block.network), block.reason, block.origin), ("203.0.114.0/24", "bad-hosts", "conduct"))
        self.assertEqual(
            block.evidence,
            "5 hosts hung up on for their conduct within 7 days, and no mail from others: "
            "203.0.114.1, 203.0.114.2, 203.0.114.3, 203.0.114.4, 203.0.114.5",
        )

    def test_one_host_condemns_no_network(self):
        """However often it comes."""
        self.hung_up(times=30)
        self.assertEqual(self.blocked, [f"{HOST}/32"])

    def test_an_ipv6_network_is_a_48(self):
        """What one customer has."""
        for number in range(5):
            self.hung_up(f"2a00:1450:1:{number:x}::1")
        self.assertEqual(self.blocked, ["2a00:1450:1::/48"])

    def test_good_mail_of_another_host_spares_the_network(self):
        """A provider has many customers, and some are bad."""
        self.sends(HOST)
        for address in OTHERS:
            self.hung_up(address)
        self.assertEqual(self.blocked, [])

    def test_mail_of_those_that_offend_spares_nobody(self):
        """Each bot gets one message through, and then guesses."""
        for address in OTHERS[:5]:
            self.sends(address)
        for address in OTHERS[:5]:
            self.hung_up(address, times=2)
        self.assertEqual(self.blocked, ["203.0.114.0/24"])

    def test_a_host_of_good_record_is_no_offender(self):
        """A newsletter with dead addresses is hung up on now and then."""
        for address in OTHERS:
            self.sends(address, messages=3)
        for address in OTHERS:
            self.hung_up(address)
        self.assertEqual(self.blocked, [])

    def test_what_was_long_ago_counts_no_more(self):
        """One bad customer a month, in a network of hundreds."""
        for address in OTHERS:
            self.hung_up(address)
            self.wait(1.6 * DAY)
        self.assertEqual(self.blocked, [])

    def test_guesses_of_many_hosts_condemn_no_network(self):
        """Siege 3: the outgoing servers of a provider, all of them with bounces for one forged name."""
        for address in OTHERS:
            for _ in range(5):
                self.guesses(address, sender="")
                self.guesses(address)
        self.assertEqual(self.blocked, [])

    def test_it_can_be_switched_off(self):
        """Whoever has bad neighbours."""
        self.reputation.configure(ReputationSettings(networks_after=0))
        for address in OTHERS:
            self.hung_up(address)
        self.assertEqual(self.blocked, [])


class TestPrefixes(Clients):
    settings = ReputationSettings(networks_after=0, prefixes_after=3)

    def setUp(self):
        super().setUp()
        self.reputation.prefix_of = lambda address: network_of("203.0.112.0/22") if address[0] == "2" else None

    def test_an_announced_prefix_is_condemned_for_several_of_its_networks(self):
        """A /22 is a thousand hosts: three bad ones would be there anywhere."""
        for address in OTHERS:
            self.hung_up(address)
        self.hung_up("203.0.113.1")
        self.assertEqual(self.blocked, [])
        self.hung_up("203.0.115.1")
        (block,) = self.blocklist
        self.assertEqual(str(block.network), "203.0.112.0/22")
        self.assertIn("3 networks with hosts hung up on", block.evidence)

    def test_good_mail_spares_it(self):
        """From anywhere in it."""
        self.sends("203.0.112.1")
        for number in (113, 114, 115):
            self.hung_up(f"203.0.{number}.1")
        self.assertEqual(self.blocked, [])

    def test_where_it_is_not_known_nothing_is_missing(self):
        """Routing data may be old, or not there."""
        self.hung_up("198.18.0.1", times=3)
        self.assertEqual(len(self.reputation.networks), 1)


class TestShadow(Clients):
    settings = ReputationSettings(shadow=True)

    def test_in_shadow_it_is_told_and_nobody_is_blocked(self):
        """Whoever tries a rule wants to see first whom it would hit."""
        self.hung_up(times=3)
        for address in OTHERS[:5]:
            self.hung_up(address)
        self.assertEqual(self.blocked, [])
        self.assertEqual(self.would_be_blocked, [f"{HOST}/32", "203.0.114.0/24"])
        first = self.facts[0]
        self.assertEqual(
            first,
            NetworkWouldBeBlocked(
                at=AT,
                network=network_of(HOST),
                reason="bad-recipients",
                evidence="3 sessions hung up on for their conduct, the last one 2",
                origin="conduct",
            ),
        )

    def test_one_who_is_not_blocked_is_told_once_in_an_hour(self):
        """It goes on, for nobody stops it: a line for each three sessions would be a flood of ours."""
        self.hung_up(times=30)
        self.assertEqual(len(self.would_be_blocked), 1)
        self.wait(HOUR)
        self.hung_up(times=3)
        self.assertEqual(len(self.would_be_blocked), 2)

    def test_who_would_never_be_blocked_is_not_told(self):
        """The list of never holds here as well."""
        self.blocklist.never.replace("x", [network_of("203.0.114.0/24")])
        self.hung_up(times=3)
        self.assertEqual(self.would_be_blocked, [])


class TestOff(Clients):
    settings = ReputationSettings(condemned_after=0, networks_after=0)

    def test_it_can_be_switched_off(self):
        """Whoever only watches."""
        for address in OTHERS:
            self.hung_up(address, times=9)
        self.assertEqual(self.blocked, [])
        self.assertEqual(self.reputation.standing_of(OTHERS[0]).bad, 9.0)


class TestCounts(Clients):
    def test_each_guess_counts_once_and_our_own_failures_do_not(self):
        """A look-up that fails is nobody's fault."""
        failed = verdict(codes.LOOKUP_FAILED, Reason.LOOKUP_FAILED)
        unknown = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
        refused = Refused(
            count=27,
            runs=((unknown, (b"a@x", b"b@x", b"a@x")), (failed, (b"c@x",)), (unknown, (b"b@x",))),
            others=((Action.REJECT, Reason.NOT_OURS, 20), (Action.DEFER, Reason.LOOKUP_LATE, 2)),
        )
        peer = Peer(address=HOST, port=1)
        self.reputation(attrs.evolve(NOBODY, at=AT, session="0", peer=peer, refused=refused))
        self.ended()
        standing = self.reputation.standing_of(HOST)
        self.assertEqual((standing.good, standing.bad, standing.guesses), (0.0, 1.0, 22.0))

    def test_a_session_with_a_mailbox_that_is_there_is_no_guess(self):
        """Half of the list is dead, half of it is not."""
        self.message()
        self.guesses(reason=Reason.QUIT)
        standing = self.reputation.standing_of(HOST)
        self.assertEqual((standing.good, standing.bad, standing.guesses), (1.0, 0.0, 1.0))

    def test_the_mail_of_a_session_that_goes_on_counts_soon(self):
        """A provider keeps one open for hours; another of its sessions may be hung up on meanwhile."""
        self.message()
        self.assertIsNone(self.reputation.standing_of(HOST))
        self.now += 10
        self.message()
        self.message()
        self.assertEqual(self.reputation.standing_of(HOST).good, 2.0)
        self.ended(messages=3)
        self.assertNear(self.reputation.standing_of(HOST).good, 3.0, 0.001)
        self.assertNear(self.reputation.networks.get(b"\xcb\0\x72").good, 3.0, 0.001)

    def test_each_client_of_a_proxy_has_its_own_guesses(self):
        """A filter in front of us (XCLIENT) brings one client after the other in a session."""
        for address in ("203.0.114.1", "203.0.114.2"):
            peer = Peer(address=address, port=1)
            self.reputation(attrs.evolve(NOBODY, at=AT, session="0", peer=peer))
        self.ended("203.0.114.2")
        one, two = (self.reputation.standing_of(address) for address in ("203.0.114.1", "203.0.114.2"))
        self.assertEqual((one.guesses, one.bad), (1.0, 0.0))
        self.assertEqual((two.guesses, two.bad), (1.0, 1.0), "its session has ended")

    def test_nothing_is_kept_of_a_session_that_ended(self):
        """Or a flood would fill the memory with sketches."""
        for number in range(100):
            self.guesses(f"203.0.114.{number}")
            self.sends()
        self.assertEqual(self.reputation._sketches, {})


class TestCampaigns(Clients):
    def posse(self, hosts, **fields):
        """Siege 2: each from another address, one message each, always from <>, to random names."""
        for each in range(hosts):
            address = f"203.{each % 100}.{each // 100}.9"
            name = f"p{each % 100}-7.dsl.isp{each}.example"
            self.guesses(address, f"qxz{each}", sender="", helo=name, verbs="HMRQ", **fields)

    def test_many_hosts_with_one_habit_are_seen_as_one_campaign(self):
        """No address comes twice: what comes again is the program."""
        self.posse(200)
        ((name, campaign),) = self.reputation.campaigns_of()
        self.assertEqual(name, "a9-9.pool.a9.a HMRQ lock-step <> a9")
        self.assertEqual((campaign.good, campaign.bad), (0.0, 200.0))
        self.assertEqual(self.blocked, [])
        self.assertNear(hyperloglog.number(campaign.hosts), 200, 40)
        self.assertNear(hyperloglog.number(campaign.networks), 200, 40)

    def test_a_posse_behind_the_null_sender_does_not_blame_the_names_of_who_was_hijacked(self):
        """Siege 2: HELO is the true reverse name of a line whose other customers send mail."""
        self.posse(50)
        self.assertEqual(len(self.reputation.helos), 0)
        self.assertEqual(len(self.reputation.campaigns_of()), 1)

    def bounces(self, hosts, name, **fields):
        """Siege 3: real mail servers, to the one name that somebody forged."""
        for each in range(hosts):
            self.guesses(f"198.18.{each}.1", name, sender="", helo=f"mail.isp{each}.example", verbs="EMRQ", **fields)

    def test_mail_servers_that_bounce_to_one_name_are_no_campaign(self):
        """Neither before the name counts as flooded nor after: "do nearly nothing but harm" is not to be said of them."""
        self.bounces(50, "forged")
        self.bounces(50, "forged", flooded=True)
        self.bounces(50, "other", flooded=True)
        self.assertEqual((self.reputation.campaigns_of(), len(self.reputation.helos)), ([], 0))
        ((_, one),) = self.reputation.campaigns.strangers.items()
        self.assertEqual((one.good, one.bad), (0.0, 1.0), "the first bounce cannot be known from a guess")

    def test_who_asks_for_a_flooded_address_and_is_hung_up_on_for_his_conduct_is_bad(self):
        """A program that guesses does not become innocent by one name among its guesses."""
        for each in range(20):
            self.guesses(f"198.18.{each}.1", "forged", reason=Reason.UNKNOWN_COMMANDS, verbs="EMRX", flooded=True)
        ((_, one),) = self.reputation.campaigns_of()
        self.assertEqual((one.good, one.bad), (0.0, 20.0))
        self.assertEqual([(each.good, each.bad) for each in self.reputation.helos.proven.values()], [(0.0, 20.0)])

    def test_names_that_bounces_asked_for_are_forgotten_in_the_end(self):
        """A thousand are remembered, and the one that goes on is among them."""
        for each in range(1500):
            self.guesses("198.18.1.1", f"q{each}", sender="")
            self.guesses("198.18.1.1", "forged", sender="")
        self.assertEqual(len(self.reputation._bounced), 1000)
        self.guesses("198.18.1.1", "q3", sender="")
        self.assertEqual(sorted(one.bad for one in self.reputation.campaigns.strangers.values()), [1.0, 1501.0])

    def test_a_program_that_sends_mail_as_well_is_none(self):
        """Postfix is used by bots, and by everybody."""
        self.posse(50)
        self.assertEqual(len(self.reputation.campaigns_of()), 1)
        for each in range(50):
            self.guesses(f"198.19.{each}.1", "guess", verbs="EMRDQ")
        self.assertEqual(len(self.reputation.campaigns_of()), 2)
        for each in range(50):
            self.message(f"198.20.{each}.1")
            self.guesses(f"198.20.{each}.1", "guess", verbs="EMRDQ", messages=1)
        self.assertEqual(len(self.reputation.campaigns_of()), 1)

    def test_few_hosts_are_none(self):
        """One host with a loop."""
        self.posse(3)
        self.assertEqual(self.reputation.campaigns_of(), [])


class TestBounds(Clients):
    settings = ReputationSettings(proven=100, strangers=1000, allocation=50, networks=200)

    def prove(self, *addresses):
        for _ in range(2):
            for address in addresses:
                self.sends(address)
            self.wait(DAY)

    def test_a_flood_of_strangers_pushes_out_no_proven_host(self):
        """Else an attack would make us forget whom we know. benchmarks/reputation.py does it with five million."""
        known = [f"198.18.{number}.1" for number in range(100)]
        self.prove(*known)
        for number in range(5000):
            self.guesses(f"203.{number >> 8}.{number & 255}.1")
        self.assertTrue(all(map(self.is_proven, known)))
        hosts = self.reputation.hosts
        self.assertEqual((len(hosts.proven), len(hosts.strangers)), (100, 1000))
        self.assertLessEqual(len(self.reputation.networks), 400)

    def test_of_too_many_proven_hosts_the_one_heard_of_longest_ago_goes(self):
        """The table is bounded all the same."""
        known = [f"198.18.{number}.1" for number in range(101)]
        self.prove(*known)
        self.assertEqual([address for address in known if not self.is_proven(address)], [known[0]])

    def test_one_allocation_cannot_fill_the_table(self):
        """A /32 has four billion hosts, and costs a few euros a year."""
        self.guesses("203.0.114.1")
        self.prove("2a00:1450::1")
        for number in range(3000):
            self.guesses(f"2a00:1450:{number:x}::1")
        self.assertEqual(len(self.reputation.hosts.strangers), 51)
        self.assertIsNotNone(self.reputation.standing_of("203.0.114.1"))
        self.assertIsNotNone(self.reputation.standing_of(f"2a00:1450:{2999:x}::1"))
        self.assertTrue(self.is_proven("2a00:1450::1"))

    def test_who_loses_his_record_is_a_stranger_again(self):
        """He moves, and is pushed out as any of them."""
        self.prove(HOST)
        self.hung_up(times=3)
        self.assertEqual((len(self.reputation.hosts.proven), len(self.reputation.hosts.strangers)), (0, 1))

    def test_who_was_not_heard_of_for_long_is_forgotten(self):
        """90 days: the address may be another's by now."""
        self.guesses(HOST)
        self.prove("198.18.0.1")
        self.wait(87 * DAY)
        self.assertEqual(len(self.reputation.hosts), 2)
        self.wait(3.5 * DAY)
        self.assertEqual(
            (len(self.reputation.hosts), len(self.reputation.networks), len(self.reputation.campaigns)), (0, 0, 0)
        )
