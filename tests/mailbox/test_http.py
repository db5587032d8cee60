"""Mailboxes from HTTP: the port's suite on an agent in memory, answers of every kind, and one server over loopback."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface import implementer

from tests.mailbox.sql_rows import key
from tests.mailbox.world import TEMPLATE, means
from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.entry import BadEntry, Entry
from twistedmx.mailbox.http import HttpMailboxes, HttpSettings
from twistedmx.mailbox.http_agent import http_client
from twistedmx.mailbox.http_answer import MOST_OCTETS, read_answer
from twistedmx.model.mailbox import DISABLED, NOT_OURS, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import parse_path
from twistedmx.testing.mailboxes import Household, MailboxesSuite

URL = "http://users.example.org/mx?address={address}"
PREFIX = b"http://users.example.org/mx?address="
ACTIVE = b'{"state": "active"}'


class Transport(StringTransport):
    """One whose connection may be aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@implementer(IResponse)
class Response:
    """A response in memory: all of its body comes when it is asked for, then its end."""

    def __init__(self, code: int, body: bytes, end: type[Exception] = ResponseDone) -> None:
        self.code = code
        self.body = body
        self.end = end
        self.transport = Transport()

    def deliverBody(self, protocol: Protocol) -> None:
        protocol.makeConnection(self.transport)
        protocol.dataReceived(self.body)
        protocol.connectionLost(Failure(self.end()))


@implementer(IAgent)
class Agent:
    """An agent in memory. `answer`: from the address in the URL. `asked`: URLs. `headers`: of the last request."""

    def __init__(self, answer: Callable[[str], "Response | Exception"]) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.headers = Headers()

    def request(self, method: bytes, uri: bytes, headers: Headers, bodyProducer: object = None) -> Deferred[Response]:
        assert method == b"GET"
        self.asked.append(uri)
        self.headers = headers
        answer = self.answer(unquote(uri.removeprefix(PREFIX).decode()))
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)


def answers_of(household: Household) -> Mapping[str, Mapping[str, object]]:
    """What the server of a household says, by address."""
    answers: dict[str, Mapping[str, object]] = {key(address): {"state": "active"} for address in household.mailboxes}
    answers |= {key(address): {"state": "disabled"} for address in household.disabled}
    answers |= {key(address): {"state": "over-quota"} for address in household.over_quota}
    aliases = household.aliases.items()
    return answers | {key(alias): {"state": "active", "alias": list(targets)} for alias, targets in aliases}


class TestSuite(MailboxesSuite, TestCase):
    """The port's suite, as a server has it: with the obligatory addresses around it."""

    def build(self, household: Household) -> MailboxesByDomain:
        if any(alias.startswith("@") for alias in household.aliases):
            raise SkipTest("a server answers for each address; whether it has a catch-all is its own affair")
        answers = answers_of(household)

        def answer(address: str) -> Response:
            found = answers.get(address)
            return Response(404, b"{}") if found is None else Response(200, json.dumps(found).encode())

        settings = HttpSettings(domains=tuple(household.domains), url=URL)
        backend = HttpMailboxes(settings, means=means(), agent=Agent(answer), name="mailboxes.http[0]")
        return MailboxesByDomain([backend], template=TEMPLATE)


class HttpTestCase(SynchronousTestCase):
    def build(self, answer: Response | Exception, **settings: object) -> None:
        self.agent = Agent(lambda address: answer)
        self.clock = Clock()
        made = HttpSettings(**({"domains": ("example.org",), "url": URL} | settings))
        self.mailboxes = HttpMailboxes(made, means=means(clock=self.clock), agent=self.agent)

    def ask(self, address: str = "ann@example.org") -> Lookup:
        answer = self.mailboxes.find(parse_path(address.encode()))
        return answer if isinstance(answer, Lookup) else self.successResultOf(answer)

    def detail(self) -> str:
        answer = self.ask()
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        return answer.detail


