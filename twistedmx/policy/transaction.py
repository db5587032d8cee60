"""One transaction: the envelope as it grows, and the copies that its message becomes (RFC 5321 3.3)."""

from collections.abc import Sequence

from twistedmx.model.envelope import Envelope, Recipient
from twistedmx.model.mailbox import Destination
from twistedmx.model.storage import Copy
from twistedmx.policy.recipient import Decision
from twistedmx.policy.refusals import Refusals
from twistedmx.ports import Incoming
from twistedmx.smtp import trace
from twistedmx.smtp.header import TraceScan
from twistedmx.smtp.parameters import MailParameters, RcptParameters
from twistedmx.smtp.path import Path


def envelope_of(reverse_path: Path, parameters: MailParameters, recipients: tuple[Recipient, ...] = ()) -> Envelope:
    """The one that a MAIL with these began, with its recipients so far."""
    return Envelope(
        reverse_path=reverse_path,
        recipients=recipients,
        body=parameters.body,
        smtputf8=parameters.smtputf8,
        ret=parameters.ret,
        envid=parameters.envid,
    )


class Transaction:
    """From an accepted MAIL to its end; replaced by the next, never cleared.

    `session`, `number`: whose, and the how many-th of it. `since`: monotonic seconds. `accepted`: recipients; `refusals`: those
    that were not, of which so many `flooded` addresses. `incoming`: the message on its way to the disk, once DATA or BDAT came,
    unless there was `no_room`. `written`: octets of content so far, with LF ends, whether there was room for them or not.
    `scan`: what its header tells.
    """

    __slots__ = (
        "_scan",
        "accepted",
        "flooded",
        "incoming",
        "no_room",
        "number",
        "parameters",
        "refusals",
        "reverse_path",
        "session",
        "since",
        "written",
    )

    transactions = 1

    def __init__(self, session: str, number: int, reverse_path: Path, parameters: MailParameters, since: float) -> None:
        self.session = session
        self.number = number
        self.reverse_path = reverse_path
        self.parameters = parameters
        self.since = since
        self.accepted: list[Recipient] = []
        self.refusals = Refusals()
        self.flooded = 0
        self.incoming: Incoming | None = None
        self.no_room = False
        self.written = 0
        self._scan: TraceScan | None = None

    @property
    def is_flooded(self) -> bool:
        """Whether flooded addresses were asked for, and nothing else."""
        return 0 < self.flooded == self.refusals.count and not self.accepted

    @property
    def reverse_paths(self) -> Sequence[Path]:
        return (self.reverse_path,)

    @property
    def queue_id(self) -> str:
        """Its name in replies, trace fields and log."""
        return f"{self.session}.{self.number}"

    @property
    def scan(self) -> TraceScan:
        """Made when content comes."""
        if self._scan is None:
            self._scan = TraceScan()
        return self._scan

    @property
    def envelope(self) -> Envelope:
        """As it stands."""
        return envelope_of(self.reverse_path, self.parameters, tuple(self.accepted))

    def accept(self, path: Path, parameters: RcptParameters, decision: Decision) -> None:
        """A recipient has a mailbox."""
        verdict, destinations = decision
        recipient = Recipient(
            path=path,
            verdict=verdict,
            destinations=destinations,
            notify=parameters.notify,
            original=parameters.original,
        )
        self.accepted.append(recipient)

    def destinations(self) -> Sequence[Destination]:
        """Where copies go: two recipients with one Maildir get one."""
        if len(self.accepted) == 1:
            return self.accepted[0].destinations  # each Maildir once, says the look-up
        by_maildir: dict[str, Destination] = {}
        for recipient in self.accepted:
            for destination in recipient.destinations:
                by_maildir.setdefault(destination.maildir, destination)
        return list(by_maildir.values())

    def copies(self, received: bytes) -> list[Copy]:
        """Each with the trace fields above it: whose bounce, whose copy, and `received`: which way."""
        above = trace.return_path(self.reverse_path)
        return [
            Copy(maildir=to.maildir, trace=above + trace.delivered_to(to.address) + received, owner=to.owner)
            for to in self.destinations()
        ]

    def loops(self, hops: int) -> bool:
        """RFC 5321 6.3: the message passed too many hosts, or one of these mailboxes has had it before (RFC 9228)."""
        scan = self.scan
        scan.end()
        if scan.received >= hops:
            return True
        before = scan.delivered_to
        return bool(before) and any(to.address.lower() in before for to in self.destinations())
