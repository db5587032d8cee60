"""A qmail host judged without being served: what `twistedmx check-config --qmail` tells, for machines."""

import os
import pwd
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from twistedmx.net.certificates import BadCertificate, read_credential
from twistedmx.net.server_names import covers
from twistedmx.net.tls_dangers import of_time
from twistedmx.qmail.control import Controls
from twistedmx.qmail.finding import Finding, Reader, fault, warning
from twistedmx.qmail.report import Host, Report, report
from twistedmx.qmail.run_script import RunScript, read_run_script
from twistedmx.service.qmail_start import of_host, with_home
from twistedmx.service.qmail_tls import why_not_obeyed
from twistedmx.service.start import read_file
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.machine import account
from twistedmx.settings.paths import in_folder


def look_at_qmail(
    path: str | None,
    home: str | None,
    script: str | None,
    environment: Mapping[bytes, bytes],
    *,
    open_relay: bool,
    at: float,
) -> dict[str, Any] | None:
    """The document of docs/commands.md; None where neither `home` nor the settings name a qmail.

    `path`: the settings file, None for defaults. `script`: a run script. `at`: now, seconds since the epoch. Raises ValueError
    where the run script cannot be read.
    """
    settings = _as_started(path, home, open_relay=open_relay)
    if not settings.qmail.home:
        return None
    read = read_run_script(script) if script else None
    host = Host(
        home=os.path.abspath(settings.qmail.home),
        settings=settings.qmail,
        ceiling=settings.governor.ceiling,
        reader=reader_of(settings, read),
        from_root=os.geteuid() == 0 or bool(path and settings.user),
        environment=environment,
        script=read,
        tcpserver=tcpserver_of(read),
        open_relay=open_relay,
    )
    found = report(host)
    return as_document(
        found, [*found.findings, *_of_certificates(found.controls, os.path.join(found.home, "control"), at)]
    )


def reader_of(settings: Settings, script: RunScript | None) -> Reader:
    """Whom the server becomes: by the settings, or as `tcpserver -u` was, or else who asks."""
    if settings.user:
        named = account(settings.user)
        if named is not None:
            return Reader(name=named.name, uid=named.uid, groups=named.groups)
    who_asks = Reader(name="", uid=os.geteuid(), groups=frozenset((os.getegid(), *os.getgroups())))
    return tcpserver_of(script) or who_asks


def tcpserver_of(script: RunScript | None) -> Reader | None:
    """Whom `tcpserver -u` becomes; None where that is not said, or is nobody here."""
    flag = script.flag("u") if script is not None else None
    found = _user(flag.asked) if flag is not None else None
    if found is None:
        return None
    groups = {found.pw_gid, *os.getgrouplist(found.pw_name, found.pw_gid)}
    return Reader(name=found.pw_name, uid=found.pw_uid, groups=frozenset(groups))


def as_document(found: Report, findings: list[Finding]) -> dict[str, Any]:
    """For machines."""
    return {
        "home": found.home,
        "user": found.reader.name,
        "uid": found.reader.uid,
        "rules": found.rules,
        "badmailfrom": None if found.badmailfrom is None else attrs.asdict(found.badmailfrom),
        "names": [
            {"place": each.place, "name": each.name, "standing": each.standing.value, "words": each.words}
            for each in found.listed
        ],
        "faults": [_written(each) for each in findings if each.is_fault],
        "warnings": [_written(each) for each in findings if not each.is_fault],
    }


def _written(finding: Finding) -> dict[str, str]:
    return {"file": finding.file, "found": finding.found, "remedy": finding.remedy}


def _as_started(path: str | None, home: str | None, *, open_relay: bool) -> Settings:
    """As `twistd twistedmx --qmail` would have them. Without a home where there is no qmail."""
    if path is not None:
        return with_home(_settings(path), home, open_relay=open_relay)
    return of_host(home, None, open_relay=open_relay) if home else Settings()


def _settings(path: str) -> Settings:
    try:
        return read_file(path)
    except BadSettings as error:  # told by `check.findings`
        folder = os.path.dirname(os.path.abspath(path))
        return Settings() if error.rest is None else in_folder(error.rest.settings, folder)


def _user(text: str) -> pwd.struct_passwd | None:
    """By name or number."""
    try:
        return pwd.getpwuid(int(text)) if text.isdigit() else pwd.getpwnam(text)
    except (KeyError, OverflowError):
        return None


def _of_certificates(controls: Controls | None, controls_at: str, at: float) -> Iterator[Finding]:
    if controls is None:
        return
    me = (controls.me or b"").decode("ascii", "replace").lower()
    ciphers = controls.tlsserverciphers
    if ciphers is not None and (why := why_not_obeyed(ciphers)):
        yield warning(
            ciphers.path, f"{why}: our own hold instead", "see `openssl ciphers -v LIST`, or take the file away"
        )
    if controls.servercerts and controls.servercert is None:
        yield warning(
            os.path.join(controls_at, "servercerts"),
            "is read by nobody, for there is no servercert.pem: there is no STARTTLS",
            "put the certificate of this host into control/servercert.pem",
        )
    if controls.servercert is not None:
        yield from _of_certificate(controls.servercert.path, me, at)
    for name, pem in controls.servercerts:
        yield from _of_certificate(pem.path, name, at)


def _of_certificate(path: str, name: str, at: float) -> Iterator[Finding]:
    try:
        certificate = read_credential(path).certificate
    except BadCertificate as bad:
        found, _, remedy = str(bad).removeprefix(f"{path}: ").partition("; ")
        yield fault(
            path, f"{found}: there is no STARTTLS", remedy or "put key, certificate and chain into this one PEM file"
        )
        return
    for danger in of_time(certificate, at):
        found, _, _ = danger.partition(": renew")
        yield warning(path, found.partition(";")[0], "renew it; the next connection has the new one")
    if name and not covers(certificate.names, name):
        names = ", ".join(certificate.names[:3]) or "no host"
        yield warning(path, f"names {names}, not {name}: peers that verify will not deliver", f"get one for {name}")
