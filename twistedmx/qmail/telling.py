"""What qmail-smtpd, chkuser and tcpserver would write in the log of one connection, for the programs that read it.

Each line is made where the thing happens, and is told at once and whole: programs that read the log of qmail read it line by line,
refused recipients one by one. That is what they cost; where nobody asked for them (`Call.tell` is silent) none is made.
"""

import re
from typing import Final

from twistedmx.model.peer import Tls
from twistedmx.model.verdict import Reason
from twistedmx.qmail.call import Call, silent
from twistedmx.qmail.chkuser_cases import LINES, OF_SENDERS, REPLIES, Case
from twistedmx.qmail.chkuser_checked import Checked
from twistedmx.qmail.log_lines import Dialect, chkuser_line, rblsmtpd_line
from twistedmx.qmail.qlog_lines import Facts, qlogenvelope, qlogreceived
from twistedmx.qmail.rcpt_check import Finding
from twistedmx.qmail.smtpd_lines import Found, auth_line, early_line, found_line, told_line
from twistedmx.qmail.tcpserver_lines import end_line, pid_line, rules_line
from twistedmx.smtp.reply import Reply

# Why a message is not taken where the peer hears nothing of it.
_NOT_SAID: Final = (Reason.QUEUE_FAILED, Reason.QUEUE_REFUSED, Reason.DISK_FAILED, Reason.DISK_FULL)
_THRESHOLD_COMES_FIRST: Final = Case.RCPT_THRESHOLD
# Of a message, in the words of qlog's line; what has no row is what the queue says.
_ENDS: Final = {Reason.LOOP: b"message_loop", Reason.TOO_LARGE: b"databytes_limit_exceeded"}
_FOUND: Final = {
    Finding.ACCEPTED: Found.ACCEPTED,
    Finding.NO_MAILBOX: Found.DROPPED,
    Finding.IGNORED: Found.IGNORED,
    Finding.OVER_LIMIT: Found.OVER_LIMIT,
}
_queued = re.compile(r"(?:ok \d+ qp|Ok: queued as) (\d+)").fullmatch


