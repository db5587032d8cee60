"""Brings servers into a folder of their own, beside what the system has: Debian's mail servers exclude one another as packages.

    python -m benchmarks.peers.install [DIR] [--only exim,opensmtpd,haraka,notqmail,pypy] [--notqmail SOURCE]

Debian's packages are downloaded and unpacked, not installed: nothing outside DIR is written. Haraka comes from npm, notqmail is
built from a source tree that you name (https://github.com/notqmail/notqmail; Debian has no package of it). Postfix is used as
the system has it: apt-get install postfix. For PyPy (apt-get install pypy3 pypy3-venv) an environment is made with what ours needs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.notqmail import HOME
from benchmarks.peers.notqmail import PROGRAMS as QMAIL
from benchmarks.peers.peer import ROOT
from benchmarks.program import PROGRAMS

# Each with those libraries that a small Debian does not have.
_DEBIAN = {
    "exim": (
        "exim4-daemon-light",
        "exim4-base",
        "libgnutls-dane0",
        "libunbound8",
        "libnsl2",
        "libidn12",
        "libpcre2-8-0",
    ),
    "opensmtpd": ("opensmtpd", "libevent-2.1-7"),
}


def _debian(name: str, folder: Path, chosen: argparse.Namespace) -> None:
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", *_DEBIAN[name]], cwd=packages, check=True)
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)


def _haraka(name: str, folder: Path, chosen: argparse.Namespace) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"private": True, "dependencies": {"Haraka": "3"}, "overrides": dict(chosen.override)}
    (folder / "package.json").write_text(json.dumps(wanted))
    subprocess.run(
        ["npm", "install", "--no-fund", "--no-audit", "--omit=dev", "--omit=optional"], cwd=folder, check=True
    )


def _notqmail(name: str, folder: Path, chosen: argparse.Namespace) -> None:
    if not chosen.notqmail:
        raise SystemExit("notqmail: name its source tree with --notqmail")
    source = folder / "source"
    shutil.copytree(chosen.notqmail, source, dirs_exist_ok=True)
    (source / "conf-qmail").write_text(f"{HOME}\n")
    subprocess.run(["make", *QMAIL], cwd=source, check=True)


def _pypy(name: str, folder: Path, chosen: argparse.Namespace) -> None:
    subprocess.run(["pypy3", "-m", "venv", folder], check=True)
    # Of ours it has what ours needs; the program itself comes from this tree.
    subprocess.run([folder / "bin" / "pypy3", "-m", "pip", "install", "-q", ROOT], check=True)


_HOW: dict[str, Callable[[str, Path, argparse.Namespace], None]] = {
    "exim": _debian,
    "opensmtpd": _debian,
    "haraka": _haraka,
    "notqmail": _notqmail,
    "pypy": _pypy,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.install",
        description="Brings servers to be measured into a folder of their own; the system stays as it is.",
        epilog="Example: python -m benchmarks.peers.install --only exim,opensmtpd",
    )
    parser.add_argument("folder", nargs="?", default=PROGRAMS, help=f"default {PROGRAMS}")
    parser.add_argument(
        "--only", default="exim,opensmtpd,haraka", help="which, with commas (default exim,opensmtpd,haraka)"
    )
    parser.add_argument("--notqmail", metavar="SOURCE", help="its source tree, to build it from")
    parser.add_argument(
        "--override",
        metavar="PACKAGE=VERSION",
        type=lambda word: word.split("=", 1),
        action="append",
        default=[],
        help="for npm: a version that its registry has, where it lacks the one that Haraka asks for",
    )
    chosen = parser.parse_args()
    names = chosen.only.split(",")
    for name in names:
        if name not in _HOW:
            parser.error(f"--only: there is no {name!r}; there are {', '.join(_HOW)}")
    failed = False
    for name in names:
        try:
            _HOW[name](name, Path(os.path.abspath(os.path.expanduser(chosen.folder))) / name, chosen)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
