"""What is told of one session: who is there, and how its transactions came to their ends, as events.

Transactions in which nobody was accepted are told together: one event for each refused RCPT would cost as much as the rest of
it (benchmarks/facts.py), and one line of the log for each is what an attack should not be able to ask for.
"""

from itertools import chain, cycle, islice, product
from typing import Final

from twistedmx.model.beginning import NOTHING, Beginning
from twistedmx.model.event import (
    CommandRefused,
    NobodyAccepted,
    SessionEnded,
    SessionOpened,
    TlsEstablished,
    TransactionEnded,
    VerdictInShadow,
)
from twistedmx.model.login import Login
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, Verdict, verdict
from twistedmx.policy.conduct import LastWords
from twistedmx.policy.guesses import Guesses
from twistedmx.policy.refusals import refused
from twistedmx.policy.transaction import Transaction
from twistedmx.policy.untold import Untold
from twistedmx.ports import Ports
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Session

# Pairs of digits and letters without vowels, for there shall be no words: 1024 of them, some twice.
_PAIRS: Final = tuple(islice(cycle(map("".join, product("0123456789BCDFGHJKLMNPQRSTVWXYZ", repeat=2))), 1024))
# They are told when they and the recipients that were refused in them are so many, or when `Untold` says so: to tell each
# session's guesses once a second cost a sixteenth more than once in four (benchmarks, reject-580).
_TOGETHER: Final = 250
CONDUCT: Final = "conduct"  # among the policies that are in shadow


