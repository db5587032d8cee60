"""How a session behaves: what it may do wrong before it is hung up on. Counts that nothing clears, neither RSET nor a good message.

    bad recipient    an address that is not there, or of a domain that is not ours, each once. Each mailbox that is accepted makes
                     up for one, so that a newsletter with some dead addresses passes
    RSET abuse       RSET that throws away a transaction with bad recipients, not named before, in which nobody was accepted, or
                     RSET behind RSET. Bounces to one forged address are none. Habit is free: before MAIL, between messages, one
                     behind a transaction that was given up, a keep-alive at a slow pace
    unknown command  a word that is no command of SMTP; who speaks another protocol is gone by the first line (smtp.command)
    syntax error     a command that is malformed
    empty message    one without an octet
    bad password     an AUTH that failed
    early talk       before the greeting, and commands behind the first EHLO before PIPELINING was offered: once is too often

What is said is 421: the peer tries elsewhere, or later, what it had in mind to send, and its postmaster reads why. Each limit has
a value in calm, under load and under attack (`policy.posture`). One that is in shadow is told, once in a session, and hangs up on
nobody.
"""

from collections.abc import Callable, Sequence
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime

from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, Verdict
from twistedmx.policy.conduct_settings import REASONS, ConductSettings
from twistedmx.policy.posture import Posture
from twistedmx.policy.transaction import Transaction
from twistedmx.smtp.reply import Reply, reply, with_id

BAD: Final = (Reason.UNKNOWN_MAILBOX, Reason.NOT_OURS)
_REMEMBERED: Final = 1000  # mailboxes that make up for bad recipients
_NAMED_BEFORE: Final = 32  # bad recipients that are known again; of more, each counts
# Slower than this, RSET behind RSET keeps a connection alive and does no harm.
_SLOW: Final = 10.0
_CALM: Final = Posture.CALM
_STAGES: Final = {
    "resets": Stage.MAIL,
    "early_talk": Stage.CONNECT,
    "early_pipelining": Stage.HELO,
    "empty_messages": Stage.MESSAGE,
    "bad_passwords": Stage.HELO,
}


@attrs.frozen(kw_only=True)
class LastWords:
    """Why a session is hung up on, and what it hears. `stage`: about where in it."""

    reply: Reply
    reason: Reason
    stage: Stage = Stage.RCPT


def signed(words: Reply, reason: Reason, session: str) -> LastWords:
    """Those of a limit that knows no sessions, with the id of this one."""
    return LastWords(reply=with_id(words, session), reason=reason)


