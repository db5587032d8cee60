"""chkuser 2.0.9: is there such a recipient? The order of its checks, at RCPT (chkuser.c, realrcpt).

    must_auth; start NONE; the thresholds; a domain; the format; rcpthosts, and what may be relayed; then
    who it is: a domain of vpopmail (`chkuser_domains`), or a local recipient of qmail's, or another host's

What differs from the original: `<postmaster>` needs no domain; local recipients outside of vpopmail are looked for as qmail-lspawn
and qmail-local will look, and not taken unchecked (check_local); what may not be read is 451, and not "no mailbox"; see
`chkuser_domains` for the rest.
A recipient in rcpthosts that is another host's, a secondary MX, is taken: nothing here can check it.

What may hang is asked in a thread: the accounts of the system, and homes of users. Folders of qmail's own, and those of vpopmail's
domains (VPOPMAIL/domains/...), are looked at in the reactor's thread, where an answer costs some tens of microseconds.

BUGS: domains of vpopmail on a disk of another host hold up everything for as long as that does not answer; mount them `soft`.
"""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import attrs

from twistedmx.policy.mx import Mx
from twistedmx.qmail.account import Account
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Caller, Checked
from twistedmx.qmail.chkuser_domains import find_in_domain
from twistedmx.qmail.chkuser_format import is_address
from twistedmx.qmail.chkuser_senders import look_up
from twistedmx.qmail.dot_qmail import find_dot_qmail
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.routes import Local, RoutesOf
from twistedmx.qmail.vpopmail import Domain, Vpopmail

_POSTMASTER: Final = b"postmaster"  # RFC 5321 4.5.1: with a domain or without
_OF_VPOPMAIL: Final = b"/domains/"  # in the path of each of its domains (vpopmail.c, vadddomain)
Question = Callable[[], Checked]
"""To be asked in a thread: raises CouldNotTell."""


async def at_once(call: Callable[..., Any], *arguments: Any) -> Any:
    """Where there is nobody to wait for."""
    return call(*arguments)


