"""Whether a domain has a host for its mail, asked of a name server and remembered."""

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.net.name_server import MINIMUM, NameServer, NetClock, a_turn
from twistedmx.net.mx import DnsMx, a_labels
from twistedmx.net.resolver import Resolver
from twistedmx.policy.mx import Mx, MxAnswer, MxSettings
from twistedmx.testing.mx import MxSuite

FOUND, NONE, COULD_NOT_TELL = MxAnswer.FOUND, MxAnswer.NONE, MxAnswer.COULD_NOT_TELL
TXT = dns.Record_TXT(b"nothing for mail", ttl=60)


def mx(host: bytes = b"mx.example", preference: int = 10) -> dns.Record_MX:
    return dns.Record_MX(preference, host, ttl=60)


class ServedTest(TestCase):
    """With a name server on the loopback."""

    def served(self, records: Mapping[bytes, list[object]], **settings: float) -> DnsMx:
        self.server = NameServer(dict(records))
        address = self.server.open()
        self.addCleanup(self.server.close)
        self.clock = NetClock()
        resolver = Resolver(reactor=self.clock, servers=[address])
        answering = DnsMx(resolver, settings=MxSettings(**settings), clock=self.clock)  # type: ignore[arg-type]
        self.addCleanup(answering.close)
        return answering


class TestSuite(MxSuite, ServedTest):
    def build(self, answers: Mapping[bytes, MxAnswer]) -> Mx:
        records = {name: [mx()] if answer is FOUND else [TXT] for name, answer in answers.items()}
        served = self.served(records)
        self.server.failing = {name for name, answer in answers.items() if answer is COULD_NOT_TELL}
        return served


class TestAnswers(ServedTest):
    """What is said of which records (dns_mxip of dns.c, RFC 5321 5.1, RFC 7505)."""

    async def test_each_has_its_outcome(self) -> None:
        """A host that cannot be found counts; an address is enough; 550 needs a clear no."""
        records = {
            b"mx.yes.example": [mx(b"nowhere.example")],
            b"a.yes.example": [dns.Record_A("192.0.2.1", ttl=60)],
            b"aaaa.yes.example": [dns.Record_AAAA("2001:db8::1", ttl=60)],
            b"cname.yes.example": [dns.Record_CNAME(b"a.yes.example", ttl=60)],
            b"two.yes.example": [mx(b"", 0), mx()],
            b"neither.example": [TXT],
            b"null.example": [mx(b"", 0), dns.Record_A("192.0.2.1", ttl=60)],
            b"long.example": [mx()],
            b"longer.example": [mx()],
        }
        served = self.served(records)
        for domain, answer in {
            **{name: FOUND for name in records if name.endswith(b"yes.example")},
            b"long.example": FOUND,
            b"longer.example": FOUND,
            b"neither.example": NONE,
            b"null.example": NONE,
            b"nobody.example": NONE,
            b"no-soa.example": NONE,
            b"servfail.example": COULD_NOT_TELL,
            b"refused.example": COULD_NOT_TELL,
            b"referral.example": COULD_NOT_TELL,
            b"always-long.example": COULD_NOT_TELL,
            b"dropped.example": COULD_NOT_TELL,
        }.items():
            self.assertIs(await served.look_up(domain), answer, domain)

    async def test_no_more_is_asked_than_is_needed(self) -> None:
        """One question for most domains, and for names made up; three for what has no mail at all."""
        served = self.served({b"yes.example": [mx()], b"neither.example": [TXT]})
        for domain in (b"yes.example", b"nobody.example", b"neither.example"):
            await served.look_up(domain)
        types = [type for _, type, _ in self.server.asked]
        self.assertEqual(types, [dns.MX, dns.MX, dns.MX, dns.A, dns.AAAA])

    async def test_what_cannot_be_used_is_waited_out(self) -> None:
        """Silence, an answer cut off, one from a stranger, a question that came back: could not tell, when the time is over."""
        served = self.served({b"cut.example": [mx()], b"stranger.example": [mx()]}, time_limit=10)
        for domain in (b"silent.example", b"cut.example", b"stranger.example", b"echo.example"):
            came: Deferred[None] = Deferred()
            self.server.on_question = lambda came=came: None if came.called else came.callback(None)
            asked = served.look_up(domain)
            await came
            self.assertNoResult(asked)
            self.clock.advance(10)
            self.assertIs(self.successResultOf(asked), COULD_NOT_TELL)
            await a_turn()
            self.assertEqual(self.clock.getDelayedCalls(), [])