class TestAnswers(HttpTestCase):
    """What the server may say."""

    def test_an_answer_may_name_maildir_and_owner(self) -> None:
        """null and absent are one; other words are the server's own."""
        self.build(Response(200, b'{"state":"active","maildir":"/home/ann","owner":"ann","alias":null,"id":7}'))
        ann = Destination(address=b"ann@example.org", maildir="/home/ann", owner="ann")
        self.assertEqual(self.ask().destinations, (ann,))

    def test_a_state_or_a_refusal_is_the_answer(self) -> None:
        """The same words as in SQL."""
        self.build(Response(200, b'{"state":"disabled"}'))
        self.assertEqual(self.ask(), DISABLED)
        self.build(Response(200, b'{"state":"active","reject":"550 5.1.6 Gone"}'))
        self.assertEqual(str(self.ask().reply), "550 5.1.6 Gone")
        self.build(Response(200, b'{"state":"unknown"}'))
        self.assertEqual(self.ask(), UNKNOWN)

    def test_404_and_410_mean_unknown(self) -> None:
        """With a JSON object, as the server of users says it."""
        for code in (404, 410):
            self.build(Response(code, b"{}"))
            self.assertEqual(self.ask(), UNKNOWN)

    def test_404_of_somebody_between_refuses_nobody(self) -> None:
        """A proxy has a page for it while the server behind is being replaced; so has a wrong url."""
        for body in (b"<html>", b"", b"[]", b"null"):
            self.build(Response(404, body))
            self.assertIs(self.ask().outcome, Outcome.COULD_NOT_TELL)

    def test_what_is_no_answer_defers_and_says_why(self) -> None:
        """An error page with status 200 is no mailbox."""
        for body, expected in (
            (b"<html>", "no JSON: '<html>'"),
            (b"[]", "no JSON object"),
            (b"{}", "no state"),
            (b'{"error":"x"}', "no state"),
            (b'{"state":true}', "state is a value of type bool"),
            (b'{"state":"activ"}', "state is 'activ'"),
            (b'{"state":"active","alias":[1]}', "alias holds a value of type int"),
            (b"\xff", "no JSON"),
            (b" " * MOST_OCTETS + ACTIVE, "more than 65536 octets"),
        ):
            self.build(Response(200, body))
            self.assertIn(expected, self.detail())
        self.assertIn("answers;", self.mailboxes.state())

    def test_a_body_without_end_is_hung_up_on(self) -> None:
        """What is read is held in memory."""
        response = Response(200, b"x" * (MOST_OCTETS + 1))
        self.build(response)
        self.detail()
        self.assertTrue(response.transport.aborted)

    def test_a_body_that_ends_with_the_connection_is_whole_and_one_that_breaks_is_none(self) -> None:
        """HTTP/1.0 has no other end; RFC 9112 8."""
        self.build(Response(200, ACTIVE, PotentialDataLoss))
        self.assertIs(self.ask().outcome, Outcome.FOUND)
        self.build(Response(200, ACTIVE, ConnectionResetError))
        self.assertIs(self.ask().outcome, Outcome.COULD_NOT_TELL)

    def test_a_server_that_refuses_or_sends_us_elsewhere_has_failed(self) -> None:
        """After three in a row it counts as down: nobody's address is at fault."""
        for code in (301, 302, 401, 403, 429, 500, 503, 204):
            self.build(Response(code, ACTIVE))
            self.assertIn(f"the server answered {code}", self.detail())
            self.assertIn("failed 1 times", self.mailboxes.state())

    def test_a_server_that_cannot_take_one_address_has_not_failed(self) -> None:
        """Else a stranger could keep it down with one odd name."""
        self.build(Response(422, b""))
        self.assertIn("the server answered 422", self.detail())
        self.assertIn("answers;", self.mailboxes.state())

    def test_a_connection_that_fails_is_told_in_words(self) -> None:
        """Twisted wraps the reason twice."""
        self.build(ResponseFailed([Failure(ConnectionRefusedError("nobody there"))]))
        self.assertIn("nobody there", self.detail())

    def test_a_server_that_says_nothing_is_left(self) -> None:
        """The time limit cancels the request, and with it the connection."""
        self.build(Response(200, ACTIVE))
        waiting: Deferred[Response] = Deferred()
        self.agent.request = lambda *arguments: waiting
        answer = self.mailboxes.find(parse_path(b"ann@example.org"))
        self.clock.advance(5)
        self.assertIn("no answer within 5 s", self.successResultOf(answer).detail)
        self.assertTrue(waiting.called)


