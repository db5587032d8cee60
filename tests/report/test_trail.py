"""What was refused lately: found again by session, host and recipient, within bounds that no flood moves."""

from ipaddress import ip_address, ip_network

import attrs
from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.report.facts import AT, COMMAND_REFUSED, EVENTS, NOBODY, POLICY_REFUSED, SESSION, TLS, TRANSACTION, UNKNOWN
from twistedmx.model.envelope import Refused
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Action, Reason, verdict
from twistedmx.report.trail import Trail, TrailSettings
from twistedmx.smtp import codes

LARGE = verdict(codes.TOO_LARGE, Reason.TOO_LARGE)


def guesses(session, address="192.0.2.7", *names, at=AT, reason=None):
    """Recipients that were refused, of one session."""
    names = names or (b"nobody@example.org",)
    refused = Refused(count=len(names), runs=((reason or UNKNOWN, names),))
    return attrs.evolve(NOBODY, session=session, peer=Peer(address=address, port=1), refused=refused, at=at)


def end(session, address="192.0.2.7", reason=Reason.QUIT, at=AT):
    """Of a session."""
    return attrs.evolve(SESSION, session=session, peer=Peer(address=address, port=1), reason=reason, at=at)


def too_large(session, address="192.0.2.7", at=AT):
    """A message that was refused."""
    peer = Peer(address=address, port=1)
    return attrs.evolve(
        TRANSACTION,
        session=session,
        queue_id=f"{session}.1",
        peer=peer,
        verdict=LARGE,
        reason=LARGE.reason,
        refused=Refused(),
        at=at,
    )


class Trails(SynchronousTestCase):
    known = ()

    def setUp(self):
        self.build(TrailSettings())

    def build(self, settings):
        self.trail = Trail(settings, lambda address: address in self.known, AT)

    def tell(self, *events):
        for event in events:
            self.trail(event)

    def ids(self, sessions):
        return [session.id for session in sessions]