class Dictionary:
    """A resolver of messages by name; what it has no message for waits in `waiting`."""

    def __init__(self, **messages: dns.Message) -> None:
        self.messages = {name.encode() + b".example": message for name, message in messages.items()}
        self.asked: list[bytes] = []
        self.waiting: dict[bytes, Deferred[dns.Message]] = {}
        self.cancelled: list[bytes] = []
        self.closed = False

    def ask(self, name: bytes, type: int) -> "Deferred[dns.Message]":
        self.asked.append(name)
        answer: Deferred[dns.Message] = Deferred(lambda _: self.cancelled.append(name))
        if name in self.messages:
            answer.callback(self.messages[name])
        else:
            self.waiting[name] = answer
        return answer

    def close(self) -> None:
        self.closed = True


def answer(*ttls: int) -> dns.Message:
    """MX records of which each holds so long."""
    message = dns.Message(answer=1)
    message.answers = [dns.RRHeader(b"x", dns.MX, dns.IN, ttl, mx()) for ttl in ttls]
    return message


def nobody(ttl: int = MINIMUM, minimum: int = MINIMUM) -> dns.Message:
    message = dns.Message(answer=1, rCode=dns.ENAME)
    message.authority = [dns.RRHeader(b"example", dns.SOA, dns.IN, ttl, dns.Record_SOA(minimum=minimum))]
    return message


def failed() -> dns.Message:
    return dns.Message(answer=1, rCode=dns.ESERVER)


class MemoryTest(SynchronousTestCase):
    def asking(self, resolver: Dictionary, **settings: float) -> DnsMx:
        self.clock = Clock()
        self.resolver = resolver
        self.mx = DnsMx(resolver, settings=MxSettings(**settings), clock=self.clock)  # type: ignore[arg-type]
        return self.mx

    def look_up(self, name: str) -> MxAnswer:
        return self.successResultOf(self.mx.look_up(name.encode() + b".example"))

    def holds(self, name: str, seconds: float) -> None:
        """An answer is remembered for so long, and not longer."""
        self.look_up(name)
        asked = len(self.resolver.asked)
        self.clock.advance(seconds - 0.5)
        self.look_up(name)
        self.assertEqual(len(self.resolver.asked), asked, name)
        self.clock.advance(0.5)
        self.look_up(name)
        self.assertEqual(len(self.resolver.asked), asked + 1, name)


class TestMemory(MemoryTest):
    def test_an_answer_holds_as_long_as_its_records_say_within_bounds(self) -> None:
        """RFC 2308 5 for those that are not there; a time of 0 does not mean a question for each recipient."""
        messages = {
            "some": answer(300, 200),
            "none": answer(0),
            "days": answer(86_400, 86_400),
            "nobody": nobody(),
            "brief": nobody(minimum=7),
            "never": nobody(ttl=86_400, minimum=86_400),
            "untold": dns.Message(answer=1, rCode=dns.ENAME),
            "failed": failed(),
        }
        for name, seconds in {
            "some": 200,
            "none": 5,
            "days": 3600,
            "nobody": MINIMUM,
            "brief": 7,
            "never": 300,
            "untold": 5,
            "failed": 5,
        }.items():
            self.asking(Dictionary(**messages))
            self.holds(name, seconds)

    def test_names_made_up_do_not_push_out_real_ones(self) -> None:
        """The bound is of each kind, and the least lately asked for leaves first."""
        made_up = {f"x{number}": nobody() for number in range(9)}
        self.asking(Dictionary(a=answer(300), b=answer(300), c=answer(300), **made_up), remembered=2)
        for name in ("a", "b", *made_up, "a", "c"):
            self.look_up(name)
        before = len(self.resolver.asked)
        for name in ("a", "c", "x7", "x8"):
            self.look_up(name)
        self.assertEqual(len(self.resolver.asked), before)
        self.look_up("b")
        self.look_up("x6")
        self.assertEqual(len(self.resolver.asked), before + 2)

    def test_a_domain_that_changed_is_believed(self) -> None:
        """An old answer of the other kind is gone."""
        self.asking(Dictionary(a=nobody()))
        self.assertIs(self.look_up("a"), NONE)
        self.clock.advance(300)
        self.resolver.messages[b"a.example"] = answer(60)
        self.assertIs(self.look_up("a"), FOUND)
        self.clock.advance(60)
        self.resolver.messages[b"a.example"] = nobody()
        self.assertIs(self.look_up("a"), NONE)

    def test_what_is_no_domain_is_not_asked_for(self) -> None:
        """Nor does it take a place in memory."""
        self.asking(Dictionary())
        for domain in (b"", b"[192.0.2.1]", b"a b", b"\xff", b"a" * 64, b"a." * 127 + b"a", "\u2603".encode() + b"\n"):
            self.assertIs(self.successResultOf(self.mx.look_up(domain)), NONE, domain)
        self.assertEqual(self.resolver.asked, [])