class TestRequests(HttpTestCase):
    """What the server is asked."""

    def test_values_are_percent_encoded_in_lower_case(self) -> None:
        """Whatever stands in a local part, it stays one value of one parameter."""
        self.build(Response(404, b"{}"))
        self.ask('"A b&c=#/?"@EXAMPLE.org')
        self.assertEqual(self.agent.asked, [PREFIX + b"%22a%20b%26c%3D%23%2F%3F%22%40example.org"])
        self.build(Response(404, b"{}"), url="http://u/{domain}/{local}")
        self.ask("Jörg+x@example.org")
        self.assertEqual(self.agent.asked, [b"http://u/example.org/j%C3%B6rg%2Bx"])

    def test_no_address_leads_to_another_place_of_the_server(self) -> None:
        """Some servers and proxies undo %2E and %2F before they look at the path."""
        self.build(Response(200, ACTIVE), url="http://u/{local}")
        for local in ("..", ".", "../admin", "a/../b", r"..\\x", ""):
            self.assertEqual(self.ask(f'"{local}"@example.org'), UNKNOWN, local)
        self.assertEqual(self.agent.asked, [])
        self.assertIs(self.ask("a/b@example.org").outcome, Outcome.FOUND)

    def test_only_its_own_domains_are_asked_for(self) -> None:
        """A server that says yes to everything opens no relay."""
        self.build(Response(200, ACTIVE))
        self.assertEqual(self.ask("ann@example.net"), NOT_OURS)
        self.assertEqual(self.agent.asked, [])

    def test_the_token_goes_along_and_nowhere_else(self) -> None:
        """RFC 6750 2.1."""
        path = self.mktemp()
        with open(path, "w", encoding="ascii") as file:
            file.write("s3cret\n")
        self.build(Response(500, b"s3cret"), token_file=path)
        self.assertNotIn("s3cret", self.detail() + self.mailboxes.state())
        self.assertEqual(self.agent.headers.getRawHeaders("authorization"), ["Bearer s3cret"])

    def test_settings_that_make_no_sense_are_refused(self) -> None:
        """Before the first message comes."""
        for url, expected in {
            "ftp://u/{address}": "must begin with https://",
            "https:///{address}": "and a host",
            "https://u:s3cret@host/{address}": "use token_file",
            "https://{domain}/{address}": "placeholder in its host",
            "https://host:x/{address}": "is no URL",
            "https://host/{adress}": "no other brace",
            "https://host/{domain}": "neither {address} nor {local}",
            "https://host/ä{address}": "must be ASCII",
            "https://host/{address}#x": "without a #fragment",
        }.items():
            wrong = self.assertRaises(ValueError, HttpSettings, domains=("example.org",), url=url)
            self.assertIn(expected, str(wrong))
            self.assertNotIn("s3cret", str(wrong))

    def test_a_ca_file_that_cannot_be_used_is_told(self) -> None:
        """Nobody should find out at the first message."""
        path = self.mktemp()
        with open(path, "w", encoding="ascii") as file:
            file.write("nothing\n")
        for name in (path, path + "~"):
            settings = HttpSettings(domains=("example.org",), url=URL, ca=name)
            self.assertIn(f"ca: {name}: ", str(self.assertRaises(ValueError, http_client, Clock(), settings)))


class TestLoopback(TestCase):
    """The client as servers have it, and a web server, on one machine."""

    async def test_a_real_server_is_asked_over_one_connection(self) -> None:
        """Keep-alive: a handshake for each look-up would cost more than the look-up."""
        from twisted.internet import reactor, threads
        from twisted.web.resource import Resource
        from twisted.web.server import Site

        class Users(Resource):
            isLeaf = True
            ports = set()

            def render_GET(self, request):
                self.ports.add(request.getClientAddress().port)
                if request.args[b"address"] == [b"ann@example.org"]:
                    return ACTIVE
                request.setResponseCode(404)
                return b"{}"

        port = reactor.listenTCP(0, Site(Users()), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}/?address={{address}}"
        settings = HttpSettings(domains=("example.org",), url=url)
        client = http_client(reactor, settings)
        world = means(clock=reactor, run=threads.deferToThread)
        mailboxes = HttpMailboxes(settings, means=world, agent=client.agent, disconnect=client.close)
        ann = await mailboxes.find(parse_path(b"ann@example.org"))
        bob = await mailboxes.find(parse_path(b"bob@example.org"))
        self.assertEqual((ann.outcome, bob), (Outcome.FOUND, UNKNOWN))
        self.assertEqual(len(Users.ports), 1)
        mailboxes.close()
        await client._pool.closeCachedConnections()


_words = st.sampled_from(["state", "maildir", "address", "owner", "alias", "reject", "x"])
_texts = st.sampled_from(
    ["active", "disabled", "unknown", "/srv/x", "/../x", "ann@example.org", "@", "550 no", "root", ""]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=2),
    max_leaves=5,
)


class TestAnyAnswer(SynchronousTestCase):
    def check(self, octets: bytes) -> None:
        try:
            entry = read_answer(octets, asked=parse_path(b"ann@example.org"), template=TEMPLATE, case=CaseRules())
        except BadEntry as wrong:
            self.assertTrue(str(wrong).isprintable(), str(wrong))
            return
        self.assertIsInstance(entry, Entry)
        for destination in entry.lookup.destinations:
            self.assertTrue(destination.maildir.startswith("/"))
            self.assertNotIn("..", destination.maildir.split("/"))

    @given(st.binary())
    @example(b"[" * 100_000)
    @example(b"9" * 5000)
    @example(b'{"state":"\\ud800"}')
    @example(b'{"state":"active","alias":["\\ud800@x"],"address":"\\ud800@x"}')
    @example(b'{"state":"active","maildir":"/\\ud800\\u0000"}')
    @example(b'{"state":"active","owner":"\\n"}')
    def test_any_octets_are_an_entry_or_a_fault(self, octets: bytes) -> None:
        """A server may be hacked, or be another one than we think."""
        self.check(octets)

    @given(st.dictionaries(_words, _values).map(lambda it: {"state": "active"} | it))
    def test_any_object_is_an_entry_or_a_fault(self, answer: dict[str, object]) -> None:
        """Answers that are nearly right go deeper than noise does."""
        self.check(json.dumps(answer).encode())
