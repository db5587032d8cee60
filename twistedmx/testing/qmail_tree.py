"""A small /var/qmail with domains of vpopmail, for tests and for trying things out: `python -m twistedmx.testing.qmail_tree DIR`.

    example.org     vpopmail; mail for nobody bounces. ann, bob (500 octets of 1000), full (over quota), locked (BOUNCE_MAIL),
                    postmaster, o'brien; alias sales.team, sales-default; lists news (ezmlm), talk (a folder alone), club (mailman)
    example.net     vpopmail; mail for nobody goes to ann@example.org
    example.com     vpopmail; mail for nobody is thrown away; no vpasswd.cdb, its text alone
    alias.example   an alias domain of example.org
    host.example    in locals: users carol and dave of the system, carol-lists-default, alias postmaster and team-default
    virtual.example in virtualdomains: carol's, who has .qmail-virtual-sales
    backup.example  in rcpthosts alone: another host's, for which we are a second MX

It has a small vdelivermail, and no queue: the server delivers by itself, unless a program is put into bin/qmail-queue. The password
of every mailbox is "secret". Nothing in it needs root; made by root, DIR itself and users/ are root's, as a qmail has them that is
installed, for root delivers by no others; and the rest belongs to `uid` and `gid`.
"""

import argparse
import os
import pwd
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from twistedmx.qmail.assign_tables import parse_assign
from twistedmx.qmail.cdb import cdb_hash
from twistedmx.qmail.vpasswd import Flag, parse_vpasswd
from twistedmx.testing.vdelivermail import VDELIVERMAIL

_SECRET: Final = "$6$twistedmx$5nG2Y6nCvXX7OWF8UY1qczxj0Xrn/AfrqGxQ.msByof973g93JJULLdgvN5p.K.CaX.FTOu69tIM/A27gCLxZ/"
_NEVER_ROOT: Final = 1000  # what root makes belongs to this one, if nothing else is said
_CONTROLS: Final = {
    "me": "host.example\n",
    "smtpgreeting": "host.example\n",
    "rcpthosts": "host.example\nexample.org\nexample.net\nexample.com\nalias.example\nvirtual.example\nbackup.example\n",
    "locals": "localhost\nhost.example\n",
    "virtualdomains": "example.org:example.org\nexample.net:example.net\nexample.com:example.com\n"
    "alias.example:alias.example\nvirtual.example:carol-virtual\n",
    "defaultdomain": "host.example\n",
    "envnoathost": "host.example\n",
    "databytes": "20000000\n",
    "badmailfrom": "@spam.example\n",
}
_RULES: Final = '127.:allow,RELAYCLIENT=""\n192.0.2.:allow,CHKUSER_START="NONE"\n:allow,CHKUSER_RCPTLIMIT="50"\n'


@attrs.frozen(kw_only=True)
class QmailTree:
    """Where it is. `root`: what /var/qmail is; `domains`: the folder of vpopmail's, with one for each domain."""

    root: str
    uid: int
    gid: int

    @property
    def domains(self) -> str:
        return os.path.join(self.root, "vpopmail", "domains")

    def domain(self, name: str, *names: str) -> str:
        """A path in the folder of a domain."""
        return os.path.join(self.domains, name, *names)

    def home(self, user: str, *names: str) -> str:
        """A path in the home of a user of the system."""
        return os.path.join(self.root, "alias" if user == "alias" else os.path.join("home", user), *names)

    def user_named(self, name: str) -> pwd.struct_passwd:
        """As pwd.getpwnam; this system has the users alias, carol, dave and, with a home that is not his, eve."""
        if name not in ("alias", "carol", "dave", "eve"):
            raise KeyError(name)
        uid = self.uid + 1 if name == "eve" else self.uid
        home = self.home("carol" if name == "eve" else name)
        return pwd.struct_passwd((name, "x", uid, self.gid, name, home, "/bin/sh"))


