"""What is no fault, and yet should not be: settings that let in more than was meant, or promise more than the machine has.

Each function judges one thing, is given what it must know of the world, and returns its warnings: "key: what is so; what to
do". `dangers` asks all of them. None of them binds, writes or changes anything.

BUGS: permissions are judged by owner, group and others: access control lists and mounts that are read-only are not seen. An
address that a NAT forwards to us looks like a stranger's, and is therefore a warning alone.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from twistedmx.mailbox.sql import sqlite_file
from twistedmx.settings.composed import Settings
from twistedmx.settings.endpoints import is_loopback, place_of
from twistedmx.settings.listing import sections
from twistedmx.settings.networks import networks
from twistedmx.settings.secrets import has_secrets, names_secret_file

# 10.0.0.0/8 and fc00::/7, the widest networks that can be somebody's own (RFC 1918 3, RFC 4193 3.1).
_WIDEST: Final = {4: 8, 6: 7}
_SPARE: Final = 64  # descriptors for logs, tables, look-ups, the reactor itself
# What a peer in the networks of a setting may do.
_ANYONE: Final[Mapping[str, str]] = {
    "proxy_from": "anyone there may pretend to come from any address",
    "xclient_from": "anyone there may pretend to come from any address",
    "bare_newline_from": "messages from there may carry others smuggled into them (CVE-2023-51764)",
}
_PUBLIC: Final = ("listen", "listen_tls")  # where the world is meant to come in


@attrs.frozen(kw_only=True)
class Account:
    """A user of the system. `groups`: ids of all of them."""

    name: str
    uid: int
    groups: frozenset[int]


@attrs.frozen(kw_only=True)
class Machine:
    """What of the machine is asked. `resolve`: addresses of a name; raises OSError. `is_ours`: has one of our interfaces
    this address? `account`: by name, None when there is none. `descriptors`: RLIMIT_NOFILE, the hard one. `somaxconn`: the
    kernel's limit of a backlog. `first_free_port`: who is not root may bind from here on. `uid`: who asks. `python`: folders that
    Python imports from.
    """

    resolve: Callable[[str], Sequence[str]]
    is_ours: Callable[[str], bool]
    stat: Callable[[str], os.stat_result]
    account: Callable[[str], Account | None]
    descriptors: int
    somaxconn: int
    first_free_port: int
    uid: int
    python: Sequence[str] = ()


def dangers(settings: Settings, source: str, host: str, machine: Machine) -> list[str]:
    """All of them. `settings`: with absolute paths. `source`: their file, or "". `host`: the name that peers will hear.

    Those of certificates are `net.tls_dangers`.
    """
    found = list(host_is_elsewhere(host, machine))
    if has_secrets(settings):
        found += readable_by_others("this file", source, machine)
    for entry in (entry for section in sections(settings) for entry in section.entries):
        if names_secret_file(entry.name):
            found += readable_by_others(entry.key, entry.value, machine)
        if entry.name == "url":
            found += asks_in_the_clear(entry.key, entry.value)
        if entry.name in _ANYONE:
            found += trusts_too_many(entry.key, entry.value)
        elif entry.unit.startswith("Twisted endpoint") and entry.key not in _PUBLIC:
            texts = (entry.value,) if isinstance(entry.value, str) else entry.value
            found += not_local(entry.key, [text for text in texts if text])
    for key, texts in (("listen", settings.listen), ("listen_tls", settings.listen_tls)):
        found += needs_root(key, texts, machine)
        found += address_is_elsewhere(key, texts, machine)
    found += address_is_elsewhere("metrics.listen", (settings.metrics.listen,), machine)
    found += backlog_is_cut(settings.backlog, machine)
    found += too_few_descriptors(settings, machine)
    found += held_is_cut(settings.blocklist.held, machine)
    found += anybody_commands(settings.control.mode)
    for key, path in _read_again(settings, source):
        found += not_readable(key, path, settings.user, machine)
    found += python_is_out_of_reach(settings.user, machine)
    if settings.mailboxes.passwd and machine.uid != 0:
        found.append(
            "mailboxes.passwd: mail of other users can be written by a server alone that was started as root, and you are "
            f"user {machine.uid}; start it as root, with `user` set"
        )
    if not (machine.uid == 0 and _is_missing(settings.data, machine)):  # else the start makes it, for `user`
        found += not_writable("data", settings.data, settings.user, machine)
    if os.path.isabs(settings.mailboxes.maildir):  # else it is in `data`
        found += not_writable("mailboxes.maildir", settings.mailboxes.maildir, settings.user, machine)
    return found


def readable_by_others(key: str, path: str, machine: Machine) -> Iterator[str]:
    """A file with a password in it is for its owner and his group. A missing one is a fault, told as such."""
    if not path:
        return
    try:
        mode = machine.stat(path).st_mode
    except OSError:
        return
    if mode & stat.S_IROTH:
        yield f"{key}: {path} has a secret in it, and every user of this machine may read it: chmod o-rwx {path}"


def asks_in_the_clear(key: str, url: str) -> Iterator[str]:
    """Whoever stands between reads our token, and can invent mailboxes and Maildirs."""
    if not url.startswith("http://"):
        return
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return
    if not is_loopback(host):
        yield f"{key}: asks {host} in the clear, where others can read and change the answers; write https://"


def host_is_elsewhere(host: str, machine: Machine) -> Iterator[str]:
    """A peer that asks for our name and does not find us may take us for a forger (RFC 5321 4.1.4); an MX must (5.1)."""
    try:
        addresses = machine.resolve(host)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        yield f"host: {host} does not resolve ({reason}); give it an A or AAAA record with the address of this machine"
        return
    if not any(map(machine.is_ours, addresses)):
        yield (
            f"host: {host} is {', '.join(addresses)}, which is no address of this machine; "
            "correct the name or its records, unless a NAT or balancer forwards to us"
        )


def trusts_too_many(key: str, words: Sequence[str]) -> Iterator[str]:
    """Who is believed what he says should be known by name."""
    try:
        listed = networks(words)
    except ValueError:
        return  # a fault, told as such
    alone: list[IPv4Network | IPv6Network] = []
    alone += collapse_addresses(network for network in listed if isinstance(network, IPv4Network))
    alone += collapse_addresses(network for network in listed if isinstance(network, IPv6Network))
    for network in alone:
        if network.prefixlen < _WIDEST[network.version]:
            who = "is everybody" if not network.prefixlen else "is a great part of the Internet"
            yield f"{key}: {network} {who}: {_ANYONE[key.rpartition('.')[2]]}; list the addresses of the hosts that you mean"


def not_local(key: str, endpoints: Sequence[str]) -> Iterator[str]:
    """What is for the operator alone is not for the network."""
    for text in endpoints:
        if not place_of(text).local:
            yield (
                f"{key}: {text} can be reached from other machines, and asks nobody who he is; "
                f"write {text.partition(':interface=')[0]}:interface=127.0.0.1, or let a firewall choose who may"
            )


def needs_root(key: str, endpoints: Sequence[str], machine: Machine) -> Iterator[str]:
    """ip_unprivileged_port_start, 1024 where nobody changed it."""
    for text in endpoints:
        port = place_of(text).port
        if machine.uid != 0 and port is not None and 0 < port < machine.first_free_port:
            yield (
                f"{key}: {text} can be bound by root alone, and you are user {machine.uid}; start it as root with "
                "`user` set, or let systemd open the port (contrib/systemd)"
            )


def address_is_elsewhere(key: str, endpoints: Sequence[str], machine: Machine) -> Iterator[str]:
    """Nobody can listen on another's address, but with net.ipv4.ip_nonlocal_bind; it may be one that comes with a failover."""
    for text in endpoints:
        place = place_of(text)
        if place.interface and not place.local and not machine.is_ours(place.interface):
            yield (
                f"{key}: {text}: {place.interface} is no address of this machine now, and the start cannot bind it; "
                "write one that `ip address` shows"
            )


