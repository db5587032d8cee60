"""A /var/qmail in a temporary folder, and what a session is checked with there."""

import os

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.mx import Mx
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.chkuser import Recipients
from twistedmx.qmail.chkuser_checked import Caller, Checked
from twistedmx.qmail.chkuser_settings import ChkuserSettings
from twistedmx.qmail.vpopmail import Vpopmail
from twistedmx.testing.qmail_tree import QmailTree, make_qmail_tree


@attrs.frozen(kw_only=True)
class Controls:
    """As much of the control files as routes need."""

    me: bytes = b"host.example"
    locals: tuple[bytes, ...] | None = None
    virtualdomains: tuple[bytes, ...] = ()
    percenthack: tuple[bytes, ...] = ()
    envnoathost: bytes = b"host.example"


def lines(path: str) -> tuple[bytes, ...]:
    with open(path, "rb") as file:
        return tuple(file.read().split())


class TreeTest(SynchronousTestCase):
    """Each test has a tree of its own, and a session that begins anew with each `caller`."""

    def setUp(self) -> None:
        self.tree: QmailTree = make_qmail_tree(self.mktemp())
        self.assign = Assign(self.tree.root)
        self.vpopmail = Vpopmail(self.assign)
        self.addCleanup(self.assign.close)
        self.addCleanup(self.vpopmail.close)
        self.controls = Controls(
            locals=lines(self.path("control", "locals")), virtualdomains=lines(self.path("control", "virtualdomains"))
        )

    def path(self, *names: str) -> str:
        return os.path.join(self.tree.root, *names)

    def write(self, text: str, *names: str) -> None:
        with open(self.path(*names), "w", encoding="ascii") as file:
            file.write(text)

    def lock(self, path: str) -> None:
        """Make it unreadable, for root as well: a symbolic link to itself."""
        if os.path.exists(path):
            os.rename(path, path + ".before")
        os.symlink(path, path)

    def recipients(self, mx: Mx | None = None) -> Recipients:
        accounts = Accounts(self.tree.user_named)
        return Recipients(assign=self.assign, accounts=accounts, vpopmail=self.vpopmail, mx=mx)

    def caller(self, relayclient: bytes | None = None, **settings: object) -> Caller:
        changed = attrs.evolve(ChkuserSettings(), **settings)  # type: ignore[arg-type]
        return Caller(settings=changed, controls=self.controls, relayclient=relayclient)

    def check(
        self, recipient: bytes, caller: Caller | None = None, *, allowed: bool = True, **settings: object
    ) -> Checked:
        """Of a session with these settings; without an MX look-up, at once."""
        checked = self.recipients().check(recipient, caller or self.caller(**settings), allowed=allowed)
        if not isinstance(checked, Checked):
            checked = self.successResultOf(Deferred.fromCoroutine(checked))
        return checked
