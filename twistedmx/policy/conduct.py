"""How a session behaves: what it may do wrong before it is hung up on. Counts that nothing clears, neither RSET nor a good message.

    bad recipient   a RCPT for a mailbox that is not there, or for a domain that is not ours. Each other recipient that is
                    accepted makes up for one, so that a newsletter with some dead addresses passes
    RSET abuse      RSET that throws away a transaction in which recipients were refused and nobody was accepted, or RSET behind
                    RSET. Habit is free: RSET before MAIL, between messages, or as a keep-alive at a slow pace
    unknown command a word that is no command of SMTP; who speaks another protocol is gone by the first line (smtp.command)

What is said is 421: the peer tries elsewhere, or later, what it had in mind to send, and its postmaster reads why.
"""

from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime

from twistedmx.model.verdict import Reason, Verdict
from twistedmx.policy.transaction import Transaction
from twistedmx.setting import at_least, setting
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply

_BAD: Final = (Reason.UNKNOWN_MAILBOX, Reason.NOT_OURS)
# Recipients that make up for bad ones, each once; more are not remembered.
_MADE_UP: Final = 1000
# Slower than this, RSET behind RSET keeps a connection alive and does no harm.
_SLOW: Final = 10.0


@attrs.frozen(kw_only=True)
class ConductSettings:
    """Settings `[conduct]`. None of them shrinks under load or under attack yet."""

    bad_recipients: int = setting(
        10,
        unit="recipients",
        why="So many unknown or foreign recipients in a session, more than were accepted, and it hears 421 and is hung up on.",
        precedent="Postfix smtpd_hard_error_limit 20, Stalwart 5, Exim's example 10 and more than half",
        validator=at_least(1),
    )
    resets: int = setting(
        3,
        unit="RSETs",
        why="So many that throw away refused recipients, or come behind another RSET, and the session ends with 421.",
        precedent="none: Exim allows one RSET a message, Postfix counts it with NOOP (limit 100)",
        validator=at_least(1),
    )
    strict: bool = setting(
        False,
        unit="",
        why="Every RSET counts that ends no transaction in which somebody was accepted. Hits clients that send it as a habit.",
        precedent="a patched qmail-smtpd that answers RSET 502 and hangs up, and lost Eudora's users",
    )
    unknown_commands: int = setting(
        5,
        unit="commands",
        why="So many words that are no commands of SMTP, and the session ends with 421.",
        precedent="Exim smtp_max_unknown_commands 3",
        validator=at_least(1),
    )


class Conduct:
    """Of one session. Each method tells what happened, and returns the last words if that was too much."""

    __slots__ = ("_accepted", "_clock", "_left", "_reset_at", "_resets", "_settings", "_unknown_commands")

    def __init__(self, settings: ConductSettings, clock: IReactorTime) -> None:
        self._settings = settings
        self._clock = clock
        self._left = settings.bad_recipients  # that may still be named
        self._accepted: set[bytes] = set()
        self._resets = 0
        self._reset_at: float | None = None  # when the last command but one was RSET as well
        self._unknown_commands = 0

    def accepted(self, address: bytes) -> None:
        """A recipient was. One that is named again and again makes up for one only."""
        if address not in self._accepted and len(self._accepted) < _MADE_UP:
            self._accepted.add(address)
            self._left += 1

    def refused(self, verdict: Verdict) -> Reply | None:
        """A recipient was. Others than bad ones are no fault of who asks: a full mailbox, a look-up that failed."""
        if verdict.reason not in _BAD:
            return None
        self._left -= 1
        return codes.TOO_MANY_BAD_RECIPIENTS if self._left <= 0 else None

    def reset(self, transaction: Transaction | None) -> Reply | None:
        """RSET was said. `transaction`: what it threw away."""
        settings = self._settings
        if transaction is None:
            now, before = self._clock.seconds(), self._reset_at
            self._reset_at = now
            abuse = settings.strict or (before is not None and now - before < _SLOW)
        else:
            self._reset_at = self._clock.seconds()
            abuse = not transaction.accepted and (settings.strict or transaction.refusals.count > 0)
        if abuse:
            self._resets += 1
        return codes.TOO_MANY_RESETS if self._resets >= settings.resets else None

    def began(self) -> None:
        """MAIL was accepted: the next RSET is not behind another."""
        self._reset_at = None

    def unknown_command(self) -> Reply | None:
        """A word that is none."""
        self._unknown_commands += 1
        return codes.TOO_MANY_UNKNOWN if self._unknown_commands >= self._settings.unknown_commands else None