def make_qmail_tree(root: str, *, uid: int | None = None, gid: int | None = None) -> QmailTree:
    """Make it in `root`, a folder that is empty or not there. `uid`, `gid`: of mailboxes and homes, never 0. Raises OSError."""
    uid = (os.getuid() or _NEVER_ROOT) if uid is None else uid
    gid = (os.getgid() or _NEVER_ROOT) if gid is None else gid
    tree = QmailTree(root=os.path.abspath(root), uid=uid, gid=gid)
    os.makedirs(tree.root, exist_ok=True)
    if os.listdir(tree.root):
        raise FileExistsError(17, "is not empty", tree.root)
    for path, text in _files(tree).items():
        _write(os.path.join(tree.root, path), text)
    os.chmod(os.path.join(tree.root, "vpopmail", "bin", "vdelivermail"), 0o755)
    for folder in _maildirs(tree):
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(folder, part))
    _write_cdbs(tree)
    if os.geteuid() == 0:
        _give_away(tree)
    return tree


def _give_away(tree: QmailTree) -> None:
    """All but what root has to have, which others read."""
    users = os.path.join(tree.root, "users")
    for folder, _, files in os.walk(tree.root):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            if path == tree.root or path == users or os.path.dirname(path) == users:
                os.chown(path, 0, 0)
                os.chmod(path, 0o755 if path == folder else 0o644)
            else:
                os.chown(path, tree.uid, tree.gid)


def remake(tree: QmailTree) -> None:
    """users/cdb of users/assign, and each vpasswd.cdb that is there of its vpasswd, after one of them was edited."""
    _write_cdbs(tree)


def _files(tree: QmailTree) -> Mapping[str, str]:
    """Each file with text, by its path."""
    files = {f"control/{name}": text for name, text in _CONTROLS.items()}
    files["users/assign"] = _assign(tree)
    files["vpopmail/bin/vdelivermail"] = VDELIVERMAIL
    deliver = f"| {tree.root}/vpopmail/bin/vdelivermail ''"
    files["etc/tcp.smtp"] = _RULES
    files |= {
        "alias/.qmail-postmaster": "carol\n",
        "alias/.qmail-team-default": "carol\ndave\n",
        "home/carol/.qmail": "./Maildir/\n",
        "home/carol/.qmail-lists-default": "./Maildir/\n",
        "home/carol/.qmail-virtual-sales": "./Maildir/\n",
    }
    for domain, text in {
        "example.org": f"{deliver} bounce-no-mailbox\n",
        "example.net": f"{deliver} ann@example.org\n",
        "example.com": f"{deliver} delete\n",
    }.items():
        files[f"vpopmail/domains/{domain}/.qmail-default"] = text
        files[f"vpopmail/domains/{domain}/vpasswd"] = _vpasswd(tree, domain)
    org = "vpopmail/domains/example.org/"
    files |= {
        f"{org}.qmail-sales:team": "&ann@example.org\n&bob@example.org\n",
        f"{org}.qmail-sales-default": "&ann@example.org\n",
        f"{org}.qmail-a:b-default": "&ann@example.org\n",
        f"{org}.qmail-club": "|/usr/lib/mailman/mail/mailman post club\n",
        f"{org}.qmail-plain": "&bob@example.org\n",
        f"{org}talk/editor": "",
        f"{org}bob/Maildir/maildirsize": "1000S\n500 1\n",
        f"{org}full/Maildir/maildirsize": "1000S\n1200 3\n",
    }
    files |= _ezmlm(org, "news")
    return files


def _ezmlm(org: str, name: str) -> Mapping[str, str]:
    """A list as ezmlm-make lays it out, as far as anybody here looks."""
    listed = f"{org}{name}/"
    files = {f"{listed}{part}": "" for part in ("editor", "lock", "public")} | {f"{listed}outlocal": f"{name}\n"}
    files[f"{org}.qmail-{name}"] = f"|/usr/local/bin/ezmlm/ezmlm-send '{name}'\n"
    files[f"{org}.qmail-{name}-default"] = f"|/usr/local/bin/ezmlm/ezmlm-manage '{name}'\n"
    return files


