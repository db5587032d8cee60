"""chkuser's look at the sender, at MAIL (chkuser.c, chkuser_sender): its format, and whether its domain has a mail host.

The null sender is always taken, and so is everything where nothing is checked. What is checked in the original only if that is
logged (the delay of must_auth) does not depend on the log here.
"""

from collections.abc import Awaitable

from twistedmx.policy.mx import Mx, MxAnswer
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Caller, Checked
from twistedmx.qmail.chkuser_format import is_address

_DOUBLE_BOUNCE = b"#@[]"


class Senders:
    """Holds nothing of a session."""

    def __init__(self, mx: Mx | None = None) -> None:
        """`mx`: without one no domain is looked up."""
        self._mx = mx

    def check(self, sender: bytes, caller: Caller, *, utf8: bool = False) -> Checked | Awaitable[Checked]:
        """At once, where the DNS is not asked. `sender`: b"" for the null sender. Never raises, now or later."""
        settings = caller.settings
        _, _, domain = sender.rpartition(b"@")
        case = _at_once(sender, caller, utf8=utf8)
        is_literal = domain.startswith(b"[") and domain.endswith(b"]")
        if case is not Case.SENDER_ACCEPTED or self._mx is None or not settings.sender_mx or is_literal:
            return _answer(case, sender, caller)
        return _asked(self._mx, sender, caller)


def _at_once(sender: bytes, caller: Caller, *, utf8: bool) -> Case:
    settings = caller.settings
    if caller.must_authenticate:
        return Case.SENDER_MUST_AUTH
    if not sender:
        return Case.SENDER_NULL
    if settings.start == "NONE" or not settings.sender_check:
        return Case.SENDER_UNCHECKED
    if settings.doublebounce and sender == _DOUBLE_BOUNCE:
        return Case.SENDER_DOUBLE_BOUNCE
    local, at, domain = sender.rpartition(b"@")
    if not at:
        local, domain = sender, b""
    if settings.sender_format and not is_address(local, domain, settings, utf8=utf8):
        return Case.SENDER_FORMAT
    return Case.SENDER_ACCEPTED


async def _asked(mx: Mx, sender: bytes, caller: Caller) -> Checked:
    _, at, domain = sender.rpartition(b"@")
    case, detail = await look_up(mx, domain if at else b"", none=Case.SENDER_MX, doubt=Case.SENDER_DNS)
    return _answer(case or Case.SENDER_ACCEPTED, sender, caller, detail)


async def look_up(mx: Mx, domain: bytes, *, none: Case, doubt: Case) -> tuple[Case | None, str]:
    """The case of a refusal, or None; and what the log should know. Never raises."""
    if not domain:
        return none, ""
    try:
        answer = await mx.look_up(domain)
    except Exception as error:  # whatever goes wrong there, it is a check that could not be done
        return doubt, f"the look-up of {domain!r} failed: {error!r}"
    return {MxAnswer.FOUND: None, MxAnswer.NONE: none, MxAnswer.COULD_NOT_TELL: doubt}[answer], ""


def _answer(case: Case, sender: bytes, caller: Caller, detail: str = "") -> Checked:
    return Checked(case=case, address=sender, delay=caller.counting.delay(case, caller.settings), detail=detail)