class Recipients:
    """Of one qmail, whose home is `home`. Holds nothing of a session."""

    def __init__(
        self,
        *,
        assign: Assign,
        accounts: Accounts,
        vpopmail: Vpopmail,
        mx: Mx | None = None,
        run_in_thread: Callable[..., Awaitable[Any]] = at_once,
    ) -> None:
        """`mx`: without one no domain is looked up. `run_in_thread`: calls what it is given, for what may hang; may raise
        CouldNotTell, as where that takes too long."""
        self._assign = assign
        self._accounts = accounts
        self._vpopmail = vpopmail
        self._mx = mx
        self._run_in_thread = run_in_thread
        self._routes = RoutesOf()
        self.home = assign.home
        self._own = os.fsencode(assign.home).rstrip(b"/") + b"/"

    def check(
        self, recipient: bytes, caller: Caller, *, allowed: bool, utf8: bool = False
    ) -> Checked | Awaitable[Checked]:
        """At once, where neither the DNS nor accounts and homes of the system are asked. Never raises, now or later. Each call
        counts: once for each RCPT.

        `recipient`: without quotes, as the parser of qmail-smtpd makes it. `allowed`: whether rcpthosts has its domain. `utf8`:
        whether the client said SMTPUTF8 in MAIL.
        """
        settings = caller.settings
        if caller.must_authenticate:
            return self._finish(_refused(Case.MUST_AUTH, recipient), caller)
        if settings.start == "NONE":
            checked = _refused(Case.ACCEPTED_ANY, recipient) if allowed else _relayed(recipient, caller)
            return self._finish(checked, caller)
        refused = caller.counting.refuses(settings)
        if refused is not None:
            return self._finish(_refused(refused, recipient), caller)
        local, at, domain = recipient.lower().rpartition(b"@")
        if not at:
            local, domain = recipient.lower(), b""
            if settings.domain_wanted != "on" or local == _POSTMASTER:
                domain = (caller.controls.envnoathost or b"").lower()
        if not domain:
            return self._finish(_refused(Case.NO_DOMAIN, recipient), caller)
        if at and settings.rcpt_format and not is_address(local, domain, settings, utf8=utf8):
            return self._finish(_refused(Case.RCPT_FORMAT, recipient), caller)
        if allowed:
            found = self._look_up(recipient, local, domain, caller)
            return self._finish(found, caller) if isinstance(found, Checked) else self._far(found, recipient, caller)
        if self._mx is not None and settings.rcpt_mx:
            return self._asked(self._mx, recipient, domain, caller)
        return self._finish(_relayed(recipient, caller), caller)

    async def _asked(self, mx: Mx, recipient: bytes, domain: bytes, caller: Caller) -> Checked:
        case, detail = await look_up(mx, domain, none=Case.RCPT_MX, doubt=Case.RCPT_DNS)
        checked = _relayed(recipient, caller) if case is None else _refused(case, recipient, detail)
        return self._finish(checked, caller)

    def _look_up(self, recipient: bytes, local: bytes, domain: bytes, caller: Caller) -> Checked | Question:
        try:
            found = self._vpopmail.domain(domain)
            if found is not None:
                if not self._is_near(found.home):
                    return partial(self._in_folder, found, local, recipient, caller)
                return find_in_domain(self._vpopmail, found, local, recipient, caller.settings)
            if caller.settings.check_local:
                return self._find_local(recipient, caller)
        except CouldNotTell as doubt:
            return _refused(Case.NO_RESOURCE, recipient, str(doubt))
        return Checked(case=Case.ACCEPTED, address=recipient)

    def _find_local(self, recipient: bytes, caller: Caller) -> Checked | Question:
        """Raises CouldNotTell."""
        where = self._routes(caller.controls).find(recipient)
        if not isinstance(where, Local):
            return Checked(case=Case.ACCEPTED, address=recipient)
        account = self._assign.find(where.local)
        if account is None:
            return partial(self._of_system, where.local, recipient)
        if account.dash and not self._is_near(account.home):
            return partial(_of_account, account, recipient)
        return _of_account(account, recipient)

    def _is_near(self, home: bytes) -> bool:
        """Whether it is looked at in the reactor's thread."""
        return home.startswith(self._own) or _OF_VPOPMAIL in home

    def _in_folder(self, domain: Domain, local: bytes, recipient: bytes, caller: Caller) -> Checked:
        """In a thread, so with files of its own. Raises CouldNotTell."""
        vpopmail = Vpopmail(self._assign)
        try:
            return find_in_domain(vpopmail, domain, local, recipient, caller.settings)
        finally:
            vpopmail.close()

    def _of_system(self, local: bytes, recipient: bytes) -> Checked:
        """In a thread: a directory of users may be far away, and every guess asks it. Raises CouldNotTell."""
        return _of_account(self._accounts.find(local), recipient)

    async def _far(self, question: Question, recipient: bytes, caller: Caller) -> Checked:
        try:
            checked: Checked = await self._run_in_thread(question)
        except CouldNotTell as doubt:
            checked = _refused(Case.NO_RESOURCE, recipient, str(doubt))
        return self._finish(checked, caller)

    def _finish(self, checked: Checked, caller: Caller) -> Checked:
        """With what the session has counted by now."""
        case, counting, settings = checked.case, caller.counting, caller.settings
        threshold = counting.threshold if case is Case.TOO_MANY else counting.takes(case, settings)
        return attrs.evolve(
            checked,
            threshold=threshold,
            delay=counting.delay(case, settings),
            hangs_up=counting.hangs_up(case, settings),
        )


def _of_account(account: Account, recipient: bytes) -> Checked:
    """As its `.qmail` files have it. Raises CouldNotTell."""
    if not account.dash:
        return Checked(case=Case.ACCEPTED, address=recipient, account=account)
    found = find_dot_qmail(account.home, account.dash, account.extension)
    if found is None:
        return _refused(Case.NO_MAILBOX, recipient)
    return Checked(case=Case.ACCEPTED, address=recipient, account=account, dot_qmail=found)


def _refused(case: Case, recipient: bytes, detail: str = "") -> Checked:
    return Checked(case=case, address=recipient, detail=detail)


def _relayed(recipient: bytes, caller: Caller) -> Checked:
    """Not in rcpthosts: for whom RELAYCLIENT lets through."""
    if caller.relayclient is None:
        return Checked(case=Case.NOT_RELAYED, address=recipient)
    return Checked(case=Case.RELAYED, address=recipient + caller.relayclient)
