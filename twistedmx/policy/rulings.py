"""What policies have said in one session: told as events, within a bound, whatever the peer does.

Of each kind (in earnest or in shadow, by policy, stage, action and reason) the first is told at once, and all others together when
the session ends: a line of the log for each refusal is what an attack should not be able to ask for.
"""

from typing import Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from twistedmx.model.context import Context
from twistedmx.model.event import PolicyRefused, VerdictInShadow
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Action, Reason, Verdict
from twistedmx.ports import Ports

# Checks in shadow that a session does not wait for: beyond so many unanswered ones it makes no more of them.
_AT_ONCE: Final = 8

Kind = type[PolicyRefused] | type[VerdictInShadow]


@attrs.frozen(kw_only=True)
class Ruling:
    """A verdict with who gave it, and where. `policy`: its name in the settings."""

    policy: str
    stage: Stage
    verdict: Verdict


NOTHING_SAID: Final = Ruling(policy="", stage=Stage.CONNECT, verdict=CONTINUE)


class Rulings:
    """Of one session."""

    __slots__ = ("_ports", "_untold", "_waiting")

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        # By kind: how many are untold, and what the last of them was.
        self._untold: dict[tuple[Kind, str, Stage, Action, Reason], tuple[int, Ruling, Context]] = {}
        self._waiting: set[Deferred[Verdict]] = set()

    def refused(self, ruling: Ruling, context: Context) -> None:
        """The peer hears it. `context`: of the moment."""
        self._add(PolicyRefused, ruling, context)

    def has_room(self) -> bool:
        """Whether a check in shadow may be made."""
        return len(self._waiting) < _AT_ONCE

    def in_shadow(self, answer: Verdict | Deferred[Verdict], policy: str, context: Context) -> None:
        """Nobody hears it. An answer that is not there yet is not waited for."""
        if isinstance(answer, Verdict):
            self._judged(answer, policy, context)
            return
        self._waiting.add(answer)
        answer.addBoth(self._came, answer, policy, context)

    def _came(self, result: Verdict | Failure, answer: Deferred[Verdict], policy: str, context: Context) -> None:
        self._waiting.discard(answer)
        if isinstance(result, Failure):
            result.trap(CancelledError)  # the session has ended: the only way to fail
        else:
            self._judged(result, policy, context)

    def _judged(self, verdict: Verdict, policy: str, context: Context) -> None:
        if verdict.refuses:
            self._add(VerdictInShadow, Ruling(policy=policy, stage=context.stage, verdict=verdict), context)

    def _add(self, kind: Kind, ruling: Ruling, context: Context) -> None:
        key = kind, ruling.policy, ruling.stage, ruling.verdict.action, ruling.verdict.reason
        untold = self._untold.get(key)
        if untold is None:
            self._untold[key] = 0, ruling, context
            self._tell(kind, ruling, context, 1)
        else:
            self._untold[key] = untold[0] + 1, ruling, context

    def tell_all(self) -> None:
        """What is untold; from then on it is as if nothing had been told yet."""
        untold, self._untold = self._untold, {}
        for (kind, *_), (count, ruling, context) in untold.items():
            if count:
                self._tell(kind, ruling, context, count)

    def ended(self) -> None:
        """The session is gone, and what was asked is asked no more."""
        for answer in list(self._waiting):
            answer.cancel()
        self.tell_all()

    def _tell(self, kind: Kind, ruling: Ruling, context: Context, count: int) -> None:
        ports = self._ports
        ports.events.tell(
            kind(
                at=ports.now(),
                session=context.session,
                peer=context.peer,
                helo=context.helo,
                tls=context.tls,
                stage=ruling.stage,
                policy=ruling.policy,
                verdict=ruling.verdict,
                reverse_path=context.reverse_path,
                recipient=context.recipient,
                count=count,
            )
        )
