"""What workers share, as operators run them: hosts of one network come to all of them, and one blocklist has them."""

import contextlib
import smtplib

from tests.integration.program import Started
from tests.integration.worker_case import WORKERS, From, WorkerCase, hosts_of
from twistedmx.net.steering import worker_of


class ConductTests(WorkerCase):
    def start_open(self) -> Started:
        """Loopback may be blocked like others."""
        self.settings(rest="[blocklist]\nloopback = true\n[reputation]\nprivate = true\n")
        return self.start()

    def guess(self, host: str) -> None:
        """Until it is hung up on."""
        with contextlib.suppress(smtplib.SMTPException, OSError), From(self.port, host) as client:
            client.ehlo()
            client.mail("me@client.example")
            for number in range(100):
                client.rcpt(f"guess{number}@example.org")

    def blocked(self) -> list[str]:
        return [block["network"] for block in self.told("list")["blocks"]]

    def test_guessers_of_one_network_at_all_workers_condemn_it(self) -> None:
        """After five hosts, as in one process; whoever comes from it to any worker hears so, and the log says it once."""
        server = self.start_open()
        for last in range(1, 6):
            self.assertEqual(self.blocked(), [])
            self.guess(f"127.0.9.{last}")
        self.until(self.blocked)
        self.assertEqual(self.blocked(), ["127.0.9.0/24"])
        self.assertGreater(len({worker_of(f"127.0.9.{last}", WORKERS) for last in range(1, 6)}), 1)
        for number in range(WORKERS):
            host = next(hosts_of(number))
            with self.assertRaises(smtplib.SMTPConnectError) as refused:
                From(self.port, host)
            self.assertEqual(refused.exception.smtp_code, 554)
        self.assertEqual(self.told()["blocklist"]["entries"], 1)
        told = self.told("reputation", address="127.0.9.1")
        self.assertEqual(told["network"]["network"], "127.0.9.0/24")
        _, lines = server.stop()
        told = [line for line in lines if "127.0.9.0/24" in line]
        self.assertEqual(len(told), 1, told)

    def test_a_ban_hangs_up_on_sessions_of_every_worker_within_a_moment(self) -> None:
        """And an allowance lets them in again."""
        self.start_open()
        clients = [self.from_host(next(hosts_of(number))) for number in range(WORKERS)]
        for client in clients:
            client.ehlo()
        self.told("ban", networks=["127.0.9.0/24"])
        for client in clients:
            self.assertIn(b"421", client.sock.recv(100))
        self.told("allow", networks=["127.0.9.0/24"])
        for number in range(WORKERS):
            self.until(lambda number=number: self.is_let_in(next(hosts_of(number))))  # type: ignore[misc]

    def is_let_in(self, host: str) -> bool:
        try:
            From(self.port, host).close()
        except smtplib.SMTPConnectError:
            return False
        return True
