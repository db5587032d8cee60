"""Whether a sender and a recipient are taken: what the files, the plugins and chkuser say, in the order of a patched qmail-smtpd.

    sender      AUTH, null senders, SIZE; plugins; chkuser
    recipient   denials of connection and sender; plugins; denials of the recipient; validrcptto; rcpthosts; chkuser; RCPTCHECK;
                plugins (pass); maxrcpt; whether it can be in the envelope with the others

rcpthosts is always asked, for a plugin or a list that knows a recipient must not let in mail for the whole world, and again of
each address that a plugin puts in its place.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from twistedmx.model.verdict import Reason
from twistedmx.qmail import words
from twistedmx.qmail.call import Call
from twistedmx.qmail.cdb import BadCdb
from twistedmx.qmail.chkuser_cases import BAD_RECIPIENT, OF_SENDERS, Case
from twistedmx.qmail.chkuser_checked import Checked
from twistedmx.qmail.control import BadControls
from twistedmx.qmail.denials import Asked, Refusal, denial_of_recipient, denial_of_sender, too_many
from twistedmx.qmail.hosts import is_allowed
from twistedmx.qmail.house import House
from twistedmx.qmail.plugging import Plugging
from twistedmx.qmail.rcpt_check import Finding, rcpt_check_of
from twistedmx.qmail.spp import NOTHING, Answer
from twistedmx.qmail.spp_file import Stage
from twistedmx.qmail.telling import Telling
from twistedmx.qmail.valid_recipients import Listing
from twistedmx.smtp import codes

Known = dict[str, bytes | int | bool | None]  # as in `spp.variables`

# Why, in our log, reports and counters.
_REASONS: Final = {
    Case.NO_MAILBOX: Reason.UNKNOWN_MAILBOX,
    Case.NO_DOMAIN: Reason.UNKNOWN_MAILBOX,
    Case.NOT_RELAYED: Reason.NOT_OURS,
    Case.OVER_QUOTA: Reason.MAILBOX_FULL,
    Case.NO_RESOURCE: Reason.LOOKUP_FAILED,
    Case.RCPT_DNS: Reason.CHECK_FAILED,
    Case.SENDER_DNS: Reason.CHECK_FAILED,
    Case.INTRUSION: Reason.BAD_RECIPIENTS,
}
# The details of qlog's lines, to the letter.
_QLOG: Final = {
    Case.NOT_RELAYED: b"notinrcpthosts",
    Case.NO_MAILBOX: b"nomailbox",
    Case.NO_RESOURCE: b"noauthresource",
    Case.MUST_AUTH: b"mustauth",
    Case.OVER_QUOTA: b"mailboxfull",
    Case.TOO_MANY: b"maxrcpt",
    Case.INTRUSION: b"instrusionthreshold",
    Case.NO_DOMAIN: b"domainmissing",
    Case.RCPT_FORMAT: b"rcptformat",
    Case.RCPT_MX: b"rcptmxinvalid",
    Case.RCPT_DNS: b"rcptmxdnstmpfail",
    Case.SENDER_MUST_AUTH: b"mustauth",
    Case.SENDER_FORMAT: b"senderformat",
    Case.SENDER_MX: b"sendermxinvalid",
    Case.SENDER_DNS: b"sendermxdnstmpfail",
}
_NOT_OURS: Final = Refusal(
    words=words.NOT_IN_RCPTHOSTS, reason=Reason.NOT_OURS, bad=True, qlog=(b"not_in_rcpthosts", b"")
)


@attrs.frozen(kw_only=True)
class Judged:
    """`refusal`: None where it is taken. `address`: as it goes into the envelope. `delay`: seconds until the reply, as chkuser has
    it. `plugged`: what plugins have printed goes around the reply. `allowed`: whether rcpthosts has the domain; None where that
    was not asked, or could not be told. `by`: who has found it, in qlog's word."""

    address: bytes
    refusal: Refusal | None = None
    delay: float = 0.0
    plugged: Answer = NOTHING
    allowed: bool | None = None
    by: bytes = b""


