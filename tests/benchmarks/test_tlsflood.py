"""A flood of handshakes: what counts as one, who is refused, and what the sender with STARTTLS makes of 454."""

import shutil
import ssl
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import chart, results, table
from benchmarks.load import Flood, Sender
from benchmarks.page import page
from benchmarks.peers.opensmtpd import OpenSmtpd
from benchmarks.scenarios import CASES, generators, why_not
from benchmarks.tlsflood import figures, words
from tests.benchmarks.test_results import result
from tests.benchmarks.test_victim import ANSWERS, Loopback, Server, sent
from twistedmx.net.tls import make_demo_certificate

CASE = next(case for case in CASES if case.name == "tlsflood-begun")
OFFERED = ANSWERS | {b"EHLO": b"250-mx\r\n250 STARTTLS\r\n", b"STAR": b"220 go on\r\n"}
REFUSED = OFFERED | {b"STAR": b"454 not now\r\n"}


class TlsServer(Server):
    """The same with STARTTLS, where it has 220 for it."""

    def __init__(self, answers, greetings=(), *, context=None):
        self._context = context
        self.shaken = 0
        super().__init__(answers, greetings)

    def _go_under_tls(self, connection):
        with self._context.wrap_socket(connection, server_side=True) as secured:
            self.shaken += 1
            with secured.makefile("rb") as lines:
                self._answer(secured, lines)


class OverTls(Loopback):
    if shutil.which("cc") is None or shutil.which("taskset") is None:
        skip = "needs a C compiler (cc) and taskset"

    def server(self, answers, greetings=()):
        pem = Path(self.mktemp())
        make_demo_certificate(str(pem), "mx.example.org", at=time.time())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server = TlsServer(answers, greetings, context=context)
        self.addCleanup(server.stop)
        return server


class TestSender(OverTls):
    def sent(self, server, **options):
        chosen = {"port": server.port, "count": 3, "rate": 100, "patience": 5, "tls": 1, "octets": 1000}
        with Sender(chosen | options, core=0) as sender:
            sender.wait_for("ready", seconds=10)
            sender.go_on()
            return sender.wait_for("end", seconds=20)

    def test_mail_under_tls_is_whole_and_its_steps_are_timed(self):
        """A handshake, and a second EHLO behind it."""
        server = self.server(OFFERED)
        told = self.sent(server)
        self.assertEqual((told["failed"], told["failure"], told["plain"], server.shaken), (0, "", 0, 3))
        self.assertEqual([len(message) for message in server.messages], [1000] * 3)
        for step in ("starttls", "handshake", "ehlo_again", "quit"):
            self.assertEqual(told[f"{step}_us"]["count"], 3)

    def test_who_hears_454_goes_on_in_plain_text_and_has_not_failed(self):
        """As mail servers do: a server may say it to save itself, but not to lose mail."""
        server = self.server(REFUSED)
        told = self.sent(server)
        self.assertEqual((told["failed"], told["plain"], len(server.messages)), (0, 3, 3))
        self.assertEqual(told["handshake_us"]["count"], 0)

    def test_another_reply_to_starttls_is_a_failure(self):
        """It says that mail cannot be had."""
        told = self.sent(self.server(OFFERED | {b"STAR": b"554 no\r\n"}))
        self.assertEqual((told["failed"], told["failure"]), (3, "starttls: expected 220, heard 554 no"))

    def test_in_plain_text_nothing_of_it_is_said(self):
        """The other sender is as he was."""
        told = self.sent(self.server(OFFERED), tls=0)
        self.assertEqual((told["failed"], told["starttls_us"]["count"]), (0, 0))


