"""How a session behaves: what it may do wrong before it is hung up on. Counts that nothing clears, neither RSET nor a good message.

    bad recipient   an address that is not there, or of a domain that is not ours, each once. Each mailbox that is accepted makes up
                    for one, so that a newsletter with some dead addresses passes
    RSET abuse      RSET that throws away a transaction with bad recipients in which nobody was accepted, or RSET behind RSET. Habit
                    is free: before MAIL, between messages, one behind a transaction that was given up, a keep-alive at a slow pace
    unknown command a word that is no command of SMTP; who speaks another protocol is gone by the first line (smtp.command)

What is said is 421: the peer tries elsewhere, or later, what it had in mind to send, and its postmaster reads why.
"""

from collections.abc import Sequence
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime

from twistedmx.model.verdict import Reason, Verdict
from twistedmx.policy.transaction import Transaction
from twistedmx.setting import at_least, setting
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply

_BAD: Final = (Reason.UNKNOWN_MAILBOX, Reason.NOT_OURS)
_REMEMBERED: Final = 1000  # mailboxes that make up for bad recipients
_NAMED_BEFORE: Final = 32  # bad recipients that are known again; of more, each counts
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
        5,
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

    __slots__ = (
        "_accepted",
        "_bad",
        "_bad_now",
        "_clock",
        "_in_a_row",
        "_left",
        "_reset_at",
        "_resets",
        "_settings",
        "_unknown_commands",
    )

    def __init__(self, settings: ConductSettings, clock: IReactorTime) -> None:
        self._settings = settings
        self._clock = clock
        self._left = settings.bad_recipients  # that may still be named
        self._accepted: set[bytes] = set()
        self._bad: set[bytes] = set()
        self._bad_now = False  # the transaction has one
        self._resets = 0
        self._in_a_row = 0  # RSETs with nothing between them
        self._reset_at = 0.0
        self._unknown_commands = 0

    def accepted(self, mailbox: bytes) -> None:
        """A recipient was. One mailbox, however it is spelled and however often, makes up for one only."""
        if mailbox not in self._accepted and len(self._accepted) < _REMEMBERED:
            self._accepted.add(mailbox)
            self._left += 1

    def refused(self, verdict: Verdict, address: bytes) -> Reply | None:
        """A recipient was. Others than bad ones are no fault of who asks: a full mailbox, a look-up that failed."""
        if verdict.reason not in _BAD:
            return None
        self._bad_now = True
        if len(self._bad) < _NAMED_BEFORE:
            if address in self._bad:
                return (
                    None  # the same again is no guess: a flooded address condemns nobody ([limits] errors is for that)
                )
            self._bad.add(address)
        self._left -= 1
        return codes.TOO_MANY_BAD_RECIPIENTS if self._left <= 0 else None

    def refuse(self, addresses: Sequence[bytes]) -> bool:
        """As `refused` for each of `addresses`, which are unknown, if that is nothing to hang up for. Else False, and nothing is
        counted."""
        count = len(addresses)
        if self._left <= count:
            return False
        bad = self._bad
        named = len(bad)
        if named < _NAMED_BEFORE:
            if named + count > _NAMED_BEFORE:
                return False
            bad.update(addresses)
            count = len(bad) - named
        self._bad_now = True
        self._left -= count
        return True

    def may_reset(self) -> bool:
        """Whether one more RSET is no reason to hang up, whatever it throws away."""
        return self._resets + 1 < self._settings.resets

    def reset(self, transaction: Transaction | None) -> Reply | None:
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
        if abuse:
            self._resets += 1
        return codes.TOO_MANY_RESETS if self._resets >= settings.resets else None

    def began(self) -> None:
        """MAIL was accepted: the next RSET is not behind another."""
        self._in_a_row = 0
        self._bad_now = False

    def unknown_command(self) -> Reply | None:
        """A word that is none."""
        self._unknown_commands += 1
        return codes.TOO_MANY_UNKNOWN if self._unknown_commands >= self._settings.unknown_commands else None
