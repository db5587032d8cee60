"""A session that offers AUTH (RFC 4954): what is another in it than in one that does not, which pays nothing for it.

    READY -> AUTH -> READY      334 goes on, 235 is the end, and so is any refusal

The lines in between are inputs (AuthLine); what is in them is read in `sasl`, and nothing here asks who anybody is. Whoever was
authenticated is not any more once TLS begins (RFC 3207 4.2), nor where XCLIENT names another client.
"""

from typing import Any, Final

from twistedmx.smtp import codes, sasl
from twistedmx.smtp.command import Auth, Command, Refusal
from twistedmx.smtp.phase import TRANSACTION, AuthLine, Input, Phase
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Need, Session
from twistedmx.smtp.xclient import XClient

_SUCCEEDED: Final = 235  # RFC 4954 4; no other reply says so
_AUTH: Final = Phase.AUTH


class AuthSession(Session):
    """`mechanisms`: that are offered, of sasl.MECHANISMS. `plain_text`: also before TLS. `authenticated`: it has succeeded. All
    others as of a Session."""

    __slots__ = ("_mechanisms", "_plain_text", "authenticated")

    offers_auth = True

    def __init__(self, *, mechanisms: tuple[bytes, ...], plain_text: bool, **others: Any) -> None:
        super().__init__(**others)
        self._mechanisms = mechanisms
        self._plain_text = plain_text
        self.authenticated = False

    def next_input(self) -> Input | Need:
        if self.phase is not _AUTH or self.owed is not None:
            return super().next_input()
        line = self.heard.take_line()
        if line is None:
            return Need.OCTETS
        if isinstance(line, bytes):
            return self._owe(AuthLine(octets=line))
        return self._owe(Refusal(line) if line.closes else AuthLine(fault=codes.AUTH_LINE_TOO_LONG))

    def reply(self, reply: Reply) -> bytes:
        kind = type(self.owed)
        octets = super().reply(reply)
        if kind is Auth or kind is AuthLine:
            if reply.code == _SUCCEEDED:
                self.authenticated = True
                self.phase = Phase.READY
            self.heard.limit = sasl.LINE if self.phase is _AUTH else self.limits.command_line
        elif kind is XClient and reply.code < 400:
            self.authenticated = False
        return octets

    def secured(self) -> None:
        super().secured()
        self.authenticated = False

    def _refusal_of(self, command: Command | Refusal) -> Reply | None:
        refusal = super()._refusal_of(command)
        # A limit goes before it.
        return self._check_auth(command) if type(command) is Auth and refusal is codes.NOT_IMPLEMENTED else refusal

    def _check_auth(self, auth: Auth) -> Reply | None:
        if self.phase is Phase.GREETED:
            return codes.HELO_FIRST
        if self.phase in TRANSACTION:
            return codes.AUTH_IN_TRANSACTION
        if self.authenticated:
            return codes.AUTH_TWICE
        if not (self._secure or self._plain_text):
            return codes.TLS_FIRST
        if not auth.mechanism:
            return codes.AUTH_SYNTAX
        return None if auth.mechanism in self._mechanisms else codes.UNKNOWN_MECHANISM