class Account:
    """`id`: the session's name. `peer`, `helo`, `tls`: who is there, as far as it is known by now; changed by `introduced` and
    `secured`. `login`: who the client has shown himself to be; they may end it. `transactions`: MAILs that were accepted;
    `reverse_path`: of the last. `refused_recipients`: RCPTs that were not.
    """

    __slots__ = (
        "_flooded_only",
        "_fruitless",
        "_ports",
        "_refused",
        "_since",
        "_untold",
        "_untold_number",
        "helo",
        "id",
        "login",
        "peer",
        "refused_recipients",
        "reverse_path",
        "tls",
        "transactions",
    )

    def __init__(self, ports: Ports, untold: Untold, peer: Peer) -> None:
        self._ports = ports
        self._untold = untold
        self._since = ports.clock.seconds()
        self._fruitless: list[Transaction | Guesses] = []  # nobody was accepted in them, and they are not told yet
        self._untold_number = 0  # of them, with their recipients
        self._flooded_only = True  # nothing but flooded addresses was asked for in any transaction
        # Commands that fixed steps refused, by kind: how many are untold, and what the last of them was. Made when there is one.
        self._refused: dict[tuple[Stage, Reason], tuple[int, Verdict, Path | None]] | None = None
        chance, pairs = ports.chance.getrandbits(50), _PAIRS
        self.id = (
            f"{pairs[chance & 1023]}{pairs[chance >> 10 & 1023]}{pairs[chance >> 20 & 1023]}"
            f"{pairs[chance >> 30 & 1023]}{pairs[chance >> 40]}"
        )
        self.peer = peer
        self.helo = ""
        self.tls: Tls | None = None
        self.login: Login | None = None
        self.transactions = 0
        self.refused_recipients = 0
        self.reverse_path: Path | None = None

    @property
    def seconds(self) -> float:
        """How long it has been there."""
        return self._ports.clock.seconds() - self._since

    def opened(self) -> None:
        """The peer was let in."""
        self._ports.events.tell(SessionOpened(at=self._ports.now(), session=self.id, peer=self.peer))

    def introduced(self, helo: str, peer: Peer | None = None) -> None:
        """The client says its name; a proxy says who the client is."""
        if helo != self.helo or peer is not None:
            self.tell_gathered()  # they were another's
        if peer is not None:
            self._tell_refused()
            self.login = None
        self.helo = helo
        self.peer = peer or self.peer

    def secured(self, tls: Tls) -> None:
        """TLS is there: what the peer said before is forgotten (RFC 3207 4.2)."""
        self.introduced("")
        self.tls, self.login = tls, None
        self._ports.events.tell(TlsEstablished(at=self._ports.now(), session=self.id, peer=self.peer, tls=tls))

    def over(
        self,
        transaction: Transaction,
        decided: Verdict | None,
        reason: Reason,
        octets: int,
        beginning: Beginning = NOTHING,
    ) -> None:
        """A transaction is. `decided`: of its content, or None when it never came to that. `octets`: of content; `beginning`: of
        one that was refused."""
        if self._flooded_only and not transaction.is_flooded:
            self._flooded_only = False
        if not transaction.accepted:
            self._fruitless.append(transaction)
            self._gathered(1 + transaction.refusals.count, ends=reason is not Reason.ABANDONED)
            return
        ports = self._ports
        ports.events.tell(
            TransactionEnded(
                at=ports.now(),
                session=self.id,
                queue_id=transaction.queue_id,
                peer=self.peer,
                helo=self.helo,
                tls=self.tls,
                envelope=transaction.envelope,
                refused=refused([transaction.refusals]),
                verdict=decided,
                reason=reason,
                octets=octets,
                seconds=ports.clock.seconds() - transaction.since,
                detail=decided.detail if decided is not None else "",
                beginning=beginning,
            )
        )

    def refused(self, stage: Stage, decided: Verdict, reverse_path: Path | None = None) -> None:
        """MAIL or DATA was, by a fixed step; the peer hears it. `reverse_path`: where it is known."""
        if self._refused is None:
            self._refused = {}
        kind = stage, decided.reason
        untold = self._refused.get(kind)
        if untold is None:
            self._refused[kind] = 0, decided, reverse_path
            self._tell_command(stage, decided, reverse_path, 1)
        else:
            self._refused[kind] = untold[0] + 1, decided, reverse_path

    def guessed(self, reverse_path: Path, addresses: list[bytes]) -> None:
        """A transaction began, all of `addresses` were unknown, and it was abandoned."""
        self.transactions += 1
        self.reverse_path = reverse_path
        self.refused_recipients += len(addresses)
        self._flooded_only = False
        fruitless = self._fruitless
        if fruitless and type(fruitless[-1]) is Guesses:
            fruitless[-1].add(reverse_path, addresses)
        else:
            fruitless.append(Guesses(reverse_path, addresses))
        self._gathered(1 + len(addresses), ends=False)

    def _gathered(self, number: int, *, ends: bool) -> None:
        """So many more are to be told. `ends`: so does the session, where all is told."""
        self._untold_number += number
        if self._untold_number >= _TOGETHER:
            self.tell_gathered()
        elif self._untold_number == number and not ends:  # the first of them; what ends is told at once
            self._untold.gather(self)

    def tell_shadow(self, last: LastWords) -> None:
        """Conduct would have hung up, were its limit not in shadow."""
        decided = verdict(last.reply, last.reason)
        self._ports.events.tell(
            VerdictInShadow(
                at=self._ports.now(),
                session=self.id,
                peer=self.peer,
                helo=self.helo,
                stage=last.stage,
                policy=CONDUCT,
                verdict=decided,
                reverse_path=self.reverse_path,
                recipient=None,
                count=1,
            )
        )

    def ended(self, session: Session, reason: Reason, words: Reply | None = None) -> None:
        """The connection is gone. `session`: whose counts are told. `words`: our last ones, if any were sent."""
        self.tell_gathered()
        self._tell_refused()
        ports = self._ports
        ports.events.tell(
            SessionEnded(
                at=ports.now(),
                session=self.id,
                peer=self.peer,
                helo=self.helo,
                tls=self.tls,
                reason=reason,
                seconds=self.seconds,
                commands=session.commands,
                transactions=self.transactions,
                messages=session.messages,
                refused_recipients=self.refused_recipients,
                errors=session.errors,
                flooded=self._flooded_only and self.transactions > 0,
                verbs=session.verbs,
                pipelined=session.pipelined,
                words=words,
            )
        )

    def _tell_refused(self) -> None:
        """What is untold of refused commands; from then on it is as if nothing had been told yet."""
        if self._refused is None:
            return
        untold, self._refused = self._refused, None
        for (stage, _), (count, decided, reverse_path) in untold.items():
            if count:
                self._tell_command(stage, decided, reverse_path, count)

    def _tell_command(self, stage: Stage, decided: Verdict, reverse_path: Path | None, count: int) -> None:
        self._ports.events.tell(
            CommandRefused(
                at=self._ports.now(),
                session=self.id,
                peer=self.peer,
                helo=self.helo,
                tls=self.tls,
                stage=stage,
                verdict=decided,
                reverse_path=reverse_path,
                count=count,
            )
        )

    def tell_gathered(self) -> None:
        """Of the transactions in which nobody was accepted, if there are any."""
        if not self._fruitless:
            return
        self._untold.forget(self)
        fruitless, self._fruitless, self._untold_number = self._fruitless, [], 0
        flooded = [transaction for transaction in fruitless if transaction.flooded and transaction.is_flooded]
        if flooded:
            self._tell_nobody(flooded, flooded=True)
            fruitless = [transaction for transaction in fruitless if not transaction.is_flooded]
        if fruitless:
            self._tell_nobody(fruitless, flooded=False)

    def _tell_nobody(self, transactions: list[Transaction | Guesses], *, flooded: bool) -> None:
        ports = self._ports
        ports.events.tell(
            NobodyAccepted(
                at=ports.now(),
                session=self.id,
                peer=self.peer,
                helo=self.helo,
                tls=self.tls,
                transactions=sum(transaction.transactions for transaction in transactions),
                reverse_paths=tuple(dict.fromkeys(chain(*(transaction.reverse_paths for transaction in transactions)))),
                refused=refused(transaction.refusals for transaction in transactions),
                flooded=flooded,
            )
        )
