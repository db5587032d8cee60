"""What chkuser counts in a session: recipients, wrong ones, and how late errors are answered.

All of it lives as long as the session; RSET, MAIL and DATA change nothing (chkuser.c has statics of a process of its own).

    rcpt_limit N          the Nth recipient, good or bad, is refused, and intrusion begins: N - 1 were looked at
    wrong_rcpt_limit N    the Nth wrong one hears what it would have heard, and intrusion begins
    intrusion             each later recipient, good or bad, is refused as one
"""

from twistedmx.qmail.chkuser_cases import LATE, OF_SENDERS, REPLIES, WRONG, Case
from twistedmx.qmail.chkuser_settings import ChkuserSettings


class Counting:
    """Of one session."""

    __slots__ = ("_errors", "_recipients", "_wrong", "threshold")

    def __init__(self) -> None:
        self._recipients = self._wrong = self._errors = 0
        self.threshold: Case | None = None  # RCPT_THRESHOLD or WRONG_RCPT_THRESHOLD, once it is reached

    def refuses(self, settings: ChkuserSettings) -> Case | None:
        """Another recipient comes: INTRUSION or TOO_MANY where it is not even looked at; else None, and it is counted."""
        if self.threshold is not None:
            return Case.INTRUSION
        self._recipients += 1
        if 0 < settings.rcpt_limit <= self._recipients:
            self.threshold = Case.RCPT_THRESHOLD
            return Case.TOO_MANY
        return None

    def takes(self, case: Case, settings: ChkuserSettings) -> Case | None:
        """A recipient ended so: WRONG_RCPT_THRESHOLD where that is now reached."""
        if case not in WRONG:
            return None
        self._wrong += 1
        if self.threshold is None and 0 < settings.wrong_rcpt_limit <= self._wrong:
            self.threshold = Case.WRONG_RCPT_THRESHOLD
            return self.threshold
        return None

    def delay(self, case: Case, settings: ChkuserSettings) -> float:
        """Seconds until `case` is answered. Each error makes the next one later."""
        any_is_late = settings.sender_delay_any if case in OF_SENDERS else settings.rcpt_delay_any
        if REPLIES[case].code < 400 or (case not in LATE and not any_is_late) or not settings.error_delay:
            return 0.0
        seconds = settings.error_delay + settings.error_delay_increase * self._errors
        self._errors += 1
        return min(round(seconds, 6), settings.error_delay_most)

    def hangs_up(self, case: Case, settings: ChkuserSettings) -> bool:
        """Is the session over with this answer?"""
        return (
            case is Case.INTRUSION
            and self.threshold is Case.WRONG_RCPT_THRESHOLD
            and settings.wrong_recipient == "hang-up"
        )
