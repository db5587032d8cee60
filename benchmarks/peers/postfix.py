"""Postfix, as the system has it, with a configuration and a queue of its own."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import DOMAIN, HOST, Peer, Place, first_line, local_parts, missing

_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_DAEMONS = Path("/usr/lib/postfix/sbin")
_MASTER = """\
127.0.0.1:{port} {service}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_MAIN = """\
compatibility_level = 3.6
myhostname = {host}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.255.255.255/32
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
maillog_file = /var/log/benchmark-postfix-{pid}.log
maillog_file_prefixes = /var/log
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = hash:{folder}/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_data_restrictions = check_client_access static:HOLD
smtpd_peername_lookup = no
message_size_limit = 67108864
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_session_cache_database =
smtpd_client_port_logging = no
"""
_RAISED = """\
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000000000
smtpd_hard_error_limit = 1000000000
smtpd_junk_command_limit = 1000000000
smtpd_client_connection_count_limit = 0
default_process_limit = 10200
in_flow_delay = 0
"""


class Postfix(Peer):
    name = "postfix"
    title = "Postfix"
    promise = "queue file synced"
    recipients = "hash: map of 10,000"
    differs = (
        "limits and sleeps of errors off, 10,200 processes, in_flow_delay 0, HOLD at DATA (no delivery), no look-up of the "
        "peer's name, log by postlogd"
    )
    limits = _RAISED
    unmeasured = {"idle-20k": "20,000 processes are more than the machine has memory for"}
    service = "inet n - n - - smtpd"

    def why_not(self) -> str:
        if not shutil.which("postfix", path=_PATH):
            return missing("postfix", "apt-get install postfix")
        return "" if os.geteuid() == 0 else "its master starts as root only"

    def version(self) -> str:
        return first_line("/usr/sbin/postconf", "-d", "-h", "mail_version")

    def command(self, place: Place) -> Sequence[str]:
        folder = place.folder
        table = place.write("mailboxes", "".join(f"{local}@{DOMAIN} {local}/\n" for local in local_parts()))
        place.write(
            "etc/main.cf",
            _MAIN.format(
                host=HOST,
                domain=DOMAIN,
                folder=folder,
                daemons=_DAEMONS,
                certificate=place.certificate,
                key=place.key,
                pid=os.getpid(),
            )
            + self.limits,
        )
        place.write("etc/master.cf", _MASTER.format(port=place.port, service=self.service))
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "postfix", "postfix")
        # postlogd keeps the log even where it is nobody's wish to read it: its cost is part of the server's.
        return [
            *("sh", "-c", 'postmap -c "$1" hash:"$2" && exec postfix -c "$1" start-fg'),
            *("sh", f"{folder}/etc", str(table)),
        ]

    def environment(self, place: Place) -> dict[str, str]:
        return {**super().environment(place), "PATH": _PATH}

    def clean(self, place: Place) -> None:
        """Its log has to be below /var/log."""
        Path(f"/var/log/benchmark-postfix-{os.getpid()}.log").unlink(missing_ok=True)


class PostfixDefault(Postfix):
    """With its own limits: a hundred processes, a sleep behind each error from the tenth on, 421 behind the twentieth."""

    name = "postfix-default"
    title = "Postfix, default limits"
    differs = "HOLD at DATA (no delivery), no look-up of the peer's name, log by postlogd"
    limits = ""
    scenarios = ("victim",)


class Postscreen(Postfix):
    """postscreen in front, which knows all attackers and refuses them by itself: no look-up, no process for each. What a server
    costs that has nothing left to find out."""

    name = "postscreen"
    title = "Postfix postscreen, attackers known"
    recipients = "none of theirs is looked up: 550 to all"
    differs = (
        "as Postfix; the attackers' networks are in postscreen's access list, action enforce, postscreen_greet_wait 1 s, no limit "
        "of commands; the legitimate senders' are permitted"
    )
    limits = (
        _RAISED
        + """\
postscreen_access_list = cidr:$config_directory/access
postscreen_blacklist_action = enforce
postscreen_greet_wait = 1s
postscreen_command_count_limit = 1000000000
"""
    )
    service = "inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd"
    access = "127.0.0.1 permit\n127.200.0.0/16 permit\n127.0.0.0/8 reject\n"
    scenarios = ("unpunished", "victim")

    def command(self, place: Place) -> Sequence[str]:
        place.write("etc/access", self.access)
        return super().command(place)
