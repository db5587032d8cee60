"""Limits that hold for the machine, however many workers serve; and what is known of hosts, when it is another number."""

import smtplib
import time

from tests.integration.test_life import CONTENT, Life
from tests.integration.worker_case import WORKERS, From, WorkerCase, hosts_of
from twistedmx.net.demo_certificate import make_demo_certificate
from twistedmx.net.steering import worker_of

# Loopback is a network as any.
OPEN = "[blocklist]\nloopback = true\n[reputation]\nprivate = true\nsave = 0.1\n"


class LimitsTests(WorkerCase):
    def is_in(self, host: str) -> bool:
        """A session that stays; or the refusal of a network whose share is used up."""
        try:
            self.from_host(host)
        except smtplib.SMTPConnectError as refused:
            self.assertEqual(refused.smtp_code, 421)
            self.assertIn(b"4.7.0", refused.smtp_error)
            return False
        return True

    def test_a_network_has_one_share_at_all_workers(self) -> None:
        """Its hosts come to all four: twenty sessions of a hundred, never more, and in the end no less."""
        limit = "start = 100\nfloor = 100\nceiling = 100\nshares = [0.1, 0.2, 0.9]\nleast = [1, 1, 1]\ncomings = 0\n"
        self.settings(rest=f"{OPEN}[governor]\n{limit}")
        self.start()
        hosts = [f"127.0.9.{last}" for last in range(1, 63)]
        self.assertEqual({worker_of(host, WORKERS) for host in hosts}, set(range(WORKERS)))
        sessions = 0

        def come() -> bool:
            nonlocal sessions
            for host in hosts:
                sessions += self.is_in(host)
                self.assertLessEqual(sessions, 20)
            return sessions == 20

        self.until(come, "the whole share of a network")
        self.until(lambda: self.told()["governor"]["strangers"] == 20, "that the supervisor heard of it")
        self.assertEqual(sum(worker["sessions"] for worker in self.workers()), 20)
        self.assertTrue(self.is_in("127.0.9.201"), "another network has its own")

    def test_handshakes_are_counted_over_all_workers(self) -> None:
        """A flood of them at all four: eight at the same time, and of twelve at once no thirteenth."""
        make_demo_certificate(str(self.folder / "mx.pem"), "mx.example.org", time.time())
        limits = "under_way = 8\nburst = 12\nrate = 0.01\n"
        self.settings(rest=f'[tls]\ncertificate = "mx.pem"\n[handshakes]\n{limits}{OPEN}')
        self.start()
        hosts = [next(hosts_of(number)) for number in range(WORKERS)]

        def begun(host: str) -> From | None:
            """A handshake that does not end."""
            client = self.from_host(host)
            client.ehlo()
            code, _ = client.docmd("STARTTLS")
            self.assertIn(code, (220, 454))
            return client if code == 220 else None

        def begin(most: int) -> bool:
            for host in hosts:
                client = begun(host)
                if client is not None:
                    clients.append(client)
                self.assertLessEqual(len(clients), most)
            return len(clients) == most

        clients: list[From] = []
        self.until(lambda: begin(8), "eight of them")
        told = self.told()["handshakes"]
        self.assertEqual((told["under_way"], told["refused"]["host"]), (8, 0))
        for client in clients:
            client.close()
        self.until(lambda: self.told()["handshakes"]["under_way"] == 0, "their end")
        clients = []
        self.until(lambda: begin(4), "four more")
        for _ in range(3):
            self.assertEqual([begun(host) for host in hosts], [None] * WORKERS)
        self.assertGreater(self.told()["handshakes"]["refused"]["rate"], 0)


class NumbersTests(WorkerCase):
    def serve_with(self, workers: int) -> None:
        Life.settings(self, top=f"workers = {workers}", rest=OPEN)

    def good(self, host: str) -> float:
        told = self.told("reputation", address=host)
        return float(told["host"]["good"]) if told.get("host") else 0.0

    def test_who_is_known_stays_known_with_another_number_of_workers(self) -> None:
        """One process, four, two and one again; and each of them has learned something of each host."""
        hosts = [next(hosts_of(number)) for number in range(WORKERS)]
        for sent, workers in enumerate((1, 4, 2, 1)):
            self.serve_with(workers)
            server = self.start()
            for host in hosts:
                self.assertGreaterEqual(self.good(host), sent * 0.9, (workers, host))
            for host in hosts:
                with From(self.port, host) as client:
                    client.sendmail("me@example.com", ["ann@example.org"], CONTENT)
            for host in hosts:
                self.until(lambda host=host, least=sent + 0.5: self.good(host) > least, f"mail of {host}")  # type: ignore[misc]
            server.stop()
            files = sorted(path.name for path in self.data.glob("store*.sqlite"))
            of_workers = [f"store-{number}-of-{workers}.sqlite" for number in range(workers)] if workers > 1 else []
            self.assertEqual(files, [*of_workers, "store.sqlite"])
