"""A session in qmail-smtpd's dialect: its grammar (`dialect`), and its words in the place of ours (`words`)."""

from collections.abc import Mapping
from typing import Any, Final

from twistedmx.qmail.words import without_code
from twistedmx.smtp import codes
from twistedmx.smtp.command import Command, Refusal
from twistedmx.smtp.dialect import Dialect
from twistedmx.smtp.parameters import MailParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Session

# An address may have any octets, announced or not.
_ANY_OCTETS: Final = MailParameters(smtputf8=True)


class QmailSession(Session):
    """`words`: by ours, what is said instead."""

    __slots__ = ("_words", "dialect")

    def __init__(self, dialect: Dialect, words: Mapping[Reply, Reply], **how: Any) -> None:
        self.dialect = dialect
        self._words = words
        super().__init__(**how)

    def begin(self, reverse_path: Path, parameters: MailParameters) -> None:
        super().begin(reverse_path, _ANY_OCTETS)

    def reply(self, reply: Reply) -> bytes:
        super().reply(reply)
        return self._said(reply)

    def say(self, words: Reply) -> bytes:
        super().say(words)
        return self._said(words)

    def _said(self, reply: Reply) -> bytes:
        words = self._words.get(reply)
        return (without_code(reply) if words is None else words).octets

    def _refusal_of(self, command: Command | Refusal) -> Reply | None:
        refusal = super()._refusal_of(command)
        return None if refusal is codes.UNKNOWN_PARAMETER else refusal  # qmail-smtpd knows no difference to HELO