class TestSession(Trails):
    def test_a_session_is_told_from_its_first_refusal_to_its_end(self):
        """A postmaster quotes the id of his log, or of ours."""
        self.tell(guesses("QJ7RK3TWN1", "192.0.2.7", b"a@example.org", b"b@example.org", at=AT))
        (session,) = self.trail.session("QJ7RK3TWN1")
        self.assertIsNone(session.ended)
        self.tell(end("QJ7RK3TWN1", reason=Reason.BAD_RECIPIENTS, at=AT + 2))
        (session,) = self.trail.session("qj7rk3twn1")
        self.assertEqual((session.ended, session.first, session.last), (Reason.BAD_RECIPIENTS, AT, AT + 2))
        (refusal,) = session.refusals
        self.assertEqual(refusal.recipients, (b"a@example.org", b"b@example.org"))
        self.assertEqual((refusal.verdict, refusal.queue_id, refusal.count), (UNKNOWN, "", 2))

    def test_a_message_that_was_refused_is_told_with_its_recipients(self):
        """Whose message was too large, and for whom?"""
        self.tell(attrs.evolve(too_large("0123456789"), tls=TLS))
        (session,) = self.trail.session("0123456789")
        (refusal,) = session.refusals
        self.assertIs(refusal.stage, Stage.MESSAGE)
        self.assertEqual((refusal.queue_id, refusal.verdict), ("0123456789.1", LARGE))
        self.assertEqual(refusal.recipients, (b"demo@example.org", b"ann@example.org"))
        self.assertEqual((session.helo, session.tls), ("client.example", "TLSv1.3"))

    def test_a_command_that_was_refused_is_told_with_how_often(self):
        """Its words have the id, and no transaction tells it."""
        self.tell(attrs.evolve(COMMAND_REFUSED, tls=TLS))
        (session,) = self.trail.session("0123456789")
        (refusal,) = session.refusals
        self.assertEqual((refusal.stage, refusal.count, refusal.recipients), (Stage.MAIL, 2, ()))
        self.assertEqual((refusal.sender, session.tls), (b"a@client.example", "TLSv1.3"))
        (host,) = self.trail.of_hosts(ip_network("192.0.2.7"))[0]
        self.assertEqual(host.reasons, {Reason.DISK_FULL: 2})

    def test_of_a_policy_that_is_told_which_no_transaction_tells(self):
        """A recipient or a message would be told twice."""
        told = {
            (stage, of_recipient)
            for stage in Stage
            for of_recipient in (False, True)
            if self._is_remembered(stage, POLICY_REFUSED.recipient if of_recipient else None)
        }
        commands = {(stage, False) for stage in (Stage.CONNECT, Stage.HELO, Stage.MAIL, Stage.DATA)}
        self.assertEqual({*told} - {(Stage.RCPT, False), (Stage.REFUSED, False)}, commands | {(Stage.REFUSED, True)})

    def _is_remembered(self, stage, recipient):
        self.build(TrailSettings())
        self.tell(attrs.evolve(POLICY_REFUSED, stage=stage, recipient=recipient))
        return bool(self.trail.session(POLICY_REFUSED.session))

    def test_where_nothing_was_refused_nothing_is_remembered(self):
        """Ten thousand sessions with mail push out nobody."""
        accepted = attrs.evolve(TRANSACTION, refused=Refused())
        refused = (TRANSACTION, NOBODY, COMMAND_REFUSED)
        self.tell(*(event for event in EVENTS if event not in refused and type(event) is not type(TRANSACTION)))
        nothing = Refused(count=3)  # beyond the limit of recipients: none of them was looked up
        self.tell(
            accepted, attrs.evolve(NOBODY, refused=nothing), end("0123456789"), end("1123456789", reason=Reason.LOST)
        )
        self.assertEqual(self.trail.size, (0, 0, 0))

    def test_a_session_that_was_hung_up_on_is_remembered_without_any_recipient(self):
        """A handshake that failed, a limit, silence: its end is the refusal."""
        for number, reason in enumerate((Reason.TLS_FAILED, Reason.TOO_MANY_ERRORS, Reason.IDLE, Reason.BLOCKED)):
            self.tell(end(f"{number}123456789", reason=reason))
            (session,) = self.trail.session(f"{number}123456789")
            self.assertEqual((session.ended, session.refusals), (reason, []))

    def test_of_one_session_so_many_recipients_are_named_and_the_rest_is_counted(self):
        """A peer cannot make us hold more."""
        self.build(TrailSettings(refusals=3))
        names = tuple(b"n%d@example.org" % number for number in range(2))
        for _ in range(3):
            self.tell(guesses("0123456789", "192.0.2.7", *names))
        self.tell(too_large("0123456789"))
        others = Refused(count=7, others=((Action.DEFER, Reason.LOOKUP_FAILED, 7),))
        self.tell(attrs.evolve(guesses("0123456789"), refused=others))
        (session,) = self.trail.session("0123456789")
        self.assertEqual([(each.recipients, each.count) for each in session.refusals], [(names, 2), (names[:1], 2)])
        self.assertEqual(session.beyond, {Reason.UNKNOWN_MAILBOX: 2, Reason.TOO_LARGE: 1, Reason.LOOKUP_FAILED: 7})

    def test_a_session_of_several_clients_is_told_for_each(self):
        """A filter says XCLIENT: what one of them did is not another's."""
        self.tell(guesses("0123456789", "192.0.2.7"), guesses("0123456789", "198.51.100.1"))
        self.assertEqual([each.host for each in self.trail.session("0123456789")], ["192.0.2.7", "198.51.100.1"])


class TestFound(Trails):
    def test_by_host_and_by_network(self):
        """IPv4 addresses, and /64s of IPv6."""
        self.tell(guesses("A", "192.0.2.7"), guesses("B", "192.0.3.7"), guesses("C", "2001:db8::1"))
        self.tell(guesses("D", "2001:db8::2"))
        for network, ids in (
            ("192.0.2.7", "A"),
            ("192.0.2.0/24", "A"),
            ("192.0.2.0/23", "AB"),
            ("0.0.0.0/0", "AB"),
            ("2001:db8::/64", "CD"),
            ("2001:db8::9/128", "CD"),
            ("2001:db8:1::/48", ""),
            ("::/0", "CD"),
        ):
            hosts, sessions = self.trail.of_hosts(ip_network(network))
            self.assertEqual("".join(self.ids(sessions)), ids, network)
            self.assertEqual(sum(host.sessions for host in hosts), len(ids))

    def test_by_recipient_in_any_case(self):
        """Also one that is not there, and one whose message was refused; the newest last."""
        self.tell(guesses("A", "192.0.2.7", b"Nobody@Example.org", at=AT + 9), guesses("B", "192.0.2.8", at=AT))
        self.assertEqual(self.ids(self.trail.of_recipient(b"NOBODY@example.org")), ["B", "A"])
        self.tell(too_large("C"))
        self.assertEqual(self.ids(self.trail.of_recipient(b"ann@example.org")), ["C"])
        self.assertEqual(self.trail.of_recipient(b"demo@example"), [])

    def test_hosts_have_counts_of_all(self):
        """What is not kept whole is counted."""
        self.build(TrailSettings(per_host=2))
        for number in range(5):
            self.tell(
                guesses(f"S{number}", "192.0.2.7", b"a@b", b"c@d"), end(f"S{number}", reason=Reason.BAD_RECIPIENTS)
            )
        hosts, sessions = self.trail.of_hosts(ip_network("192.0.2.7"))
        self.assertEqual(self.ids(sessions), ["S3", "S4"])
        (host,) = hosts
        self.assertEqual((host.sessions, host.reasons), (5, {Reason.UNKNOWN_MAILBOX: 10, Reason.BAD_RECIPIENTS: 5}))


