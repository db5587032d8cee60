"""notqmail, built by benchmarks.peers.install from its source, under tcpserver of ucspi-tcp."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import DOMAIN, HOST, MAILBOXES, Peer, Place, missing
from benchmarks.peers.users import with_users

# Compiled in. It is there in the mount namespace of the server alone.
HOME = "/run/notqmail"
PROGRAMS = ("qmail-smtpd", "qmail-queue", "qmail-newmrh")
_REFUSED = "refused.example.com"
_USERS = ("alias", "qmaild", "qmaill", "qmailp", "qmailq", "qmailr", "qmails", "qmail", "nofiles")
_QUEUE = ("bounce", "intd", "lock", "pid", "todo")
_SPLIT = ("info", "local", "mess", "remote")  # in 23 folders each
# $1 our folder, $2 the port.
_START = f"""\
set -e
mount --make-rprivate /
for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done
mount -t tmpfs tmpfs /run
mkdir {HOME}
mount --bind "$1/home" {HOME}
{HOME}/bin/qmail-newmrh
exec tcpserver -c 10200 -b 4096 -H -R -l {HOST} 127.0.0.1 "$2" {HOME}/bin/qmail-smtpd
"""


class Notqmail(Peer):
    name = "notqmail"
    title = "notqmail"
    promise = "message and envelope synced by qmail-queue"
    recipients = "none: it knows domains only, 10,000; what it refuses is a domain"
    differs = "tcpserver with 10,200 processes, backlog 4096, no look-ups; no qmail-send runs"
    refusal = 553
    unknown_domain = _REFUSED
    starttls = False
    unmeasured = {"idle-20k": "20,000 processes are more than this machine is given"}

    def _source(self) -> Path:
        return Path(f"{self.programs}/notqmail/source")

    def why_not(self) -> str:
        if not all((self._source() / name).exists() for name in PROGRAMS):
            return "notqmail is not here: python -m benchmarks.peers.install --only notqmail --notqmail SOURCE"
        if os.geteuid() != 0:
            return "it starts as root only, to have the paths that are compiled in"
        return missing("tcpserver", "apt-get install ucspi-tcp")

    def version(self) -> str:
        found = re.search(r"[0-9][0-9.]+", (self._source() / "VERSION").read_text())
        return found[0] if found else "?"

    def command(self, place: Place) -> Sequence[str]:
        home = place.folder / "home"
        for folder in (*_QUEUE, *(f"{name}/{number}" for name in _SPLIT for number in range(23))):
            (home / "queue" / folder).mkdir(parents=True)
        (home / "bin").mkdir()
        for name in PROGRAMS:
            shutil.copy(self._source() / name, home / "bin")
        place.write("home/control/me", f"{HOST}\n")
        place.write("home/control/rcpthosts", f"{DOMAIN}\n")
        place.write("home/control/morercpthosts", "".join(f"d{number}.example.net\n" for number in range(MAILBOXES)))
        with_users(place, _USERS)
        return ["unshare", "--mount", "sh", "-c", _START, "sh", str(place.folder), str(place.port)]
