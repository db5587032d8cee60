"""A transaction as qmail-smtpd has it: what counts as a hop, and how long a message is (qmail-smtpd.c)."""

from twistedmx.policy.transaction import Transaction
from twistedmx.smtp.header import TraceScan
from twistedmx.smtp.parameters import MailParameters
from twistedmx.smtp.path import Path


class HopScan(TraceScan):
    """Each line of the header that begins with "received" or "delivered" is a hop, colon or not: Received-SPF is one, too."""

    __slots__ = ()

    def _count(self, text: bytes) -> None:
        self.received += text.count(b"\nreceived") + text.count(b"\ndelivered")


class QmailTransaction(Transaction):
    """Whether a mailbox has had the message before is seen by who delivers it, qmail-local or what stands for it. `too_large`: more
    octets came than databytes has room for, and are thrown away."""

    __slots__ = ("too_large",)

    def __init__(self, session: str, number: int, reverse_path: Path, parameters: MailParameters, since: float) -> None:
        super().__init__(session, number, reverse_path, parameters, since)
        self.too_large = False

    @property
    def scan(self) -> TraceScan:
        if self._scan is None:
            self._scan = HopScan()
        return self._scan

    def loops(self, hops: int) -> bool:
        scan = self.scan
        scan.end()
        return scan.received >= hops
