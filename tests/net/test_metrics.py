"""The port that Prometheus scrapes."""

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, serverFromString
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.net.metrics import MetricsSettings, listen
from twistedmx.net.scrapes import Scrapes


def registry():
    made = CollectorRegistry()
    Counter("twistedmx_tried", "Tries.", registry=made).inc(3)
    return made


class Answer:
    """An HTTP response, taken apart."""

    def __init__(self, octets):
        head, _, self.body = octets.partition(b"\r\n\r\n")
        self.status, *fields = head.decode("ascii").split("\r\n")
        self.fields = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}


class Scraper(Protocol):
    def __init__(self, request):
        self.request, self.octets, self.done = request, b"", Deferred()

    def connectionMade(self):
        self.transport.write(self.request)

    def dataReceived(self, octets):
        self.octets += octets

    def connectionLost(self, reason):
        self.done.callback(Answer(self.octets))


class TestPage(SynchronousTestCase):
    def setUp(self):
        made = registry()
        self.scrapes = Scrapes(lambda: succeed(made), Clock())

    def connect(self):
        protocol = self.scrapes.buildProtocol(None)
        transport = StringTransport()
        if protocol is not None:
            protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, request, *fields):
        protocol, transport = self.connect()
        lines = [f"{request} HTTP/1.1", "Host: localhost", "Connection: close", *fields, "", ""]
        protocol.dataReceived("\r\n".join(lines).encode())
        return Answer(transport.value())

    def test_a_scrape_is_text_that_prometheus_can_parse(self):
        """And says so in its type."""
        answer = self.ask("GET /metrics")
        self.assertEqual(answer.status, "HTTP/1.1 200 OK")
        self.assertTrue(answer.fields["content-type"].startswith("text/plain; version=0.0.4"))
        samples = {
            sample.name: sample.value for family in parse_text(answer.body.decode()) for sample in family.samples
        }
        self.assertEqual(samples["twistedmx_tried_total"], 3)

    def test_who_asks_for_openmetrics_gets_it(self):
        """Prometheus does since 2.5."""
        answer = self.ask("GET /metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertTrue(answer.fields["content-type"].startswith("application/openmetrics-text; version=1.0.0"))
        (family,) = parse_openmetrics(answer.body.decode())
        self.assertEqual(family.name, "twistedmx_tried")

    def test_head_is_get_without_the_page(self):
        """Monitors ask so whether it is there."""
        answer = self.ask("HEAD /metrics")
        self.assertEqual((answer.status, answer.body), ("HTTP/1.1 200 OK", b""))
        self.assertEqual(int(answer.fields["content-length"]), len(self.ask("GET /metrics").body))

    def test_there_is_no_other_page(self):
        """One port, one purpose."""
        for path in ("/", "/metrics/", "/metrics/x", "/../etc/passwd", "/favicon.ico"):
            self.assertEqual(self.ask(f"GET {path}").status, "HTTP/1.1 404 Not Found", path)

    def test_nothing_can_be_changed(self):
        """Reading is all there is; a body is neither parsed nor kept."""
        protocol, transport = self.connect()
        protocol.dataReceived(
            b"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"
        )
        protocol.dataReceived(b"x" * 200_000)
        answer = Answer(transport.value())
        self.assertEqual(answer.status, "HTTP/1.1 405 Method Not Allowed")
        self.assertEqual(sorted(answer.fields["allow"].split(", ")), ["GET", "HEAD"])

    def test_connections_are_few(self):
        """Whoever reaches the port must not take the descriptors of the mail."""
        protocols = [self.connect()[0] for _ in range(16)]
        self.assertIsNone(self.connect()[0])
        protocols[0].connectionLost(None)
        self.assertIsNotNone(self.connect()[0])


class TestPort(TestCase):
    async def test_it_is_scraped_over_loopback(self):
        """Real sockets, as Prometheus does it."""
        port = await listen(
            reactor, serverFromString(reactor, "tcp:0:interface=127.0.0.1"), lambda: succeed(registry())
        )
        self.addCleanup(port.stopListening)
        scraper = Scraper(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port), scraper)
        answer = await scraper.done
        (family, *_) = parse_text(answer.body.decode())
        self.assertEqual(family.name, "twistedmx_tried")

    def test_nobody_listens_unless_told_to(self):
        """A port more is a decision of the operator's."""
        self.assertEqual(MetricsSettings().listen, "")