class Judging:
    """Of one session."""

    def __init__(self, house: House, call: Call, telling: Telling, plugging: Plugging) -> None:
        self._house = house
        self._call = call
        self._telling = telling
        self._plugging = plugging

    # -- the sender --------------------------------------------------------------------------------------------------

    async def sender(self, sender: bytes, *, size: int, helo: bytes, utf8: bool) -> Judged:
        """At MAIL."""
        refusal = self._refusal_of(sender, size)
        if refusal is not None:
            return Judged(address=sender, refusal=refusal)
        plugged = await self._plugging.ask(Stage.MAIL, helo=helo, sender=sender)
        if plugged.reply is not None:
            return Judged(address=sender, refusal=_by_plugin(plugged), plugged=plugged)
        if plugged.address is not None:
            sender = plugged.address
        if plugged.skip_checks:
            return Judged(address=sender, plugged=plugged)
        checked = self._house.senders.check(sender, self._call.caller, utf8=utf8)
        if not isinstance(checked, Checked):
            checked = await checked
        self._telling.sender(checked, helo)
        return self._judged(checked, sender, plugged)

    def _refusal_of(self, sender: bytes, size: int) -> Refusal | None:
        call = self._call
        terms = call.terms
        auth = terms.auth
        if auth is not None and auth.required and terms.relayclient is None:
            return Refusal(words=words.AUTH_REQUIRED, reason=Reason.POLICY, qlog=(b"authrequired", b""))
        if auth is not None and auth.as_oneself and call.fact(b"SMTPAUTHUSER") not in (b"", sender):
            return Refusal(words=words.NOT_THE_AUTHENTICATED, reason=Reason.POLICY, qlog=(b"authnotmailfrom", b""))
        if not sender and not terms.null_senders:
            return Refusal(words=words.NO_NULL_SENDERS, qlog=(b"nullsenderdenied", b""))
        if 0 < terms.databytes < size:
            return Refusal(words=words.TOO_LARGE, reason=Reason.TOO_LARGE, qlog=(b"databytes_limit_exceeded", b""))
        return None

    # -- a recipient -------------------------------------------------------------------------------------------------

    async def recipient(
        self, recipient: bytes, *, sender: bytes, helo: bytes, others: Sequence[bytes], number: int, utf8: bool
    ) -> Judged:
        """At RCPT. `others`: the envelope so far. `number`: of RCPTs of this transaction, with this one."""
        call = self._call
        plugging = self._plugging
        asked = Asked(
            call=call, helo=helo, sender=sender, recipient=recipient, taken=len(others), passed=plugging.passed
        )
        plugged = NOTHING
        try:
            refusal = denial_of_sender(asked)
            if refusal is not None:
                return Judged(address=recipient, refusal=refusal)
            allowed = self._allows(recipient)
            if plugging.has(Stage.RCPT):
                plugged = await plugging.ask(Stage.RCPT, **self._known(asked, number, allowed))
                refusal = _by_plugin(plugged)
            if plugged.address is not None:
                asked = attrs.evolve(asked, recipient=plugged.address)
                allowed = self._allows(plugged.address)
            if refusal is None and not plugged.skip_checks:
                refusal = denial_of_recipient(asked)
            if refusal is not None:
                # `recipient`, not what a plugin has made of it: nothing goes into the envelope, and the client's word is told.
                return Judged(address=recipient, refusal=refusal, plugged=plugged, allowed=allowed)
            judged = await self._looked_up(asked, plugged, allowed=allowed, utf8=utf8)
            if judged.refusal is None:
                judged = await self._passed(judged, asked, others, number)
        except (BadCdb, BadControls) as fault:
            refusal = Refusal(words=words.NO_CONTROLS, reason=Reason.LOOKUP_FAILED, detail=str(fault))
            judged = Judged(address=recipient, refusal=refusal, plugged=plugged)
        return judged

    def _known(self, asked: Asked, number: int, allowed: bool | None) -> Known:
        return {
            "helo": asked.helo,
            "sender": asked.sender,
            "rcpt": asked.recipient,
            "rcpt_count": asked.taken,
            "rcpt_count_all": number,
            "in_rcpthosts": bool(allowed) or self._call.terms.relayclient is not None,
        }

    def _allows(self, recipient: bytes) -> bool:
        return is_allowed(recipient, self._call.terms.controls, missing_allows=self._house.open_relay)

    async def _looked_up(self, asked: Asked, plugged: Answer, *, allowed: bool, utf8: bool) -> Judged:
        recipient, call = asked.recipient, self._call
        listing = Listing.UNLISTED if plugged.skip_checks else self._house.listing_of(recipient, call)
        if listing is not Listing.UNLISTED:
            self._telling.listed(recipient, taken=listing is Listing.TAKEN)
        if listing is Listing.REFUSED:
            refusal = Refusal(
                words=words.NOT_VALID_RECIPIENT, reason=Reason.UNKNOWN_MAILBOX, bad=True, qlog=(b"validrcptto", b"")
            )
            return Judged(address=recipient, refusal=refusal, plugged=plugged, allowed=allowed)
        if listing is Listing.TAKEN or plugged.skip_checks:
            if allowed or call.terms.relayclient is not None:
                by = b"validrcptto" if listing is Listing.TAKEN else b""
                return Judged(address=recipient, plugged=plugged, allowed=allowed, by=by)
            return Judged(address=recipient, refusal=_NOT_OURS, plugged=plugged, allowed=False)
        checked = self._house.recipients.check(recipient, call.caller, allowed=allowed, utf8=utf8)
        if not isinstance(checked, Checked):
            checked = await checked
        self._telling.recipient(checked, asked.sender, recipient, asked.helo)
        return self._judged(checked, checked.address, plugged, allowed=allowed)

    async def _passed(self, judged: Judged, asked: Asked, others: Sequence[bytes], number: int) -> Judged:
        """All that is built in has let it through."""
        call, recipient = self._call, asked.recipient
        program = rcpt_check_of(call.environment)
        if program:
            answer = await self._house.rcpt_check.ask(
                program,
                call.environment,
                pid=call.pid,
                sender=asked.sender,
                recipient=recipient,
                helo=asked.helo,
                found=bool(judged.by),
                in_rcpthosts=bool(judged.allowed),
                tell=call.tell,
            )
            self._telling.rcpt_check(answer.finding, recipient)
            if answer.reply is not None:
                qlog = b"rcptcheck", answer.finding.value.encode()
                return attrs.evolve(judged, refusal=Refusal(words=answer.reply, reason=Reason.POLICY, qlog=qlog))
            if answer.finding is Finding.ACCEPTED:
                judged = attrs.evolve(judged, by=b"rcptcheck")
        address = judged.address
        if self._plugging.has(Stage.PASS):
            plugged = await self._plugging.ask(Stage.PASS, **self._known(asked, number, judged.allowed))
            if plugged.reply is not None:
                return attrs.evolve(judged, refusal=_by_plugin(plugged), plugged=plugged)
            if plugged.address is not None:
                address = plugged.address
                if not self._allows(address) and call.terms.relayclient is None:
                    return attrs.evolve(judged, refusal=_NOT_OURS, plugged=plugged, allowed=False)
        address = self._house.in_envelope(address, recipient, call)
        refusal = too_many(asked)
        if refusal is None:
            goes = self._house.delivering.goes_with(address, others, call)
            if not (goes if isinstance(goes, bool) else await goes):
                refusal = Refusal(words=codes.TOO_MANY_RECIPIENTS, detail="its answer would not be that of the others")
        return attrs.evolve(judged, address=address, refusal=refusal)

    def _judged(self, checked: Checked, address: bytes, plugged: Answer, *, allowed: bool | None = None) -> Judged:
        case = checked.case
        if checked.is_accepted:
            by = b"chkuserrelay" if case is Case.RELAYED else b"chkuser"
            return Judged(address=address, plugged=plugged, allowed=allowed, by=by)
        of_qmail = case is Case.NOT_RELAYED and not self._call.terms.tree.extends
        refusal = Refusal(
            words=words.NOT_IN_RCPTHOSTS if of_qmail else checked.reply,
            reason=_REASONS.get(case, Reason.POLICY),
            bad=case in BAD_RECIPIENT,
            detail=checked.detail,
            qlog=(b"chkusersender" if case in OF_SENDERS else b"chkuser", _QLOG.get(case, b"invalid")),
        )
        return Judged(address=address, refusal=refusal, delay=checked.delay, plugged=plugged, allowed=allowed)


def _by_plugin(answer: Answer) -> Refusal | None:
    if answer.reply is None:
        return None
    reason = Reason.CHECK_FAILED if answer.failed else Reason.POLICY
    return Refusal(words=answer.reply, reason=reason, qlog=(b"spp", b""))
