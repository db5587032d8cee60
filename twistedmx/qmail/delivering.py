"""Where an accepted message goes: to the program of QMAILQUEUE, or to local users by our own delivery.

Whose an address is, is found anew by each who asks: chkuser at RCPT, `goes_with`, `open`, and whom `lspawn` starts, who believes
nobody. It costs some look-ups in memory and in users/cdb, and none of them has to trust what another one remembers.
"""

import os
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from twistedmx.policy.transaction import Transaction
from twistedmx.ports import Incoming
from twistedmx.qmail.call import Call
from twistedmx.qmail.local_delivery import LocalDelivery, Recipient
from twistedmx.qmail.queue_program import DEFAULT, QueuePrograms
from twistedmx.qmail.routes import Local, RoutesOf


class Delivering(Protocol):
    """Of one host."""

    def goes_with(self, address: bytes, others: Sequence[bytes], call: Call) -> bool | Awaitable[bool]:
        """Whether a message for `others`, of an envelope that is accepted so far, can be for `address` as well: one answer stands
        for all of them. Else it is to come in a transaction of its own. Never raises, now or later."""

    def open(self, transaction: Transaction, field: bytes, call: Call, beginning: int) -> Incoming:
        """Begin a message. `field`: our Received. `beginning`: as in `ports.Acceptance.open`. Never raises."""

    def place_of(self, address: bytes, call: Call) -> Mapping[str, str] | Awaitable[Mapping[str, str]]:
        """Where mail for `address` goes, for the operator: {"maildir": a path, "owner": a user or ""}. Never raises, now or
        later."""


def recipients_of(transaction: Transaction) -> list[bytes]:
    """As they stand in the envelope."""
    return [recipient.destinations[0].address for recipient in transaction.accepted]


class ByQueue:
    """Each message is the queue program's."""

    def __init__(self, programs: QueuePrograms) -> None:
        self._programs = programs

    def goes_with(self, address: bytes, others: Sequence[bytes], call: Call) -> bool:
        return True

    def open(self, transaction: Transaction, field: bytes, call: Call, beginning: int) -> Incoming:
        return self._programs.open(
            program=call.fact(b"QMAILQUEUE") or DEFAULT,
            reverse_path=transaction.reverse_path.address,
            recipients=recipients_of(transaction),
            received=field,
            environment=dict(call.environment),
            error_fd=call.fact(b"ERROR_FD"),
            beginning=beginning,
            tell=call.tell,
        )

    def place_of(self, address: bytes, call: Call) -> Mapping[str, str]:
        return {"maildir": os.fsdecode(call.fact(b"QMAILQUEUE") or DEFAULT), "owner": ""}


class ByOurselves:
    """Local recipients by `local`; those of other hosts, whom only some may send to, by `queue`, which may not be there: then they
    hear what it says."""

    def __init__(self, local: LocalDelivery, queue: ByQueue) -> None:
        self._local = local
        self._queue = queue
        self._routes = RoutesOf()

    def _find(self, address: bytes, call: Call) -> Local | None:
        route = self._routes(call.terms.controls).find(address)
        return route if isinstance(route, Local) else None

    def goes_with(self, address: bytes, others: Sequence[bytes], call: Call) -> bool | Awaitable[bool]:
        if not others:
            return True
        route, first = self._find(address, call), self._find(others[0], call)
        if route is None or first is None:
            return route is first
        return self._local.are_plain((route.local, first.local))

    def open(self, transaction: Transaction, field: bytes, call: Call, beginning: int) -> Incoming:
        routes = [self._find(address, call) for address in recipients_of(transaction)]
        local = [Recipient(local=route.local, host=route.domain) for route in routes if route is not None]
        if not local:
            return self._queue.open(transaction, field, call, beginning)
        return self._local.open(local, sender=transaction.reverse_path.address, trace=field, beginning=beginning)

    def place_of(self, address: bytes, call: Call) -> Mapping[str, str] | Awaitable[Mapping[str, str]]:
        route = self._find(address, call)
        return self._queue.place_of(address, call) if route is None else self._local.place_of(route.local)