def backlog_is_cut(backlog: int, machine: Machine) -> Iterator[str]:
    """listen(2) cuts it silently."""
    if backlog > machine.somaxconn:
        yield (
            f"backlog: {backlog} is more than the kernel allows, {machine.somaxconn}; "
            f"sysctl -w net.core.somaxconn={backlog}, or write {machine.somaxconn}"
        )


def too_few_descriptors(settings: Settings, machine: Machine) -> Iterator[str]:
    """A connection is a descriptor, and so is each message that is being written. Beyond the limit nobody gets in.

    Told with the setting that asks for most.
    """
    asked = {
        "backlog": (settings.backlog, "connections waiting"),
        "handshakes.under_way": (settings.handshakes.under_way, "handshakes under way"),
        "blocklist.held": (min(settings.blocklist.held, machine.descriptors // 4), "blocked ones held"),
        "writing.batch": (settings.writing.batch, "messages being written"),
    }
    needed = sum(number for number, _ in asked.values()) + _SPARE
    if needed > machine.descriptors:
        words = ", ".join(f"{number} {what}" for number, what in asked.values())
        most = max(asked, key=lambda key: asked[key][0])
        yield (
            f"{most}: {words} and {_SPARE} to spare need {needed} descriptors, and {_whose(machine)}; raise it to {needed} "
            f"(LimitNOFILE= of systemd, ulimit -Hn), or write {max(asked[most][0] - (needed - machine.descriptors), 1)}"
        )


def held_is_cut(held: int, machine: Machine) -> Iterator[str]:
    """More do not wait, whatever the settings say (net.doorstep)."""
    if held > machine.descriptors // 4:
        yield (
            f"blocklist.held: {held} is more than a fourth of the descriptors, and no more are held: {_whose(machine)}; "
            f"raise it to {held * 4} (LimitNOFILE= of systemd, ulimit -Hn), or write {machine.descriptors // 4}"
        )


def _whose(machine: Machine) -> str:
    return f"this process may have {machine.descriptors} (a server started by systemd has the limit of its unit)"


def anybody_commands(mode: str) -> Iterator[str]:
    """Who may write to the control socket may command the server."""
    if int(mode, 8) & stat.S_IWOTH:
        yield f"control.mode: {mode} lets every user of this machine command the server; write 0660 for a group, or 0600"


def _is_missing(path: str, machine: Machine) -> bool:
    try:
        machine.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _read_again(settings: Settings, source: str) -> Iterator[tuple[str, str]]:
    """Files that a reload or a look-up reads, when root has been given up."""
    yield "this file", source
    yield "mailboxes.table", settings.mailboxes.table
    for number, sql in enumerate(settings.mailboxes.sql):
        yield f"mailboxes.sql[{number}].password_file", sql.password_file
        yield f"mailboxes.sql[{number}].database", sqlite_file(sql.database)
    for number, http in enumerate(settings.mailboxes.http):
        yield f"mailboxes.http[{number}].token_file", http.token_file
        yield f"mailboxes.http[{number}].ca", http.ca
    yield "tls.certificate", settings.tls.certificate
    for number, path in enumerate(settings.tls.certificates):
        yield f"tls.certificates[{number}]", path
    for number, clients in enumerate(settings.tls.clients):
        yield f"tls.clients[{number}].ca", clients.ca


def not_readable(key: str, path: str, user: str, machine: Machine) -> Iterator[str]:
    """Root can read it at the start, and the user whom root becomes cannot at the next reload, or look-up."""
    account = machine.account(user) if user else None
    if account is None or account.uid == 0 or not path:
        return
    try:
        found = machine.stat(path)
    except OSError:
        return
    if not _may(found, account, stat.S_IROTH):
        yield f"{key}: {path} cannot be read by {account.name} once root is given up: chgrp {account.name}, chmod g+r"


def python_is_out_of_reach(user: str, machine: Machine) -> Iterator[str]:
    """A module that is imported for the first time when root has been given up is not found; nor is a codec."""
    account = machine.account(user) if user else None
    if account is None or account.uid == 0:
        return
    for folder in machine.python:
        closed = _closed(folder, account, machine)
        if closed:
            yield (
                f"user: Python is in {folder}, and {account.name} may not enter {closed}: what is imported once root is given up "
                "is not found; install Python and twistedmx where all may read, as /opt"
            )
            return


def _closed(folder: str, account: Account, machine: Machine) -> str:
    """The first folder on the way to this one that the account may not pass, or this one where it may not look; "" for none."""
    parts = Path(folder).parents
    for part in (*map(str, reversed(parts)), folder):
        try:
            found = machine.stat(part)
        except OSError:
            return ""  # we cannot tell
        if not _may(found, account, stat.S_IXOTH | (stat.S_IROTH if part == folder else 0)):
            return part
    return ""


def not_writable(key: str, path: str, user: str, machine: Machine) -> Iterator[str]:
    """A Maildir that cannot be made is a message that cannot be taken. `path`: the part before its first {name} is asked."""
    account = machine.account(user) if user else None
    if account is None or account.uid == 0:
        return
    folder = path.partition("{")[0].rpartition("/")[0] if "{" in path else path
    while True:
        try:
            found = machine.stat(folder or "/")
            break
        except FileNotFoundError:
            if folder in ("", "/"):
                return
            folder = os.path.dirname(folder)
        except OSError:
            return  # we may not look, and cannot tell
    if not stat.S_ISDIR(found.st_mode):
        yield f"{key}: {folder} is no folder; name another, or move it away"
    elif not _may(found, account, stat.S_IWOTH | stat.S_IXOTH):
        yield (
            f"{key}: {account.name} may not write to {folder or '/'}; "
            f"install -d -o {account.name} -m 700 {path.partition('{')[0].rstrip('/') or '/'}"
        )


def _may(found: os.stat_result, account: Account, wanted: int) -> bool:
    """By the first of owner, group and others that fits, as the kernel asks. `wanted`: bits as for others."""
    if found.st_uid == account.uid:
        wanted <<= 6
    elif found.st_gid in account.groups:
        wanted <<= 3
    return found.st_mode & wanted == wanted
