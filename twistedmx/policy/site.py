"""What all sessions of one server share."""

import itertools

import attrs

from twistedmx.model.peer import Network
from twistedmx.policy.auth import Auth
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.chain import Chain
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.handshakes import Handshakes
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.policy.posture import Alertness, Posture
from twistedmx.policy.recipient import RecipientStep
from twistedmx.policy.tarpit import Tarpit
from twistedmx.policy.untold import Untold
from twistedmx.ports import Ports
from twistedmx.smtp import codes, xclient
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.reply import Reply, reply


@attrs.frozen(kw_only=True)
class Site:
    """`host`: our name in greeting, EHLO and Received. `starttls`: it is offered.

    `reserve`: octets that a message must leave free on the disk. `handshakes`: their limits, or None. `tolerant`: networks
    from which bare CR and LF are taken in content. `sampled`: octets of refused content that are told. `proxy_from`: balancers
    whose connections begin with a PROXY header. `xclient_from`: hosts that may say XCLIENT. `chain`: policies that are asked, or
    None where none is. `auth`: who may say who he is, and how; or None.
    `announced`: the size that EHLO says, where it is not that of the limits: 0 for none (RFC 1870 4). `session_limits`: by posture.
    `untold`: sessions that have something to tell, and when.
    """

    host: str
    limits: LimitSettings
    starttls: bool
    reserve: int
    recipients: RecipientStep
    ports: Ports
    conduct: ConductSettings = attrs.Factory(ConductSettings)
    blocklist: Blocklist | None = None
    alertness: Alertness = attrs.Factory(Alertness)
    tarpit: Tarpit = attrs.Factory(lambda site: Tarpit(site.ports.clock), takes_self=True)
    untold: Untold = attrs.Factory(lambda site: Untold(site.ports.clock), takes_self=True)
    handshakes: Handshakes | None = None
    chain: Chain | None = None
    tolerant: tuple[Network, ...] = ()
    sampled: int = 0
    proxy_from: tuple[Network, ...] = ()
    xclient_from: tuple[Network, ...] = ()
    auth: Auth | None = None
    announced: int | None = None
    session_limits: tuple[Limits, ...] = attrs.field(init=False)
    greeting: Reply = attrs.field(init=False)
    _ehlo: dict[tuple[bool, bool], Reply] = attrs.field(init=False)

    @session_limits.default
    def _make_session_limits(self) -> tuple[Limits, ...]:
        return self.limits.by_posture()

    @greeting.default
    def _make_greeting(self) -> Reply:
        return codes.greeting(self.host)

    @_ehlo.default
    def _make_ehlo(self) -> dict[tuple[bool, bool], Reply]:
        return {
            (secure, xclient): reply(250, "", self.host, *self._extensions(secure, xclient, self.auth))
            for secure, xclient in itertools.product((False, True), repeat=2)
        }

    def _extensions(self, secure: bool, xclient_: bool, auth: Auth | None) -> list[str]:
        # DSN (RFC 3461) is not announced until success can be reported: a peer then reports that it relayed, as it should.
        # Its parameters are taken all the same and kept in the envelope.
        return [
            *(["STARTTLS"] if self.starttls and not secure else []),
            "PIPELINING",
            f"SIZE {self.limits.size if self.announced is None else self.announced}",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "ENHANCEDSTATUSCODES",
            # Calm's: what is announced holds as long as nothing is the matter (RFC 9422 4.1), and 421 says when it does not.
            f"LIMITS RCPTMAX={self.limits.recipients} MAILMAX={self.limits.messages[Posture.CALM]}",
            *([xclient.OFFERED] if xclient_ else []),
            *([auth.keyword] if auth is not None and (secure or auth.plain_text) else []),
        ]

    def ehlo(self, *, secure: bool, xclient: bool, authenticated: bool = False) -> Reply:
        """What is offered (RFC 5321 4.1.1.1); STARTTLS not twice (RFC 3207 4.2), nor AUTH (RFC 4954 4), `xclient` to those who
        may."""
        if authenticated:  # rare: who has said EHLO before has no reason to say it again
            return reply(250, "", self.host, *self._extensions(secure, xclient, None))
        return self._ehlo[secure, xclient]