def _assign(tree: QmailTree) -> str:
    lines = [
        f"+{name}-:{real}:{tree.uid}:{tree.gid}:{tree.domain(real)}:-::\n"
        for name, real in {
            "example.org": "example.org",
            "example.net": "example.net",
            "example.com": "example.com",
            "alias.example": "example.org",
        }.items()
    ]
    lines.append(f"=carol.king:carol:{tree.uid}:{tree.gid}:{tree.home('carol')}:::\n")
    return "".join(lines) + ".\n"


def _vpasswd(tree: QmailTree, domain: str) -> str:
    people = {"postmaster": (0, "NOQUOTA"), "ann": (0, "NOQUOTA")}
    if domain == "example.org":
        people |= {
            "bob": (0, "1000S"),
            "full": (0, "1000S"),
            "locked": (int(Flag.BOUNCE_MAIL), "NOQUOTA"),
            "o'brien": (0, "10MB"),
            "no-smtp": (int(Flag.NO_SMTP), "NOQUOTA"),
        }
    return "".join(
        f"{name}:{_SECRET}:0:{flags}:{name}:{tree.domain(domain, name)}:{quota}:secret\n"
        for name, (flags, quota) in people.items()
    )


def _maildirs(tree: QmailTree) -> list[str]:
    folders = [tree.home(user, "Maildir") for user in ("carol", "dave")]
    for domain in ("example.org", "example.net", "example.com"):
        names = parse_vpasswd(_vpasswd(tree, domain).encode())
        folders += [tree.domain(domain, name.decode(), "Maildir") for name in names]
    return folders


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _write_cdbs(tree: QmailTree) -> None:
    with open(os.path.join(tree.root, "users", "assign"), "rb") as file:
        entries = parse_assign(file.read())
    ends = bytes(sorted({key[-1] for key in entries if not key.endswith(b"\0") and len(key) > 1}))
    _write_cdb(os.path.join(tree.root, "users", "cdb"), [*entries.items(), (b"", ends)])
    for domain in ("example.org", "example.net"):
        with open(tree.domain(domain, "vpasswd"), "rb") as file:
            people = parse_vpasswd(file.read())
        _write_cdb(tree.domain(domain, "vpasswd.cdb"), people.items())


def _write_cdb(path: str, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    """A constant database (cdb(5)), written beside and renamed, as cdbmake does."""
    pair = struct.Struct("<LL")
    records, position = [], 2048
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    for key, data in pairs:
        hashed = cdb_hash(key)
        tables[hashed % 256].append((hashed, position))
        records.append(pair.pack(len(key), len(data)) + key + data)
        position += len(records[-1])
    header, rest = [], []
    for table in tables:
        header.append(pair.pack(position, 2 * len(table)))
        slots = [(0, 0)] * (2 * len(table))
        for hashed, at in table:
            slot = (hashed >> 8) % len(slots)
            while slots[slot][1]:
                slot = (slot + 1) % len(slots)
            slots[slot] = hashed, at
        rest.append(b"".join(pair.pack(*slot) for slot in slots))
        position += 8 * len(slots)
    with open(path + ".tmp", "wb") as file:
        file.write(b"".join((*header, *records, *rest)))
    os.rename(path + ".tmp", path)


def main(arguments: list[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(
        prog="python -m twistedmx.testing.qmail_tree", description="Make a small /var/qmail with domains of vpopmail."
    )
    parser.add_argument("folder", metavar="DIR", help="where: a folder that is empty, or not there")
    parser.add_argument("--uid", type=int, help="whose mailboxes and homes are; default: yours, or 1000 for root")
    parser.add_argument("--gid", type=int, help="and which group's")
    wanted = parser.parse_args(arguments)
    try:
        tree = make_qmail_tree(wanted.folder, uid=wanted.uid, gid=wanted.gid)
    except OSError as error:
        print(f"{wanted.folder}: {error.strerror}; name a folder that is empty or not there", file=sys.stderr)
        return 1
    print(f"{tree.root} is made, for uid {tree.uid} and gid {tree.gid}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
