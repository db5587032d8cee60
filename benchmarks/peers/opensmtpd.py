"""OpenSMTPD, of Debian's package, unpacked by benchmarks.peers.install.

Its paths and users are compiled in: it is started in a mount namespace of its own, in which its programs, users and queue are
where it looks for them. Nothing of the system is changed.
"""

import os
import shutil
from collections.abc import Sequence

from benchmarks.peers.peer import DOMAIN, HOST, Peer, Place, first_line, local_parts
from benchmarks.peers.users import FIRST_ID, with_users

_CONFIGURATION = """\
pki {host} cert "{certificate}"
pki {host} key "{key}"
table mailboxes db:{mailboxes}
smtp max-message-size 64M
listen on 127.0.0.1 port {port} tls pki {host} hostname {host}
action "keep" maildir "/nowhere" virtual <mailboxes>
match from any for domain "{domain}" action "keep"
"""
# $1 the unpacked package, $2 our folder.
_START = """\
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
for file in passwd group resolv.conf; do mount --bind "$2/$file" "/etc/$file"; done
for folder in /run /var/spool /var/lib; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty
mount --bind "$2/spool" /var/spool/smtpd
"$2/makemap" -o "$2/mailboxes.db" -t aliases "$2/names"
chmod 644 "$2/mailboxes.db"
exec /usr/sbin/smtpd -d -P mta -P mda -f "$2/smtpd.conf"
"""
_USERS = ("opensmtpd", "opensmtpq")


class OpenSmtpd(Peer):
    name = "opensmtpd"
    title = "OpenSMTPD"
    promise = "nothing synced: the queue's files are written and renamed"
    recipients = "db: table of 10,000 (virtual)"
    differs = "resolver asks files only; delivery paused, mail stays in the queue"
    pipelining = False
    unmeasured = dict.fromkeys(
        ("tls", "tlsflood"), "its process of keys fails with a P-256 key and Debian 12's OpenSSL"
    )
    refusal = 524  # of an unknown name in a virtual domain
    at_once = 4  # its backlog of 5 is compiled in: more at a time lose their first packet, and wait
    most_sessions = 9_900

    def why_not(self) -> str:
        if self.programs is None or not (self.programs / "opensmtpd/root/usr/sbin/smtpd").exists():
            return "opensmtpd is not here: python -m benchmarks.peers.install --only opensmtpd"
        if not shutil.which("unshare"):
            return "unshare is not installed: apt-get install util-linux"
        return "" if os.geteuid() == 0 else "it starts as root only"

    def version(self) -> str:
        said = first_line(f"{self.programs}/opensmtpd/root/usr/sbin/smtpd", "-h")
        return said.removeprefix("version: OpenSMTPD ")

    def command(self, place: Place) -> Sequence[str]:
        folder = place.folder
        (folder / "spool").mkdir(mode=0o711)
        # In place of the system's: no name of a peer is looked up on the network.
        place.write("resolv.conf", "lookup file\n")
        place.write("names", "".join(f"{local}@{DOMAIN}: mail\n" for local in local_parts()))
        with_users(place, _USERS)
        makemap = folder / "makemap"  # is smtpctl by another name, and wants to be of a group
        shutil.copy(f"{self.programs}/opensmtpd/root/usr/sbin/smtpctl", makemap)
        os.chown(makemap, 0, FIRST_ID + _USERS.index("opensmtpq"))
        makemap.chmod(0o2755)
        key = place.write("server.key", place.key.read_text())
        key.chmod(0o600)
        configuration = _CONFIGURATION.format(
            host=HOST,
            domain=DOMAIN,
            certificate=place.certificate,
            key=key,
            port=place.port,
            mailboxes=folder / "mailboxes.db",
        )
        place.write("smtpd.conf", configuration)
        root = f"{self.programs}/opensmtpd/root"
        return ["unshare", "--mount", "sh", "-c", _START, "sh", root, str(folder)]
