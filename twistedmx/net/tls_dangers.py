"""What is no fault of the certificates, and yet should not be: for `check-config`, and for a look at a running server.

BUGS: permissions are judged by owner, group and others; access control lists are not seen.
"""

import datetime
import os
import stat
from collections.abc import Iterator
from typing import Final

from twistedmx.net.certificates import BadCertificate, Certificate, read_credential
from twistedmx.net.server_names import covers
from twistedmx.net.tls import TlsSettings

_DAY: Final = 86_400
_SOON: Final = 14 * _DAY  # ACME clients renew 30 days before the end: whoever comes near it has one that fails


def dangers(settings: TlsSettings, *, host: str, at: float) -> list[str]:
    """ "tls.certificate: FILE: what is so; what to do", all of them. `host`: our name. `at`: now, seconds since the epoch.

    A file that cannot be used is a fault, which `read_tls` tells, and no danger.
    """
    if not settings.certificate:
        return []
    files = [("tls.certificate", settings.certificate)]
    files += [(f"tls.certificates[{number}]", path) for number, path in enumerate(settings.certificates)]
    found: list[str] = []
    names: list[str] = []
    for key, path in files:
        found += (f"{key}: {path}: {danger}" for danger in _readable(path))
        try:
            certificate = read_credential(path).certificate
        except BadCertificate:
            continue
        names += certificate.names
        found += (f"{key}: {path}: {danger}" for danger in of_time(certificate, at))
    if names and not covers(names, host.lower()):
        found.append(
            f"tls.certificate: no certificate names {host}, which is what we are called (host); peers that verify, as MTA-STS "
            "asks of them (RFC 8461 4.1), will not deliver: get one for it"
        )
    elif not names:
        found.append("tls.certificate: names no host in its subjectAltName; peers that verify will not deliver")
    return found


def of_time(certificate: Certificate, at: float) -> Iterator[str]:
    """What is wrong with its dates, or soon will be."""
    if at < certificate.begins:
        yield f"holds from {_day(certificate.begins)} on only; is the clock of this machine right?"
    elif at >= certificate.expires:
        yield f"has expired on {_day(certificate.expires)}: renew it, and twistedmx reload"
    elif at >= certificate.expires - _SOON:
        days = int((certificate.expires - at) // _DAY)
        yield f"expires on {_day(certificate.expires)}, in {days} days: renew it, and twistedmx reload"


def _readable(path: str) -> Iterator[str]:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if mode & stat.S_IRWXO:
        yield f"the private key is open to every user of this machine: chmod o= {path}"


def _day(second: float) -> str:
    return f"{datetime.datetime.fromtimestamp(second, datetime.UTC):%Y-%m-%d}"
