"""Ours: `twistd -n twistedmx`, from this source tree."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import twisted

from benchmarks.fault import CannotMeasure
from benchmarks.peers.peer import ADDRESSED, DOMAIN, HOST, ROOT, Peer, Place, local_parts
from benchmarks.peers.pypy import DIFFERS, OnPyPy
from benchmarks.peers.toml import Settings, joined, text
from twistedmx.cli.control import Refused, Unreachable, ask

_TWISTD: Final = "from twisted.scripts.twistd import run; run()"
_MANY: Final = 10**9
_ANSWERED: Final = 5.0  # seconds
# Every session of the load breaks some limit, and what is measured is not that.
_RAISED: Final[Settings] = {
    "limits": {
        "errors": [_MANY] * 3,
        "idle_commands": [_MANY] * 3,
        "messages": [_MANY] * 3,
        "size": 64 << 20,
    },
    "conduct": {"bad_recipients": [_MANY] * 3, "resets": [_MANY] * 3},
    "blocklist": {"hold": 0},
    "governor": {"floor": _MANY, "start": _MANY, "comings": 0, "least": [_MANY] * 3},
    "reputation": {"condemned_after": 0, "networks_after": 0},
    "handshakes": {"host_burst": _MANY, "burst": _MANY, "under_way": _MANY},
}
# All limits as they come; but addresses of loopback are those of the Internet here, not of a private network.
_DEFAULT: Final[Settings] = {"reputation": {"private": True}}


def _placed(place: Place, pem: Path) -> Settings:
    """What the server is at this place. `pem`: its key and certificate."""
    return {
        "": {
            "host": HOST,
            "data": "data",
            "listen": [f"tcp:{place.port}:interface=127.0.0.1:backlog=4096"],
        },
        "mailboxes": {"table": "mailboxes"},
        "tls": {"certificate": str(pem)},
        "log": {"file": "log"},
        "blocklist": {"loopback": True},
    }


class Twistedmx(Peer):
    name = "twistedmx"
    title = "twistedmx"
    promise = "file in each Maildir, and its name, synced"
    recipients = "table of 10,000, in memory"
    differs = (
        "limits of sessions, conduct and handshakes raised, nobody condemned, the blocked do not wait, backlog 4096; log to a "
        "file. Under `victim`, `tlsflood` and `governor` all "
        "limits are its defaults, and loopback is treated as the Internet"
    )

    blocks = True

    python_words: ClassVar[tuple[str, ...]] = ("-c", _TWISTD)
    twistd_words: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[Settings] = {}  # of this one, whatever the case

    def python(self) -> str:
        """The interpreter that runs it."""
        return sys.executable

    def why_not(self) -> str:
        return ""

    def version(self) -> str:
        from twistedmx import __version__

        return f"{__version__}, Twisted {twisted.__version__}"

    def block_everybody(self) -> None:
        words = [sys.executable, "-m", "twistedmx", "ban", "127.0.0.0/8", "--force", "--socket", self._socket]
        said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if said.returncode:
            raise CannotMeasure(f"could not block the load: {said.stderr or said.stdout}")

    def status(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = ask(self._socket, "status", within=_ANSWERED)
        except (Refused, Unreachable) as error:
            raise CannotMeasure(f"could not be asked how it is: {error}") from None
        return told

    @property
    def _socket(self) -> str:
        return str(self._folder / "data/control.sock")

    def command(self, place: Place) -> Sequence[str]:
        self._folder = place.folder
        place.write("mailboxes", "".join(f"{local}@{DOMAIN}\n" for local in local_parts()))
        # A mailbox that is older than today has its folders. No more of them than are written to: ext4 is slow after each removal.
        for local in local_parts()[:ADDRESSED]:
            for name in ("tmp", "new", "cur"):
                (place.folder / "data/mail" / DOMAIN / local / name).mkdir(parents=True)
        pem = place.write("both.pem", place.key.read_text() + place.certificate.read_text())
        pem.chmod(0o600)
        limits = _DEFAULT if place.default_limits else _RAISED
        settings = place.write(
            "twistedmx.toml", text(joined(_placed(place, pem), limits, self.settings, place.settings))
        )
        return [
            *(self.python(), *self.python_words, "-n", "--pidfile=", "--logfile=twistd.log", *self.twistd_words),
            *("twistedmx", "--config", str(settings)),
        ]


class TwistedmxOnPyPy(OnPyPy, Twistedmx):
    name = "twistedmx-pypy"
    title = "twistedmx on PyPy"
    differs = f"as twistedmx, {DIFFERS}"


class OneLane(Twistedmx):
    """Without fair turns (`benchmarks.peers.one_lane`)."""

    name = "twistedmx-one-lane"
    title = "twistedmx without fair turns"
    differs = "as above, and its lanes are one: changed by the harness, for the product cannot be set so"
    scenarios = ("unpunished",)
    python_words = ("-m", "benchmarks.peers.one_lane")


class TwoWorkers(Twistedmx):
    name = "twistedmx-2-workers"
    title = "twistedmx, 2 workers"
    differs = "as twistedmx, and `workers = 2`"
    scenarios = ("workers", "idle")
    workers = 2
    settings: ClassVar[Settings] = {"": {"workers": 2}}


class FourWorkers(Twistedmx):
    name = "twistedmx-4-workers"
    title = "twistedmx, 4 workers"
    differs = "as twistedmx, and `workers = 4`"
    scenarios = ("workers",)
    workers = 4
    settings: ClassVar[Settings] = {"": {"workers": 4}}
