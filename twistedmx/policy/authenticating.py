"""AUTH as a receiver answers it: what is asked of whom, what becomes of the answer, and what a wrong password costs.

What it gives a client is nothing here, for we relay for nobody; a dialect that does overrides `authenticated`, or asks `login`.
The password is in the hands of the port alone from the moment it was read, and in no event.
"""

from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.auth_event import Authenticated, AuthenticationFailed
from twistedmx.model.login import CouldNotTell, Known, Login, Recognition, Unknown
from twistedmx.model.verdict import Reason
from twistedmx.policy import auth
from twistedmx.policy.attending import Attending
from twistedmx.policy.waiting import in_time
from twistedmx.smtp import codes
from twistedmx.smtp.command import Auth
from twistedmx.smtp.phase import AuthLine
from twistedmx.smtp.reply import Reply, reply
from twistedmx.smtp.sasl import Cancelled, Challenge, Credentials, Exchange, Malformed, Outcome, begin, encoded

Answer = Reply | Deferred[Reply]
_LATE: Final = "took too long"


class Authenticating(Attending):
    """What of a receiver is about AUTH."""

    __slots__ = ("_exchange",)

    _log = Logger()
    _exchange: Exchange  # from the first 334 on

    @property
    def login(self) -> Login | None:
        """Who the client has shown himself to be; None: nobody, also once TLS or XCLIENT has begun the session anew."""
        return self._account.login

    def authenticated(self, user: bytes) -> None:
        """The client has shown himself to be `user`; 235 follows."""

    @property
    def _offered(self) -> auth.Auth | None:
        """What is, and who is asked."""
        return self._site.auth

    def _challenge(self) -> bytes:
        """Of CRAM-MD5 (RFC 2195 2): not used before, for a session has its name alone, and a command its number. Short: vchkpw has
        room for 155 octets, with user and digest."""
        now = int(self._site.ports.now())
        return f"<{self._account.id}{self._session.commands}.{now}@{self._site.host}>".encode("ascii", "replace")

    def _auth(self, command: Auth) -> Answer:
        return self._go_on(begin(command.mechanism, command.initial, self._challenge()))

    def _auth_line(self, line: AuthLine) -> Answer:
        return self._malformed(line.fault) if line.fault is not None else self._go_on(self._exchange.step(line.octets))

    def _go_on(self, outcome: Outcome) -> Answer:
        match outcome:
            case Challenge(octets=octets, exchange=exchange):
                self._exchange = exchange
                return reply(334, "", encoded(octets))
            case Cancelled():
                return codes.AUTH_CANCELLED
            case Malformed():
                return self._malformed(codes.AUTH_MALFORMED)
            case Credentials():
                return self._check(outcome)

    def _malformed(self, words: Reply) -> Answer:
        return self._error(words, self._behaviour().syntax_error(self._posture_held()))

    def _check(self, credentials: Credentials) -> Answer:
        offered = self._offered
        if offered is None:
            raise RuntimeError("AUTH was not offered")
        self._asking = checking = in_time(
            _asked(offered, credentials),
            offered.seconds,
            self._site.ports.clock,
            late=lambda: CouldNotTell(_LATE),
            failed=self._failed,
        )
        user, mechanism = credentials.user, credentials.mechanism.decode("ascii")
        late: Deferred[Reply] = checking.addCallback(self._checked, user, mechanism)
        return late.addErrback(self._cancelled)

    def _failed(self, failure: Failure) -> Recognition:
        """A port says COULD_NOT_TELL; should it raise, that is meant."""
        self._log.failure("checking a password failed by a fault of ours", failure=failure)
        return CouldNotTell(type(failure.value).__name__)  # not its words: who knows what is in them

    def _checked(self, recognition: Recognition, user: bytes, mechanism: str) -> Answer:
        self._asking = None
        match recognition:
            case Known(user=known):
                self._account.login = Login(user=known, mechanism=mechanism)
                self.authenticated(known)
                self._tell(known, mechanism)
                return codes.AUTHENTICATED
            case CouldNotTell(detail=detail):
                self._tell(user, mechanism, Reason.PASSWORDS_FAILED, detail)
                return codes.AUTH_FAILED
            case Unknown(detail=detail):
                self._tell(user, mechanism, Reason.BAD_PASSWORD, detail)
                return self._wrong()

    def _wrong(self) -> Answer:
        conduct = self._site.conduct
        last = self._hang_up(self._behaviour().bad_password(self._posture_held()))
        if last is not None or not conduct.bad_password_delay:
            return last or codes.NOT_AUTHENTICATED
        return self._later(codes.NOT_AUTHENTICATED, conduct.bad_password_delay, most=conduct.delayed)

    def _tell(self, user: bytes, mechanism: str, reason: Reason | None = None, detail: str = "") -> None:
        """`reason`: why he is not authenticated."""
        account, ports = self._account, self._site.ports
        about = {
            "at": ports.now(),
            "session": account.id,
            "peer": account.peer,
            "helo": account.helo,
            "tls": account.tls,
            "mechanism": mechanism,
            "user": user.decode("utf-8", "backslashreplace"),
        }
        if reason is None:
            ports.events.tell(Authenticated(**about))  # type: ignore[arg-type]
        else:
            ports.events.tell(AuthenticationFailed(**about, reason=reason, detail=detail))  # type: ignore[arg-type]


async def _asked(offered: auth.Auth, credentials: Credentials) -> Recognition:
    return await offered.passwords.check(credentials)