class TestAtOnce(MemoryTest):
    def test_one_question_serves_all_who_ask_meanwhile(self) -> None:
        """However they spell it; who is cancelled, and he may be the first, leaves the others alone."""
        self.asking(Dictionary())
        first, second, third = (self.mx.look_up(domain) for domain in (b"a.example", b"A.example.", b"a.example"))
        self.assertEqual(self.resolver.asked, [b"a.example"])
        for leaving in (first, third):
            leaving.addErrback(lambda failure: None)
            leaving.cancel()
        self.resolver.waiting[b"a.example"].callback(answer(60))
        self.assertIs(self.successResultOf(second), FOUND)
        self.assertEqual(self.resolver.cancelled, [])

    def test_all_may_leave_and_the_answer_is_remembered(self) -> None:
        """The question was paid for."""
        self.asking(Dictionary())
        leaving = self.mx.look_up(b"a.example")
        leaving.addErrback(lambda failure: None)
        leaving.cancel()
        self.resolver.waiting[b"a.example"].callback(answer(60))
        self.assertIs(self.look_up("a"), FOUND)
        self.assertEqual(len(self.resolver.asked), 1)

    def test_so_many_domains_at_once_and_no_more(self) -> None:
        """Who comes then hears it at once; who asks for one that is under way, or known, does not care."""
        self.asking(Dictionary(known=answer(60)), at_once=2)
        self.look_up("known")
        waiting = [self.mx.look_up(name) for name in (b"a.example", b"b.example", b"b.example")]
        self.assertIs(self.look_up("c"), COULD_NOT_TELL)
        self.assertIs(self.look_up("known"), FOUND)
        self.resolver.waiting[b"a.example"].callback(answer(60))
        self.assertIs(self.successResultOf(waiting[0]), FOUND)
        self.resolver.messages[b"c.example"] = answer(60)
        self.assertIs(self.look_up("c"), FOUND)
        self.mx.close()

    def test_the_time_limit_is_for_all_questions_together(self) -> None:
        """And it counts from the first who asked. The question is given up."""
        self.asking(Dictionary(), time_limit=10)
        early = self.mx.look_up(b"a.example")
        self.clock.advance(6)
        late = self.mx.look_up(b"a.example")
        self.resolver.waiting.pop(b"a.example").callback(dns.Message(answer=1))
        self.clock.advance(3.9)
        self.assertNoResult(early)
        self.clock.advance(0.1)
        for asked in (early, late):
            self.assertIs(self.successResultOf(asked), COULD_NOT_TELL)
        self.assertEqual(self.resolver.cancelled, [b"a.example"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_that_a_resolver_does_is_heard_as_an_exception(self) -> None:
        """It raises, it fails."""
        self.asking(Dictionary(a=None))  # type: ignore[arg-type]
        self.assertIs(self.look_up("a"), COULD_NOT_TELL)
        asked = self.mx.look_up(b"b.example")
        self.resolver.waiting[b"b.example"].errback(OSError(24, "Too many open files"))
        self.assertIs(self.successResultOf(asked), COULD_NOT_TELL)

    def test_who_waits_when_it_is_closed_could_not_be_told(self) -> None:
        """And who comes behind."""
        self.asking(Dictionary())
        asked = self.mx.look_up(b"a.example")
        self.mx.close()
        self.assertIs(self.successResultOf(asked), COULD_NOT_TELL)
        self.assertIs(self.look_up("b"), COULD_NOT_TELL)
        self.assertTrue(self.resolver.closed)


class TestNames(SynchronousTestCase):
    def test_a_domain_is_asked_for_by_its_a_labels(self) -> None:
        """RFC 6531 3.2, RFC 4343. Names of Windows networks have "_"."""
        for domain, name in {
            b"Example.ORG": b"example.org",
            b"example.org.": b"example.org",
            b"a_b.example": b"a_b.example",
            "b\u00fccher.example".encode(): b"xn--bcher-kva.example",
            "b\u00fccher\u3002example".encode(): b"xn--bcher-kva.example",
            ("\u6f22" * 22 + ".example").encode(): ("\u6f22" * 22).encode("idna") + b".example",
            b"example.org..": None,
            "\u2603.example".encode(): None,
            b"xn--bcher-kva.\xc3": None,
        }.items():
            self.assertEqual(a_labels(domain), name, domain)