class Telling:
    """`dialect`: of chkuser's lines; with the labelled ones go qlog's. `beside`: tcpserver itself tells of connections.

    `indimail`: those lines are told as IndiMail's tcpserver words them.
    """

    def __init__(self, dialect: Dialect, call: Call, *, beside: bool, indimail: bool = False) -> None:
        self._dialect = dialect
        self._indimail = indimail
        self._call = call
        self._beside = beside
        self._is_counted = False

    @property
    def _silent(self) -> bool:
        return self._call.tell is silent

    # -- of the connection, as tcpserver -v --------------------------------------------------------------------------

    def opened(self) -> None:
        """It has come, and the rules let it in, or not."""
        call = self._call
        if self._beside or self._silent:
            return
        if call.occupancy is not None:
            self._is_counted = True
            call.occupancy.came()
        call.tell(pid_line(call.pid, call.remote_ip))
        call.tell(rules_line(call.pid, call.denied, call.ends, indimail=self._indimail))

    def ended(self, status: int) -> None:
        """It is gone. `status`: what qmail-smtpd would have ended with."""
        call = self._call
        if not (self._beside or self._silent):
            call.tell(end_line(call.pid, 100 if call.denied else status))
        if call.occupancy is not None and self._is_counted:
            self._is_counted = False
            call.occupancy.went()

    # -- as qmail-smtpd and chkuser ----------------------------------------------------------------------------------

    def early(self) -> None:
        """The client did not wait for the greeting."""
        call = self._call
        if not self._silent:
            call.tell(early_line(call.pid, call.remote_ip, ignored=False))

    def sender(self, checked: Checked, helo: bytes) -> None:
        """chkuser has looked at one."""
        self._checked(checked, checked.address, b"", helo)

    def recipient(self, checked: Checked, sender: bytes, recipient: bytes, helo: bytes) -> None:
        """The same. `recipient`: as it was asked for."""
        self._checked(checked, sender, recipient, helo)

    def listed(self, recipient: bytes, *, taken: bool) -> None:
        """What validrcptto says."""
        call = self._call
        if not self._silent:
            found = Found.VALID if taken else Found.NOT_VALID
            call.tell(found_line(call.pid, found, recipient, call.remote_ip))

    def rcpt_check(self, finding: Finding, recipient: bytes) -> None:
        """What RCPTCHECK says; what goes wrong there is told by who runs it."""
        call, found = self._call, _FOUND.get(finding)
        if found is not None and not self._silent:
            call.tell(found_line(call.pid, found, recipient, call.remote_ip))

    def auth(self, success: bool, mechanism: str, user: bytes) -> None:
        """Somebody has shown who he is, or has not."""
        if not self._silent:
            self._call.tell(auth_line(self._call.pid, success, mechanism.lower().encode(), user))

    def blocked(self, words: Reply) -> None:
        """RBLSMTPD is set, and this was said, as rblsmtpd tells."""
        call = self._call
        if not self._silent:
            call.tell(rblsmtpd_line(call.remote_ip, call.pid, words.octets.rstrip(b"\r\n")))

    def decided(
        self,
        *,
        words: Reply,
        why: tuple[bytes, bytes],
        helo: bytes,
        sender: bytes,
        recipient: bytes | None,
        allowed: bool | None,
        tls: Tls | None,
    ) -> None:
        """qlog's line of a recipient, or, without one, of a sender who is refused. `why`: reason and detail, in its words."""
        if self._dialect is Dialect.LABELLED and not self._silent:
            recipients = () if recipient is None else (recipient,)
            facts = self._facts(words, why, helo, sender, recipients, tls, allowed=allowed)
            self._call.tell(qlogenvelope(facts))

    def received(
        self,
        *,
        words: Reply,
        reason: Reason,
        detail: str,
        helo: bytes,
        sender: bytes,
        recipients: tuple[bytes, ...],
        size: int,
        tls: Tls | None,
    ) -> None:
        """qlog's line of a message. `detail`: why it was not taken, where that is not in the words."""
        if detail and reason in _NOT_SAID and not self._silent:
            self._tell_why(b"message not taken", detail, sender, recipients[0] if recipients else b"", helo)
        if self._dialect is Dialect.LABELLED and not self._silent:
            if reason is Reason.BARE_NEWLINE:
                self._call.tell(qlogenvelope(self._facts(words, (b"bad_newlines", b""), helo, sender, recipients, tls)))
                return
            queued = _queued(words.lines[-1]) if words.code < 400 and words.lines else None
            number = int(queued[1]) if queued is not None else None
            why = _why(words, reason)
            self._call.tell(qlogreceived(self._facts(words, why, helo, sender, recipients, tls, size=size, qp=number)))

    def _tell_why(self, message: bytes, detail: str, sender: bytes, recipient: bytes, helo: bytes) -> None:
        """What the operator has to know and the peer has not, in the form of qmail-smtpd's own complaints."""
        reason = detail.encode("utf-8", "backslashreplace")
        self._call.tell(
            told_line(message, reason=reason, sender=sender, remote_ip=self._call.remote_ip, rcpt=recipient, helo=helo)
        )

    def _facts(
        self,
        words: Reply,
        why: tuple[bytes, bytes],
        helo: bytes,
        sender: bytes,
        recipients: tuple[bytes, ...],
        tls: Tls | None,
        *,
        allowed: bool | None = None,
        size: int | None = None,
        qp: int | None = None,
    ) -> Facts:
        call = self._call
        return Facts(
            result=b"accepted" if words.code < 400 else b"rejected",
            code=b"%d" % words.code,
            reason=why[0],
            detail=why[1],
            helo=helo,
            mailfrom=sender,
            rcptto=recipients,
            relay=call.terms.relayclient is not None,
            rcpthosts=allowed,
            size=size,
            authuser=call.fact(b"SMTPAUTHUSER"),
            authtype=call.fact(b"SMTPAUTHMETHOD"),
            encrypted=b"tls" if tls is not None else b"",
            sslverified=tls is not None and bool(tls.client),
            localip=call.fact(b"TCPLOCALIP"),
            localport=call.fact(b"TCPLOCALPORT"),
            remoteip=call.remote_ip,
            remoteport=call.fact(b"TCPREMOTEPORT"),
            remotehost=call.fact(b"TCPREMOTEHOST"),
            qp=qp,
            pid=call.pid,
        )

    def _checked(self, checked: Checked, sender: bytes, recipient: bytes, helo: bytes) -> None:
        if self._silent:
            return
        case, settings = checked.case, self._call.terms.chkuser
        if REPLIES[case].code < 400:
            wanted = settings.log_senders if case in OF_SENDERS else settings.log_recipients
            if not wanted:
                return
        lines = [case]
        if checked.threshold is not None:
            lines.insert(0 if checked.threshold is _THRESHOLD_COMES_FIRST else 1, checked.threshold)
        for each in lines:
            title, text = LINES[each]
            self._call.tell(
                chkuser_line(
                    self._dialect,
                    title.encode(),
                    text.encode(),
                    sender=sender,
                    remote_info=self._call.fact(b"TCPREMOTEINFO"),
                    auth=self._call.fact(b"SMTPAUTHUSER"),
                    identify=settings.identify.encode("latin-1", "replace"),
                    helo=helo,
                    remote_host=self._call.fact(b"TCPREMOTEHOST") or b"unknown",
                    remote_ip=self._call.remote_ip,
                    rcpt=recipient,
                )
            )
        if checked.detail:
            message = b"sender not looked up" if case in OF_SENDERS else b"recipient not looked up"
            self._tell_why(message, checked.detail, sender, recipient, helo)


def _why(words: Reply, reason: Reason) -> tuple[bytes, bytes]:
    if words.code < 400:
        return b"queueaccept", b""
    if reason in _ENDS:
        return _ENDS[reason], b""
    text = words.lines[-1].encode("utf-8") if words.lines else b""
    return b"queuereject" if words.code >= 500 else b"queue_delay", text
