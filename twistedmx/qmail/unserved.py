"""Who comes while the control files cannot be read: 421, as die_control of qmail-smtpd.c says it, and the end."""

from twisted.internet.defer import Deferred

from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason
from twistedmx.policy.conduct import LastWords
from twistedmx.policy.receiver import Receiver
from twistedmx.qmail.words import NO_CONTROLS
from twistedmx.smtp.reply import Reply


class Unserved(Receiver):
    """Hears nothing."""

    __slots__ = ()

    def greeting(self) -> Reply | Deferred[Reply]:
        return self._hang_up(LastWords(reply=NO_CONTROLS, reason=Reason.FAULT, stage=Stage.CONNECT)) or NO_CONTROLS