class TestFloods(Trails):
    known = ("198.51.100.1",)

    def flood(self, count, reason=Reason.BAD_RECIPIENTS):
        """Hosts of a botnet, a session each."""
        for number in range(count):
            address = str(ip_address(0x0A000000 + number))
            self.tell(guesses(f"F{number}", address), end(f"F{number}", address, reason))

    def test_a_botnet_pushes_out_botnets(self):
        """Siege 1: whose message was too large, and which known server made a mistake, is still to be told at noon."""
        self.build(TrailSettings(most=50, hosts=60))
        self.tell(too_large("LARGE", "203.0.113.1"), end("TLS", "203.0.113.2", Reason.TLS_FAILED))
        self.tell(guesses("KNOWN", "198.51.100.1"), end("KNOWN", "198.51.100.1"))
        mixed = attrs.evolve(TRANSACTION, session="MIXED", peer=Peer(address="203.0.113.3", port=1))
        self.tell(mixed)  # a newsletter with a dead address among good ones
        self.flood(1000)
        for id_ in ("LARGE", "TLS", "KNOWN", "MIXED"):
            self.assertTrue(self.trail.session(id_), id_)
        self.assertEqual(self.trail.size[:2], (50, 60))
        self.assertTrue(self.trail.session("F999"))

    def test_a_host_that_comes_without_end_pushes_out_itself(self):
        """Twenty sessions at once, all day long."""
        self.build(TrailSettings(most=50))
        self.tell(guesses("OTHER", "203.0.113.1"), end("OTHER", "203.0.113.1", Reason.BAD_RECIPIENTS))
        for number in range(1000):
            self.tell(guesses(f"S{number}"), end(f"S{number}", reason=Reason.BAD_RECIPIENTS))
        self.assertTrue(self.trail.session("OTHER"))
        self.assertEqual(self.trail.size[:2], (6, 2))

    def test_a_reload_may_make_it_smaller(self):
        """At once; 0 turns it off."""
        self.flood(20)
        self.trail.configure(TrailSettings(most=5, hosts=7))
        self.assertEqual(self.trail.size[:2], (5, 7))
        self.trail.configure(TrailSettings(most=0, hosts=1))
        self.flood(1)
        self.assertEqual(self.trail.size[:2], (0, 1))

    @EXAMPLES
    @given(
        some.lists(
            some.tuples(
                some.sampled_from("rmex"),
                some.integers(0, 5),
                some.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2", "0.0.0.0"]),
                some.sampled_from(list(Reason)),
                some.integers(1, 300),
            ),
            max_size=60,
        ),
        some.integers(0, 4),
        some.integers(1, 3),
        some.integers(1, 3),
        some.integers(1, 3),
        some.integers(0, 9000),
    )
    def test_the_bounds_hold_whatever_is_told(self, steps, most, per_host, refusals, hosts, octets):
        """Sessions, sessions of a host, names in a session, hosts, octets; and what is counted is what is there."""
        settings = TrailSettings(most=most, per_host=per_host, refusals=refusals, hosts=hosts, octets=octets)
        self.build(settings)
        for kind, session, address, reason, length in steps:
            id_ = f"S{session}"
            if kind == "r":
                self.tell(
                    guesses(
                        id_,
                        address,
                        *(b"x" * length for _ in range(length % 5 + 1)),
                        reason=verdict(codes.NO_SUCH_MAILBOX, reason),
                    )
                )
            elif kind == "m":
                self.tell(too_large(id_, address))
            else:
                self.tell(end(id_, address, reason))
            kept_hosts, kept = self.trail.of_hosts(ip_network("0.0.0.0/0"))
            more_hosts, more = self.trail.of_hosts(ip_network("::/0"))
            kept_hosts, kept = kept_hosts + more_hosts, kept + more
            self.assertEqual(self.trail.size, (len(kept), len(kept_hosts), sum(each.weight for each in kept)))
            self.assertLessEqual(len(kept), most)
            self.assertLessEqual(len(kept_hosts), hosts)
            self.assertLessEqual(sum(each.weight for each in kept), octets)
            for host in kept_hosts:
                self.assertLessEqual(len(host.kept), per_host)
                self.assertEqual(sorted(host.kept), sorted(each.id for each in kept if each.host == host.host))
            for each in kept:
                self.assertLessEqual(sum(len(refusal.recipients) for refusal in each.refusals), refusals)
