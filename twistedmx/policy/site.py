"""What all sessions of one server share."""

import attrs

from twistedmx.policy.recipient import RecipientStep
from twistedmx.ports import Ports
from twistedmx.smtp import codes
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.reply import Reply, reply


@attrs.frozen(kw_only=True)
class Site:
    """`host`: our name in greeting, EHLO and Received. `starttls`: it is offered.

    `reserve`: octets that a message must leave free on the disk.
    """

    host: str
    limits: Limits
    starttls: bool
    reserve: int
    recipients: RecipientStep
    ports: Ports
    greeting: Reply = attrs.field(init=False)
    _ehlo: dict[bool, Reply] = attrs.field(init=False)

    @greeting.default
    def _make_greeting(self) -> Reply:
        return codes.greeting(self.host)

    @_ehlo.default
    def _make_ehlo(self) -> dict[bool, Reply]:
        return {secure: reply(250, "", self.host, *self._extensions(secure)) for secure in (False, True)}

    def _extensions(self, secure: bool) -> list[str]:
        # DSN (RFC 3461) is not announced until success can be reported: a peer then reports that it relayed, as it should.
        # Its parameters are taken all the same and kept in the envelope.
        return [
            *(["STARTTLS"] if self.starttls and not secure else []),
            "PIPELINING",
            f"SIZE {self.limits.size}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            f"LIMITS RCPTMAX={self.limits.recipients} MAILMAX={self.limits.messages}",
        ]

    def ehlo(self, *, secure: bool) -> Reply:
        """What is offered (RFC 5321 4.1.1.1); STARTTLS not twice (RFC 3207 4.2)."""
        return self._ehlo[secure]
