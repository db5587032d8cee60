"""The real process of `lspawn` with users of the test's, and the server's side of it."""

import os
import shutil
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import defer
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.qmail.homes import MESSAGE
from twistedmx.qmail.endings import Ending
from twistedmx.qmail.local_terms import Limits, Terms
from twistedmx.qmail.lspawn_peer import LspawnPeer, start_lspawn

ROOT = os.geteuid() == 0
ANN, BOB = (65533, 65532) if ROOT else (os.getuid(), os.getuid())  # no distribution gives them to anybody
ANNS_GROUP = ANN if ROOT else os.getgid()

START = (
    "import sys; sys.path += sys.argv[1:3]; del sys.argv[1:3]; import os, time; from twistedmx.qmail import lspawn; "
)
RUN = "lspawn.main(sys.argv[1:], seconds=time.monotonic, now=time.time)"
AS_ANN = f"os.setgid({ANN}); os.setuid({ANN}); " if ROOT else ""


class LspawnCase(TestCase):
    """`users/assign` in a home of qmail, and homes of users."""

    timeout = 60

    def setUp(self) -> None:
        self.base = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        os.chmod(self.base, 0o755)
        for folder in ("users", "bin"):
            os.makedirs(f"{self.base}/qmail/{folder}")
        self.entries = ""
        self.program = START + RUN
        self.limits: dict[str, Any] = {"seconds": 20.0}
        self.default_delivery = "./Maildir/"

    def user(self, name: str, uid: int, *, entry: str = "{name}:{uid}:{gid}:{home}:::") -> Path:
        """A home with a Maildir, and entries for the user and for all of his extensions."""
        home = Path(self.base, name)
        gid = uid if ROOT else os.getgid()
        for folder in (home, home / "Maildir", *(home / "Maildir" / kind for kind in ("tmp", "new", "cur"))):
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, gid)
        self.entries += f"={name}:" + entry.format(name=name, uid=uid, gid=gid, home=home) + "\n"
        self.entries += f"+{name}-:{name}:{uid}:{gid}:{home}:-::\n"
        Path(self.base, "qmail/users/assign").write_text(self.entries + ".\n")
        return home

    def says(self, home: Path, octets: str, name: str = ".qmail") -> None:
        """Write his .qmail file."""
        file = home / name
        file.write_text(octets)
        status = home.stat()
        os.chown(file, status.st_uid, status.st_gid)
        file.chmod(0o600)

    def begin(self) -> LspawnPeer:
        """Start it."""
        from twisted.internet import reactor

        terms = Terms(home=f"{self.base}/qmail", default_delivery=self.default_delivery, limits=Limits(**self.limits))
        peer, self.process = start_lspawn(terms, program=self.program)
        self.lspawn = LspawnPeer(
            peer=peer, reactor=reactor, chance=Random(1), limits=terms.limits, process=self.process
        )
        self.addCleanup(self.lspawn.stop)
        return self.lspawn

    def opens(self, message: bytes = MESSAGE) -> Any:
        """Opens it again and again."""
        file = tempfile.TemporaryFile()  # noqa: SIM115
        self.addCleanup(file.close)
        file.write(message)
        file.flush()
        return lambda: os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)

    def ask(
        self, local: bytes, *, host: bytes = b"mx.example", sender: bytes = b"s@far.example", message: bytes = MESSAGE
    ) -> "defer.Deferred[Ending]":
        return self.lspawn.ask(local=local, host=host, sender=sender, message=self.opens(message))

    async def until(self, condition: Any) -> None:
        """In turns of the reactor."""
        from twisted.internet import reactor

        for _ in range(2000):
            if condition():
                return
            await deferLater(reactor, 0.005)
        self.fail("it did not come to pass")
