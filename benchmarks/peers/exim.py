"""Exim, of Debian's package exim4-daemon-light, unpacked by benchmarks.peers.install or installed."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import DOMAIN, HOST, Peer, Place, local_parts
from benchmarks.peers.users import FIRST_ID, with_users

_CONFIGURATION = """\
primary_hostname = {host}
spool_directory = {folder}/spool
pid_file_path = {folder}/exim.pid
log_file_path = {folder}/log/%s.log
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
domainlist ours = {domain}
acl_smtp_rcpt = rcpt
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 10200
smtp_accept_max_nonmail = 1000000
smtp_accept_max_per_connection = 0
smtp_connect_backlog = 4096
smtp_max_unknown_commands = 100000
smtp_enforce_sync = true
message_size_limit = 64M
queue_only = true
check_spool_space = 0
check_log_space = 0
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
begin acl
rcpt:
  deny message = relay not permitted
       !domains = +ours
  deny message = no such mailbox
       !condition = ${{lookup{{$local_part@$domain}}dbm{{{folder}/mailboxes.dbm}}{{yes}}{{no}}}}
  accept
begin routers
here:
  driver = accept
  transport = nowhere
begin transports
nowhere:
  driver = appendfile
  file = /dev/null
"""


# Its user is compiled in.
_START = """\
set -e
mount --make-rprivate /
for file in passwd group; do mount --bind "$file" "/etc/$file"; done
"$1" names mailboxes.dbm
chmod 644 mailboxes.dbm*
exec "$2" -C "$3" -bdf
"""


class Exim(Peer):
    name = "exim"
    title = "Exim"
    promise = "spool files (content, and envelope with header) synced"
    recipients = "dbm file of 10,000"
    differs = (
        "10,200 connections, limit of commands that are no mail off, backlog 4096, queue_only (no delivery), no look-up of the "
        "peer's name"
    )
    most_sessions = 4096  # it takes no more, whatever smtp_accept_max says

    def _program(self, name: str) -> str:
        root = self.programs / "exim" / "root" if self.programs is not None else Path("/nowhere")
        unpacked = root / "usr/sbin" / name
        return str(unpacked) if unpacked.exists() else shutil.which(name, path="/usr/sbin:/usr/bin") or ""

    def why_not(self) -> str:
        if not self._program("exim4"):
            return "exim4 is not here: python -m benchmarks.peers.install --only exim"
        return "" if os.geteuid() == 0 else "it takes a configuration of ours as root only"

    def version(self) -> str:
        # It says so itself only to those whose system has its user.
        found = re.search(rb"\0(4\.[0-9]+)\0", Path(self._program("exim4")).read_bytes())
        return found[1].decode() if found else "4"

    def _libraries(self) -> str:
        return f"{self.programs}/exim/root/usr/lib/x86_64-linux-gnu" if self.programs is not None else ""

    def command(self, place: Place) -> Sequence[str]:
        folder = place.folder
        with_users(place, ("Debian-exim",))
        place.write("names", "".join(f"{local}@{DOMAIN}: 1\n" for local in local_parts()))
        for name in ("spool", "log"):
            (folder / name).mkdir()
            os.chown(folder / name, FIRST_ID, FIRST_ID)
        configuration = place.write(
            "exim.conf",
            _CONFIGURATION.format(
                host=HOST,
                domain=DOMAIN,
                folder=folder,
                port=place.port,
                certificate=place.certificate,
                key=place.key,
            ),
        )
        programs = (self._program("exim_dbmbuild"), self._program("exim4"))
        return ["unshare", "--mount", "sh", "-c", _START, "sh", *programs, str(configuration)]

    def environment(self, place: Place) -> dict[str, str]:
        return {**super().environment(place), "LD_LIBRARY_PATH": self._libraries()}
