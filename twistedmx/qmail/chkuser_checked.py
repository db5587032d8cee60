"""What chkuser is asked with, and what it answers: values for recipients and senders."""

import attrs

from twistedmx.qmail.account import Account
from twistedmx.qmail.chkuser_cases import REPLIES, Case
from twistedmx.qmail.chkuser_counting import Counting
from twistedmx.qmail.chkuser_settings import ChkuserSettings
from twistedmx.qmail.dot_qmail import Found
from twistedmx.qmail.routes import Routing
from twistedmx.qmail.vpopmail import User
from twistedmx.smtp.reply import Reply


@attrs.frozen(kw_only=True)
class Caller:
    """A session. `settings`: overruled by its environment. `controls`: as they were read for it.

    `relayclient`: the variable RELAYCLIENT, what is put behind recipients elsewhere; None without it. `counting`: its own.
    """

    settings: ChkuserSettings
    controls: Routing
    relayclient: bytes | None = None
    counting: Counting = attrs.Factory(Counting)

    @property
    def must_authenticate(self) -> bool:
        """Has it no right to send anything?"""
        return self.settings.must_auth and self.relayclient is None


@attrs.frozen(kw_only=True)
class Checked:
    """The answer. `address`: as it goes into the envelope; for what is relayed, with the value of RELAYCLIENT behind it.

    `account`: whose a local recipient is, as qmail-local is told; None for what is relayed, refused, or taken unchecked.
    `user`: the mailbox of vpopmail, if it is one. `dot_qmail`: the file that says what becomes of it, if one was looked for.
    `threshold`: what was reached by this recipient, for a line of the log of its own: before that of `case` where it is
    RCPT_THRESHOLD, else behind it. `delay`: seconds until the reply. `detail`: for the log alone, never for the client.
    """

    case: Case
    address: bytes
    account: Account | None = None
    user: User | None = None
    dot_qmail: Found | None = None
    threshold: Case | None = None
    delay: float = 0.0
    hangs_up: bool = False
    detail: str = ""

    @property
    def is_accepted(self) -> bool:
        """Does the client hear 250?"""
        return REPLIES[self.case].code < 400

    @property
    def reply(self) -> Reply:
        """What the client hears, after `delay`."""
        words = REPLIES[self.case]
        return attrs.evolve(words, closes=True) if self.hangs_up else words
