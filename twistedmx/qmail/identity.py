"""Who the client of a qmail host is: AUTH, and what takes it back; and whom a proxy names (XCLIENT)."""

import attrs

from twistedmx.model.login import Known, Recognition
from twistedmx.model.peer import Tls
from twistedmx.model.stage import Stage as At
from twistedmx.model.verdict import Reason
from twistedmx.policy.auth import Auth
from twistedmx.policy.conduct import LastWords
from twistedmx.qmail.asking import Answer, Asking
from twistedmx.qmail.spp import Answer as Plugged
from twistedmx.qmail.spp_file import Stage
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.xclient import XClient


class Identity(Asking):
    """Part of `receiver`."""

    __slots__ = ()

    @property
    def _offered(self) -> Auth | None:
        offered, program = self._site.auth, self._call.check_program
        if offered is None or program is None:
            return None
        return attrs.evolve(offered, passwords=program.of(self._call.environment))

    def authenticated(self, user: bytes) -> None:
        """He may send to everywhere, and the programs of the host know who he is."""
        login = self.login
        method = login.mechanism.lower().encode() if login is not None else b""
        changes = dict.fromkeys((b"TCPREMOTEINFO", b"SMTPAUTHUSER", b"SMTP_AUTH_USER"), user)
        self._call.become(changes | {b"RELAYCLIENT": b"", b"SMTPAUTHMETHOD": method})

    def secured(self, tls: Tls) -> None:
        """Whoever was authenticated is not any more (RFC 3207 4.2): who was heard before TLS need not be who is heard now."""
        super().secured(tls)
        self._call.forget()
        self._plugging.forget()

    def _at_x_client(self, command: XClient) -> Answer:
        """Another client: his are the rules, and nobody's rights are his."""
        call = self._call
        said = super().answer(command)
        if call.of_client is None or not isinstance(said, Reply) or said.code >= 400:
            return said
        environment, call.denied = call.of_client(self.peer)
        call.begin_anew(environment)
        self._plugging.forget()
        if not call.denied:
            return said
        last = LastWords(reply=codes.SILENCE, reason=Reason.BLOCKED, stage=At.CONNECT)
        return self._hang_up(last) or codes.SILENCE

    def _checked(self, recognition: Recognition, user: bytes, mechanism: str) -> Answer:
        self._telling.auth(isinstance(recognition, Known), mechanism, user)
        if not isinstance(recognition, Known) or not self._plugging.has(Stage.AUTH):
            return super()._checked(recognition, user, mechanism)
        asking = self._plugging.ask(Stage.AUTH, auth_method=mechanism.lower().encode(), auth_user=user)
        return self._when(asking, self._auth_plugged, recognition, user, mechanism)

    def _auth_plugged(self, answered: Plugged, recognition: Recognition, user: bytes, mechanism: str) -> Answer:
        if answered.reply is not None:
            return self._plugged(answered, codes.NOT_AUTHENTICATED)
        return self._around(answered, super()._checked(recognition, user, mechanism))
