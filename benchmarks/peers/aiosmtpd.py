"""aiosmtpd, of PyPI: the standard library's asyncio."""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence

from benchmarks.peers.peer import Peer, Place


class Aiosmtpd(Peer):
    name = "aiosmtpd"
    title = "aiosmtpd"
    promise = "Maildir file of the standard library synced, in the event loop; its folder not"
    recipients = "set in memory"
    differs = "backlog 4096; logs nothing"
    pipelining = False

    def why_not(self) -> str:
        found = importlib.util.find_spec("aiosmtpd")
        return "" if found else f"aiosmtpd is not installed: {sys.executable} -m pip install aiosmtpd"

    def version(self) -> str:
        return importlib.metadata.version("aiosmtpd")

    def command(self, place: Place) -> Sequence[str]:
        words = (str(place.port), str(place.folder / "mail"), str(place.certificate), str(place.key))
        return [sys.executable, "-m", "benchmarks.peers.aiosmtpd_server", *words]