class Conduct:
    """Of one session, whose name is `session`. Each method tells what happened, and returns the last words if that was too much.

    `tell_shadow`: hears of a limit in shadow that was reached.
    """

    __slots__ = (
        "_accepted",
        "_bad",
        "_bad_now",
        "_clock",
        "_errors",
        "_in_a_row",
        "_in_shadow",
        "_named",
        "_reset_at",
        "_session",
        "_settings",
        "_tell_shadow",
        "_times",
    )

    def __init__(
        self,
        settings: ConductSettings,
        clock: IReactorTime,
        session: str = "",
        tell_shadow: Callable[[LastWords], None] = lambda words: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._session = session
        self._tell_shadow = tell_shadow
        self._bad = 0  # recipients, less those that were made up for
        self._accepted: set[bytes] = set()
        self._named: set[bytes] = set()  # bad recipients
        self._bad_now = False  # the transaction has one that was not named before
        self._errors = 0  # of those that are delayed
        self._times: dict[str, int] = {}  # how often, by limit
        self._in_a_row = 0  # RSETs with nothing between them
        self._reset_at = 0.0
        self._in_shadow: set[str] = set()  # what was told

    # -- recipients --------------------------------------------------------------------------------------------------

    def accepted(self, mailbox: bytes) -> None:
        """A recipient was. One mailbox, however it is spelled and however often, makes up for one only."""
        if mailbox not in self._accepted and len(self._accepted) < _REMEMBERED:
            self._accepted.add(mailbox)
            self._bad -= 1

    def refused(self, verdict: Verdict, address: bytes, posture: Posture = _CALM) -> LastWords | None:
        """A recipient was. Others than bad ones are no fault of who asks: a full mailbox, a look-up that failed."""
        if verdict.reason not in BAD:
            return None
        if len(self._named) < _NAMED_BEFORE:
            if address in self._named:
                # The same again is no guess: a flooded address condemns nobody ([limits] errors is for that).
                return None
            self._named.add(address)
        self._bad_now = True
        self._bad += 1
        too_many = self._bad >= self._settings.bad_recipients[posture]
        return self._last_words("bad_recipients") if too_many else None

    def flooded(self, verdict: Verdict) -> LastWords | None:
        """A recipient was refused for whom so many ask that one more is one too many. The refusal itself is what is said."""
        if not self._settings.flooded_recipients:
            return None
        own = self._settings.words("flooded_recipients", self._session)
        lines = (own,) if own else verdict.reply.lines
        words = reply(verdict.reply.code, verdict.reply.enhanced, *lines, closes=True)
        return self._unless_in_shadow("flooded_recipients", with_id(words, self._session))

    def refuse(self, addresses: Sequence[bytes], posture: Posture = _CALM) -> bool:
        """As `refused` for each of `addresses`, which are unknown, if that is nothing to hang up for, nor to wait for. Else False,
        and nothing is counted."""
        count = len(addresses)
        if self._bad + count >= self._settings.bad_recipients[posture] or self._settings.delay:
            return False
        named = self._named
        before = len(named)
        if before < _NAMED_BEFORE:
            if before + count > _NAMED_BEFORE:
                return False
            named.update(addresses)
            count = len(named) - before
        if count:
            self._bad_now = True
            self._bad += count
        return True

    # -- transactions ------------------------------------------------------------------------------------------------

    def began(self) -> None:
        """MAIL was accepted: the next RSET is not behind another."""
        self._in_a_row = 0
        self._bad_now = False

    def may_reset(self, posture: Posture = _CALM) -> bool:
        """Whether one more RSET is no reason to hang up, whatever it throws away."""
        return self._times.get("resets", 0) + 1 < self._settings.resets[posture]

    def reset(self, transaction: Transaction | None, posture: Posture = _CALM) -> LastWords | None:
        """RSET was said. `transaction`: what it threw away."""
        settings, now = self._settings, self._clock.seconds()
        if transaction is not None:
            # A RSET behind this one is how a client tries whether the session is still there, before it uses it again.
            self._in_a_row = 0
            abuse = not transaction.accepted and (settings.strict or self._bad_now)
        else:
            self._in_a_row = self._in_a_row + 1 if now - self._reset_at < _SLOW else 1
            abuse = settings.strict or self._in_a_row > 1
        self._reset_at = now
        self._bad_now = False
        return self._once_more("resets", posture) if abuse else None

    def reset_after_guesses(self) -> None:
        """As `reset` where `may_reset` allows it and bad recipients went before."""
        self._in_a_row = 0
        self._reset_at = self._clock.seconds()
        if self._bad_now or self._settings.strict:
            self._bad_now = False
            self._times["resets"] = self._times.get("resets", 0) + 1

    def empty_message(self, posture: Posture = _CALM) -> LastWords | None:
        """A message came without an octet."""
        return self._once_more("empty_messages", posture)

    # -- commands ----------------------------------------------------------------------------------------------------

    def unknown_command(self, posture: Posture = _CALM) -> LastWords | None:
        """A word that is none."""
        return self._once_more("unknown_commands", posture)

    def syntax_error(self, posture: Posture = _CALM) -> LastWords | None:
        """A command that is malformed."""
        return self._once_more("syntax_errors", posture)

    def bad_password(self, posture: Posture = _CALM) -> LastWords | None:
        """A user or password was not right."""
        return self._once_more("bad_passwords", posture)

    def foreign_protocol(self) -> LastWords:
        """A line of another protocol. Once is too often, for who speaks it understands no more."""
        words = reply(500, "5.5.1", self._settings.words("foreign_protocol", self._session), closes=True)
        return LastWords(reply=words, reason=Reason.NOT_SMTP)

    def early_talk(self) -> LastWords | None:
        """Octets came before the greeting."""
        return self._last_words("early_talk") if self._settings.early_talk else None

    def early_pipelining(self) -> LastWords | None:
        """Commands came behind the first EHLO or HELO, in its packet."""
        return self._last_words("early_pipelining") if self._settings.early_pipelining else None

    # -- what follows ------------------------------------------------------------------------------------------------

    def delay(self, posture: Posture = _CALM) -> float:
        """Seconds by which the answer to one more error comes later."""
        settings = self._settings
        if not settings.delay:
            return 0.0
        self._errors += 1
        beyond = self._errors - settings.delay_from[posture]
        return min(settings.delay * 2.0 ** min(beyond, 60), settings.delay_most) if beyond >= 0 else 0.0

    def _once_more(self, limit: str, posture: Posture) -> LastWords | None:
        self._times[limit] = times = self._times.get(limit, 0) + 1
        most: tuple[int, ...] = getattr(self._settings, limit)
        return self._last_words(limit) if times >= most[posture] else None

    def _last_words(self, limit: str) -> LastWords | None:
        words = reply(421, "4.7.0", self._settings.words(limit, self._session))
        return self._unless_in_shadow(limit, words)

    def _unless_in_shadow(self, limit: str, words: Reply) -> LastWords | None:
        last = LastWords(reply=words, reason=REASONS[limit], stage=_STAGES.get(limit, Stage.RCPT))
        if limit not in self._settings.shadow:
            return last
        if limit not in self._in_shadow:
            self._in_shadow.add(limit)
            self._tell_shadow(last)
        return None
