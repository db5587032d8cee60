"""The qmail host: what all its connections share."""

from collections.abc import Callable

import attrs

from twistedmx.qmail.call import Call
from twistedmx.qmail.chkuser import Recipients
from twistedmx.qmail.chkuser_senders import Senders
from twistedmx.qmail.delivering import Delivering
from twistedmx.qmail.enhanced import enhanced
from twistedmx.qmail.log_lines import Dialect
from twistedmx.qmail.other_files import OtherFiles
from twistedmx.qmail.rcpt_check import RcptCheck
from twistedmx.qmail.received import Offset
from twistedmx.qmail.valid_recipients import Listing, listing_of
from twistedmx.smtp.reply import Reply


@attrs.frozen(kw_only=True)
class House:
    """`in_qmail_dialect`: what peers hear. `open_relay`: a missing rcpthosts lets everybody through. `lines`: how those of the log
    look; `indimail`: those of connections as IndiMail has them. `offset`: of local time, as `received.Offset`."""

    recipients: Recipients
    senders: Senders
    delivering: Delivering
    rcpt_check: RcptCheck
    in_qmail_dialect: bool
    open_relay: bool
    lines: Dialect
    indimail: bool = False
    offset: Offset
    now: Callable[[], float]
    _elsewhere: OtherFiles = attrs.field(init=False, repr=False)

    @_elsewhere.default
    def _make_elsewhere(self) -> OtherFiles:
        return OtherFiles(self.recipients.home)

    def said(self, words: Reply) -> Reply:
        """Those of qmail, as this host says them."""
        return words if self.in_qmail_dialect or words.enhanced else enhanced(words)

    def listing_of(self, recipient: bytes, call: Call) -> Listing:
        """What validrcptto says of a recipient; nothing of those of whom may relay. VALIDRCPTTO and MOREVALIDRCPTTO_CDB name other
        files than those of control/; one that is missing lists nobody. Raises BadCdb and BadControls: could not tell."""
        terms = call.terms
        if terms.relayclient is not None:
            return Listing.UNLISTED
        controls = terms.controls
        lines, more = controls.validrcptto, controls.morevalidrcptto
        if other := call.fact(b"VALIDRCPTTO"):
            lines = self._elsewhere.lines(other)
        if other := call.fact(b"MOREVALIDRCPTTO_CDB"):
            more = self._elsewhere.cdb(other)
        return listing_of(recipient, lines, [cdb for cdb in (more, controls.validrcptto_cdb) if cdb is not None])

    def in_envelope(self, address: bytes, recipient: bytes, call: Call) -> bytes:
        """`address`, which chkuser has made of `recipient`, with RELAYCLIENT behind it: in an unpatched qmail, behind every one."""
        relayclient = call.terms.relayclient
        if relayclient is None or call.terms.tree.extends or address != recipient:
            return address
        return address + relayclient