class TestFlood(OverTls):
    def flooded(self, server, **options):
        """What it tells after six connections, one at a time."""
        with Flood({"port": server.port, "total": 6, "patience": 5} | options, core=0) as flood:
            flood.wait_for("ready", seconds=10)
            flood.go_on()
            flood.wait_for("begin", seconds=10)
            return flood.wait_for("end", seconds=20)

    def counts(self, told):
        return {key: told[key] for key in ("handshakes", "refused", "turned_away", "hung_up") if told[key]}

    def test_a_handshake_that_is_begun_is_one_for_the_server(self):
        """It has answered a ClientHello; that the client is gone then saves it nothing."""
        server = self.server(OFFERED)
        told = self.flooded(server, handshake=1)
        self.assertEqual((self.counts(told), server.shaken), ({"handshakes": 6}, 0))
        self.assertEqual(set(server.seen), {"127.1.0.1"})

    def test_a_completed_one_is_completed_on_both_sides(self):
        """Else it would be the other kind."""
        server = self.server(OFFERED)
        told = self.flooded(server, handshake=2)
        server.wait_until(lambda server: server.shaken >= 6)
        self.assertEqual(self.counts(told), {"handshakes": 6})

    def test_without_one_there_are_connections_alone(self):
        """What a handshake costs is the difference."""
        told = self.flooded(self.server(OFFERED), handshake=0)
        self.assertEqual((self.counts(told), told["connections"]), ({}, 6))

    def test_whatever_refuses_them_they_come_back(self):
        """A flood does not end because it is told to."""
        for answers, greetings, expected in (
            (REFUSED, [], {"refused": 6}),
            (OFFERED, [b"554 no\r\n"] * 6, {"turned_away": 6}),
            ({b"EHLO": OFFERED[b"EHLO"]} | {b"STAR": b"220 go on\r\n"}, [b"421 no\r\n", b"554 no\r\n"], None),
        ):
            told = self.flooded(self.server(answers, greetings))
            found = self.counts(told)
            self.assertEqual(found, expected or {"turned_away": 2, "handshakes": 4})


def run(number, flood_p99, *, failed=0, peer="twistedmx"):
    """A run, as JSON keeps it."""
    calm, flooded = (sent(4000), sent(5000)), (sent(flood_p99, failed, "mail: lost" if failed else ""), sent(9000))
    flooded[1]["plain"] = 150
    told = {
        "seconds": 10.0,
        "connections": 60_000,
        "handshakes": 5000,
        "refused": 55_000,
        "turned_away": 0,
        "hung_up": 0,
        "own_cpu": 4.0,
    }
    values = figures(calm, flooded, told, 0.0006) | {"busy": 0.9}
    return {"case": CASE.name, "peer": peer, "run": number, "calibration": 0.2, "values": values}


class TestFigures(SynchronousTestCase):
    def test_the_share_of_handshakes_is_their_rate_times_what_one_costs(self):
        """Of one core: 500 a second of 0.6 ms."""
        values = run(1, 8000)["values"]
        self.assertEqual((values["rate"], values["refused_rate"], values["factor"]), (500.0, 5500.0, 2.0))
        self.assertAlmostEqual(values["share"], 0.3)

    def test_454_is_counted_apart_from_failures(self):
        """Half of his mail went in plain text, and none was lost."""
        values = run(1, 8000)["values"]
        self.assertEqual((values["tls_plain"], values["tls_failed"], values["failed"]), (0.5, 0, 0))

    def test_a_failure_in_one_run_is_a_failure(self):
        """And a target that was missed."""
        some = result(run(1, 8000), run(2, 9000, failed=2), run(3, 10_000))
        self.assertEqual(results.medians(some)[CASE.name]["twistedmx"]["flood_failed"], 2)
        rows = [row for row in table.targets(some) if row[3] != "not measured"]
        self.assertEqual([row[3] for row in rows], ["reached", "yes", "no", "yes"])
        self.assertIn("2 of 1,200 failed (mail: lost); 50% heard 454", words(run(1, 8000, failed=2)["values"]))

    def test_it_is_on_the_page_and_has_a_chart(self):
        """As every scenario."""
        some = result(run(1, 8000), run(1, 30_000_000, failed=290, peer="twisted"))
        text = page(some)
        self.assertIn("## A flood of TLS handshakes", text)
        self.assertIn("580 hosts, each", text)
        self.assertIn(
            "| twistedmx | 2.0 | 4.0 | 5.0 | 2.0 | 8.0 | 0 | 2.0 | 9.0 | 0 | 50% | 500 | 5,500 | 6,000 | 0.60 |", text
        )
        self.assertIn("8.0 ms", chart.draw(CASE, some))


class TestCase(SynchronousTestCase):
    def test_it_needs_starttls_that_works(self):
        """Who has none is not measured, and it is said why."""
        self.assertIn("P-256", why_not(CASE, OpenSmtpd()))

    def test_its_programs_are_built_before(self):
        """A compiler has no place in a measurement."""
        self.assertEqual(generators(CASE), [("flood", True), ("victim", False), ("victim", True)])
