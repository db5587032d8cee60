"""One transaction: the envelope as it grows, and the copies that its message becomes (RFC 5321 3.3)."""

from typing import Final

from twistedmx.model.envelope import Envelope, Recipient
from twistedmx.model.mailbox import Destination
from twistedmx.model.storage import Copy
from twistedmx.model.verdict import Action, Reason
from twistedmx.policy.recipient import Decision
from twistedmx.ports import Incoming
from twistedmx.smtp import trace
from twistedmx.smtp.command import Mail, Rcpt
from twistedmx.smtp.header import TraceScan

# Refused recipients that are remembered by name; the rest is counted. A peer cannot make us hold more.
_REMEMBERED: Final = 100


class _Number:
    """How many recipients that are not remembered by name."""

    __slots__ = ("action", "of")

    def __init__(self, action: Action) -> None:
        self.action = action
        self.of = 0


class Transaction:
    """From an accepted MAIL to its end; replaced by the next, never cleared.

    `queue_id`: its name in replies, trace fields and log. `since`: monotonic seconds. `refused_count`: recipients that were
    not accepted. `incoming`: the message on its way to the disk, once DATA or BDAT came, unless there
    was `no_room`. `scan`: what its header tells.
    """

    __slots__ = (
        "_accepted",
        "_others",
        "_refused",
        "_scan",
        "incoming",
        "mail",
        "no_room",
        "queue_id",
        "refused_count",
        "since",
    )

    def __init__(self, queue_id: str, mail: Mail, since: float) -> None:
        self.queue_id = queue_id
        self.mail = mail
        self.since = since
        self._accepted: list[Recipient] = []
        self._refused: list[tuple[Rcpt, Decision]] = []
        self._others: dict[Reason, _Number] = {}
        self.refused_count = 0
        self.incoming: Incoming | None = None
        self.no_room = False
        self._scan: TraceScan | None = None

    @property
    def scan(self) -> TraceScan:
        """Made when content comes."""
        if self._scan is None:
            self._scan = TraceScan()
        return self._scan

    @property
    def envelope(self) -> Envelope:
        """As it stands."""
        parameters = self.mail.parameters
        return Envelope(
            reverse_path=self.mail.reverse_path,
            recipients=tuple(self._accepted),
            body=parameters.body,
            smtputf8=parameters.smtputf8,
            ret=parameters.ret,
            envid=parameters.envid,
        )

    @property
    def refused(self) -> tuple[Recipient, ...]:
        """Those that were not accepted, the first hundred."""
        return tuple(_recipient(command, decision) for command, decision in self._refused)

    @property
    def refused_others(self) -> tuple[tuple[Action, Reason, int], ...]:
        """How many more, by what was decided."""
        return tuple((number.action, reason, number.of) for reason, number in self._others.items())

    def add(self, command: Rcpt, decision: Decision) -> None:
        """A recipient was accepted or refused."""
        if decision[1]:
            self._accepted.append(_recipient(command, decision))
            return
        self.refused_count += 1
        if self.refused_count <= _REMEMBERED:
            self._refused.append((command, decision))  # made a Recipient only for who asks: guesses come by thousands
        else:
            verdict = decision[0]
            number = self._others.get(verdict.reason)
            if number is None:
                number = self._others[verdict.reason] = _Number(verdict.action)
            number.of += 1

    def destinations(self) -> list[Destination]:
        """Where copies go: two recipients with one Maildir get one."""
        by_maildir: dict[str, Destination] = {}
        for recipient in self._accepted:
            for destination in recipient.destinations:
                by_maildir.setdefault(destination.maildir, destination)
        return list(by_maildir.values())

    def copies(self, received: bytes) -> list[Copy]:
        """Each with the trace fields above it: whose bounce, whose copy, and `received`: which way."""
        above = trace.return_path(self.mail.reverse_path)
        return [
            Copy(maildir=to.maildir, trace=above + trace.delivered_to(to.address) + received, owner=to.owner)
            for to in self.destinations()
        ]

    def loops(self, hops: int) -> bool:
        """RFC 5321 6.3: the message passed too many hosts, or one of these mailboxes has had it before (RFC 9228)."""
        self.scan.end()
        return self.scan.received >= hops or any(
            to.address.lower() in self.scan.delivered_to for to in self.destinations()
        )


def _recipient(command: Rcpt, decision: Decision) -> Recipient:
    verdict, destinations = decision
    return Recipient(
        path=command.forward_path,
        verdict=verdict,
        destinations=destinations,
        notify=command.parameters.notify,
        original=command.parameters.original,
    )
