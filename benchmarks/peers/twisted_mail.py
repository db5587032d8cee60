"""Stock Twisted: twisted.mail.smtp.ESMTP, with the least glue that keeps mail."""

import sys
from collections.abc import Sequence

import twisted

from benchmarks.peers.peer import Peer, Place
from benchmarks.peers.pypy import DIFFERS, OnPyPy


class TwistedMail(Peer):
    name = "twisted"
    title = "stock twisted.mail"
    promise = "Maildir file synced, in the reactor's thread; its folder not"
    recipients = "set in memory"
    differs = "backlog 4096; logs nothing"
    pipelining = False

    def python(self) -> str:
        """The interpreter that runs it."""
        return sys.executable

    def why_not(self) -> str:
        return ""

    def version(self) -> str:
        return twisted.__version__

    def command(self, place: Place) -> Sequence[str]:
        words = (str(place.port), str(place.folder / "mail"), str(place.certificate), str(place.key))
        return [self.python(), "-m", "benchmarks.peers.twisted_server", *words]


class TwistedMailOnPyPy(OnPyPy, TwistedMail):
    name = "twisted-pypy"
    title = "stock twisted.mail on PyPy"
    differs = f"as twisted.mail, {DIFFERS}"
