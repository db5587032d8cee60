"""A legitimate sender beside an attack: what is a failure, what counts, and that no refusal stops the attackers."""

import contextlib
import shutil
import socket
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import chart, results, table
from benchmarks.fault import CannotMeasure
from benchmarks.load import Load, Sender
from benchmarks.page import page
from benchmarks.peers.peer import Place
from benchmarks.peers.postfix import PostfixDefault
from benchmarks.peers.twistedmx import Twistedmx
from benchmarks.program import arguments
from benchmarks.scenarios import CASES, concerns
from benchmarks.victim import figures
from benchmarks.victim import words as words_of
from tests.benchmarks.test_results import result

CASE = next(case for case in CASES if case.name == "victim-580")
ANSWERS = {
    b"EHLO": b"250-mx\r\n250 8BITMIME\r\n",
    b"MAIL": b"250 ok\r\n",
    b"RCPT": b"250 ok\r\n",
    b"DATA": b"354 go on\r\n",
    b"RSET": b"250 ok\r\n",
    b"QUIT": b"221 bye\r\n",
}
REFUSED = ANSWERS | {b"RCPT": b"550 no\r\n"}
STEPS = ("transaction", "greeting", "ehlo", "mail", "rcpt", "data", "content", "quit")


class Server:
    """A connection at a time, a reply a line; hangs up behind 421, and where it has no answer. `seen`: addresses of who came, in
    turn; `over`: of how many nothing more is heard; `greetings`: what they hear, in turn, then 220."""

    def __init__(self, answers, greetings=()):
        self.seen = []
        self.over = 0
        self.messages = []
        self._news = threading.Condition()
        self._answers, self._greetings = answers, list(greetings)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, (address, _) = self._listening.accept()
            except OSError:
                return
            with self._news:
                self.seen.append(address)
                self._news.notify()
            # An error: the client has heard enough.
            with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
                self._talk(connection, lines)
            with self._news:
                self.over += 1
                self._news.notify()

    def _talk(self, connection, lines):
        greeting = self._greetings.pop(0) if self._greetings else b"220 mx\r\n"
        connection.sendall(greeting)
        if greeting.startswith(b"220"):
            self._answer(connection, lines)

    def _answer(self, connection, lines):
        for line in lines:
            answer = self._answers.get(line[:4])
            if answer is None:
                return
            connection.sendall(answer)
            if line.startswith(b"STARTTLS") and answer.startswith(b"220"):
                self._go_under_tls(connection)
                return
            if answer.startswith(b"421"):
                return
            if answer.startswith(b"354"):
                self.messages.append(b"".join(iter(lines.readline, b".\r\n")))
                connection.sendall(b"250 kept\r\n")

    def _go_under_tls(self, connection):
        """It cannot, and hangs up."""

    def wait_until(self, done):
        """`done` is true of this server."""
        with self._news:
            self._news.wait_for(lambda: done(self), 10)

    def stop(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


class Loopback(SynchronousTestCase):
    if shutil.which("cc") is None or shutil.which("taskset") is None:
        skip = "needs a C compiler (cc) and taskset"

    def server(self, answers, greetings=()):
        server = Server(answers, greetings)
        self.addCleanup(server.stop)
        return server


class TestSender(Loopback):
    def sent(self, server, **options):
        with Sender({"port": server.port, "count": 3, "rate": 100, "patience": 5} | options, core=0) as sender:
            sender.wait_for("ready", seconds=10)
            sender.go_on()
            return sender.wait_for("end", seconds=20)

    def test_every_transaction_comes_from_a_stranger_and_has_a_message(self):
        """A host that is known is treated better, and would hide what an attack does to a new one."""
        server = self.server(ANSWERS)
        told = self.sent(server, first=7, octets=1000)
        self.assertEqual(server.seen, ["127.200.7.1", "127.200.8.1", "127.200.9.1"])
        self.assertEqual([len(message) for message in server.messages], [1000] * 3)
        self.assertTrue(all(line.endswith(b"\r\n") for line in server.messages[0].splitlines(keepends=True)))
        self.assertEqual((told["count"], told["failed"], told["failure"]), (3, 0, ""))
        for step in STEPS:
            self.assertEqual(told[f"{step}_us"]["count"], 3)

    def test_a_wrong_reply_is_a_failure_and_counts_as_long_as_it_may_last(self):
        """Mail that is refused at once is not fast mail."""
        told = self.sent(self.server(ANSWERS | {b"DATA": b"451 later\r\n"}))
        self.assertEqual((told["failed"], told["failure"]), (3, "data: expected 354, heard 451 later"))
        self.assertEqual(told["transaction_us"], {"count": 3, "p50": 5_000_000, "p99": 5_000_000, "max": 5_000_000})
        self.assertEqual((told["rcpt_us"]["count"], told["data_us"]["count"]), (3, 0))

    def test_who_is_turned_away_or_hung_up_on_has_failed(self):
        """And the others go on."""
        told = self.sent(self.server(ANSWERS, [b"554 no\r\n"]))
        self.assertEqual(
            (told["count"], told["failed"], told["failure"]), (3, 1, "greeting: expected 220, heard 554 no")
        )
        told = self.sent(self.server({key: ANSWERS[key] for key in (b"EHLO", b"MAIL")}))
        self.assertEqual(told["failed"], 3)
        self.assertIn("rcpt: the server closed the connection", told["failure"])

    def test_the_time_of_each_is_told_when_it_is_asked_for(self):
        """In the order in which they began; -1 is one that failed."""
        told = self.sent(self.server(ANSWERS, [b"220 mx\r\n", b"554 no\r\n"]), each=1)
        first, second, third = told["each_us"]
        self.assertEqual(second, -1)
        self.assertTrue(0 < first < 5_000_000 and 0 < third < 5_000_000)
        self.assertNotIn("each_us", self.sent(self.server(ANSWERS)))

    def test_who_is_put_off_comes_again_when_it_is_asked_for(self):
        """Once, as the same host. The first attempt has failed, and the second one counts apart."""
        server = self.server(ANSWERS, [b"421 full\r\n", b"220 mx\r\n", b"421 full\r\n"])
        told = self.sent(server, each=1, again=1, count=2)
        self.assertEqual((told["count"], told["failed"], told["each_us"][0]), (2, 1, -1))
        ((at, took),) = told["again"]
        self.assertEqual((1 <= at < 5, took), (True, -1))
        self.assertEqual(told["failure"], "greeting: expected 220, heard 421 full")
        first, second, again = server.seen
        self.assertEqual((first, second), (again, "127.200.1.1"))

    def test_some_hosts_in_turn(self):
        """Of whom something is known the second time."""
        server = self.server(ANSWERS)
        self.sent(server, hosts=2)
        self.assertEqual(len(set(server.seen)), 2)

    def test_one_begins_at_its_time_whatever_became_of_the_one_before(self):
        """A server that says nothing keeps all of them waiting, and each of them counts."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        with Sender({"port": listening.getsockname()[1], "count": 3, "rate": 100, "patience": 1}, core=0) as sender:
            sender.wait_for("ready", seconds=10)
            sender.go_on()
            told = sender.wait_for("end", seconds=10)
        self.assertEqual((told["failed"], told["failure"]), (3, "greeting: no answer within 1 s"))

    def test_a_server_that_is_not_there_is_a_failure(self):
        """It may have died under the attack."""
        server = Server(ANSWERS)
        server.stop()
        told = self.sent(server)
        self.assertEqual(told["failed"], 3)
        self.assertIn("greeting: connect", told["failure"])


class TestAttack(Loopback):
    def attacked(self, server, done, **options):
        """What the attackers tell when `done` is true of the server."""
        with Load("attack", {"port": server.port, "patience": 5, "ramp": 0} | options, core=0) as load:
            load.wait_for("ready", seconds=10)
            load.go_on()
            load.wait_for("begin", seconds=10)
            server.wait_until(done)
            load.go_on()
            return load.wait_for("end", seconds=10)

    def test_who_is_turned_away_comes_back_from_the_same_address(self):
        """With 421 or 554, it is all the same to him."""
        server = self.server(REFUSED, [b"554 no\r\n", b"421 not now\r\n"])
        told = self.attacked(server, lambda server: len(server.seen) > 2)
        self.assertEqual(server.seen[:3], ["127.1.0.1"] * 3)
        self.assertEqual((told["turned_away"], told["hung_up"]), (2, 0))

    def test_421_is_no_answer_to_a_guess_and_another_refusal_is(self):
        """It says nothing of the name."""
        server = self.server(ANSWERS | {b"RCPT": b"421 enough\r\n"})
        told = self.attacked(server, lambda server: len(server.seen) > 3)
        self.assertEqual(told["refused"], 0)
        self.assertGreaterEqual(told["hung_up"], 3)
        for answer in (b"550 no\r\n", b"450 later\r\n"):
            server = self.server(ANSWERS | {b"RCPT": answer, b"RSET": b"421 enough\r\n"})
            told = self.attacked(server, lambda server: len(server.seen) > 3)
            self.assertIn(told["refused"] // 5 - told["hung_up"], (0, 1))  # he may not have heard 421 yet

    def test_who_is_hung_up_on_without_a_word_comes_back(self):
        """At MAIL here, which this server does not know."""
        server = self.server({b"EHLO": ANSWERS[b"EHLO"]})
        told = self.attacked(server, lambda server: len(server.seen) > 3)
        self.assertGreaterEqual(told["hung_up"], 3)

    def test_he_may_wait_before_he_comes_back(self):
        """`back_after`: real ones have to think, or others to attack."""
        server = self.server(REFUSED, [b"554 no\r\n"] * 100)
        told = self.attacked(server, lambda server: len(server.seen) > 2, back_after=0.1)
        self.assertGreater(told["seconds"], 0.2)

    def test_a_server_that_greets_some_of_them_only_is_attacked_all_the_same(self):
        """As one with a hundred processes does, when two thousand come."""
        server = self.server(REFUSED)  # greets the second one when the first is gone
        with Load("attack", {"port": server.port, "connections": 2, "ramp": 0.1}, core=0) as load:
            self.assertEqual(load.wait_for("ready", seconds=10)["connections"], 1)
            load.go_on()
            load.wait_for("begin", seconds=10)
            load.go_on()
            load.wait_for("end", seconds=10)

    def test_an_unknown_recipient_that_is_accepted_ends_the_run(self):
        """That is not a refusal."""
        server = self.server(ANSWERS)
        error = self.assertRaises(CannotMeasure, self.attacked, server, lambda server: server.over)
        self.assertIn("expected 550, heard 250 ok", str(error))

    def test_each_has_a_network_of_its_own(self):
        """A botnet is scattered: to block one network must not block it all."""
        server = self.server(REFUSED, [b"554 no\r\n"] * 1000)
        self.attacked(server, lambda server: len(set(server.seen)) == 200, connections=200)
        self.assertEqual(len({address.rpartition(".")[0] for address in server.seen}), 200)
        self.assertFalse(any(address.startswith("127.200.") for address in server.seen))


def sent(p99, failed=0, failure=""):
    """What victim.c tells."""
    times = {"count": 300, "p50": 2000, "p99": p99, "max": p99}
    return {"count": 300, "failed": failed, "plain": 0, "fifo": 1, "late_us": 5, "failure": failure} | {
        f"{step}_us": times for step in STEPS
    }


ATTACKERS = {
    "seconds": 10.0,
    "refused": 5000,
    "answered": 7000,
    "connections": 2000,
    "turned_away": 1500,
    "hung_up": 500,
}


def run(number, attack_p99, failed=0, peer="twistedmx"):
    """A run of victim-580, as JSON keeps it."""
    values = figures(sent(4000), sent(50_000), sent(attack_p99, failed, "mail: lost" if failed else ""), ATTACKERS) | {
        "busy": 0.5
    }
    return {"case": "victim-580", "peer": peer, "run": number, "calibration": 0.2, "values": values}


class TestFigures(SynchronousTestCase):
    def test_the_p99_under_attack_is_beside_the_calm_one_of_the_same_run(self):
        """The disk of one day is not that of another."""
        values = run(1, 10_000)["values"]
        self.assertEqual((values["factor"], values["rate"], values["attack_us"]["p99"]), (2.5, 500.0, 10_000))
        self.assertEqual(values["attack_greeting_us"]["p50"], 2000)

    def test_a_failure_in_one_run_of_three_is_a_failure(self):
        """A median would make it undone."""
        some = result(run(1, 8000), run(2, 9000, failed=2), run(3, 10_000))
        found = results.medians(some)["victim-580"]["twistedmx"]
        self.assertEqual((found["failed"], found["factor"]), (2, 2.25))
        reached = {row[0]: row[3] for row in table.targets(some)}
        self.assertEqual(reached["legitimate p99 under 580 attackers"], "yes")
        self.assertEqual(reached["legitimate mail that failed under 580 attackers"], "no")

    def test_it_is_on_the_page_and_has_a_chart(self):
        """As every scenario."""
        some = result(run(1, 8000), run(1, 30_000_000, failed=290, peer="twisted"))
        text = page(some)
        self.assertIn("## A legitimate sender under attack", text)
        self.assertIn(
            "| twistedmx | 2.0 | 4.0 | 4.0 | 0 | 2.0 | 50.0 | 0 | 2.0 | 8.0 | 8.0 | 0 | 12.5 x | 2.0 x |", text
        )
        self.assertIn("It does so 300 times in calm", text)
        self.assertIn("performance/victim-580.svg", text)
        self.assertIn("30,000 ms", chart.draw(CASE, some))

    def test_while_it_is_measured_the_first_failure_is_told(self):
        """Whoever waits sees why."""
        self.assertIn("2 of 900 failed (mail: lost)", words_of(run(1, 8000, failed=2)["values"]))


def written(test, *, kind=Twistedmx, **place):
    """Settings of ours, as they are written there."""
    folder = Path(test.mktemp())
    folder.mkdir()
    both = {"certificate": folder / "certificate", "key": folder / "key"}
    for path in both.values():
        path.touch()
    kind().command(Place(folder=folder, port=2525, cores=(0,), **both, **place))
    return (folder / "twistedmx.toml").read_text()


class TestPeers(SynchronousTestCase):
    def test_our_limits_are_the_defaults_there(self):
        """What is shipped is measured, not what is tuned."""
        text = written(self, default_limits=True)
        for section in ("[conduct]", "[limits]", "[handshakes]"):
            self.assertNotIn(section, text)
            self.assertIn(section, written(self, default_limits=False))
        self.assertIn("private = true", text)

    def test_postfix_with_its_default_limits_is_there_for_this_alone(self):
        """Elsewhere nobody expects a figure of it."""
        peer = PostfixDefault()
        self.assertEqual({case.scenario for case in CASES if concerns(case, peer)}, {"victim"})

    def test_the_scenario_has_its_cases(self):
        """Two crowds."""
        self.assertEqual([case.name for case in arguments(["victim"]).cases], ["victim-580", "victim-2000"])
