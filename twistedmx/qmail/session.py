"""A session in qmail-smtpd's dialect: its grammar (`dialect`), and its words in the place of ours (`words`)."""

from collections.abc import Mapping
from typing import Any, Final

from twistedmx.qmail import words
from twistedmx.smtp import codes
from twistedmx.smtp.auth import AuthSession
from twistedmx.smtp.command import Auth, Command, Refusal
from twistedmx.smtp.dialect import Dialect
from twistedmx.smtp.parameters import MailParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.phase import TRANSACTION
from twistedmx.smtp.reply import Reply

# An address may have any octets, announced or not.
_ANY_OCTETS: Final = MailParameters(smtputf8=True)


class QmailSession(AuthSession):
    """`by_ours`: words of ours, and what is said instead."""

    __slots__ = ("_words", "dialect")

    def __init__(self, dialect: Dialect, by_ours: Mapping[Reply, Reply], **how: Any) -> None:
        self.dialect = dialect
        self._words = by_ours
        super().__init__(**how)

    def begin(self, reverse_path: Path, parameters: MailParameters) -> None:
        super().begin(reverse_path, _ANY_OCTETS)

    def reply(self, reply: Reply) -> bytes:
        super().reply(reply)
        return self._said(reply)

    def say(self, words_: Reply) -> bytes:
        super().say(words_)
        return self._said(words_)

    def _said(self, reply: Reply) -> bytes:
        return self._words.get(reply, reply).octets

    def _refusal_of(self, command: Command | Refusal) -> Reply | None:
        refusal = super()._refusal_of(command)
        return None if refusal is codes.UNKNOWN_PARAMETER else refusal  # qmail-smtpd knows no difference to HELO

    def _check_auth(self, auth: Auth) -> Reply | None:
        """In the order of the patched qmail-smtpd.c, which wants no HELO."""
        if not self._mechanisms:
            return words.NO_AUTH
        if self.authenticated:
            return codes.AUTH_TWICE
        if self.phase in TRANSACTION:
            return codes.AUTH_IN_TRANSACTION
        if not (self._secure or self._plain_text):
            return codes.TLS_FIRST
        return None if auth.mechanism in self._mechanisms else codes.UNKNOWN_MECHANISM
