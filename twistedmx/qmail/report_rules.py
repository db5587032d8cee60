"""What is wrong with the rules of tcpserver; and the variables that they set."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

import attrs

from twistedmx.qmail.cdb import BadCdb, Cdb
from twistedmx.qmail.finding import Finding, Reader, fault, not_readable, warning

USUAL: Final = ("control/tcp.smtp.cdb", "/etc/tcp.smtp.cdb")
_MOST: Final = 100_000  # records that are looked at
_MAKE: Final = "make it with tcprules: tcprules {0} {0}.tmp < its text"


@attrs.frozen(kw_only=True)
class RulesFound:
    """`path`: "" where there are none. `variables`: (name, value, key of the first rule that sets it) of each name and value."""

    path: str
    variables: tuple[tuple[bytes, bytes, bytes], ...] = ()
    findings: tuple[Finding, ...] = ()


def usual_rules(home: str) -> str:
    """The first of the usual files that is there; "" for none."""
    usual = (os.path.join(home, path) for path in USUAL)
    return next((path for path in usual if os.path.lexists(path)), "")


def look_at_rules(home: str, named: str, reader: Reader, *, open_relay: bool) -> RulesFound:
    """`named`: by the settings; "" for the usual ones, which may be missing."""
    path = named or usual_rules(home)
    if not path:
        return RulesFound(path="")
    unreadable = tuple(not_readable(path, reader, "and nobody is let in"))
    if unreadable:
        return RulesFound(path=path, findings=unreadable)
    try:
        cdb = Cdb(path)
        records = list(islice(cdb.items(), _MOST))
        cdb.get(b"")
        cdb.close()
    except BadCdb as bad:
        found = str(bad).removeprefix(f"{path}: ")
        return RulesFound(path=path, findings=(fault(path, f"{found}: nobody is let in", _MAKE.format(path)),))
    except OSError as error:
        why = error.strerror or str(error)
        return RulesFound(path=path, findings=(fault(path, f"{why}: nobody is let in", _MAKE.format(path)),))
    variables: dict[tuple[bytes, bytes], bytes] = {}
    for key, rule in records:
        for piece in rule.split(b"\0"):
            name, is_set, value = piece[1:].partition(b"=")
            if piece.startswith(b"+") and is_set:
                variables.setdefault((name, value), key)
    return RulesFound(
        path=path,
        variables=tuple((name, value, key) for (name, value), key in variables.items()),
        findings=tuple(_judged(path, dict(reversed(records)), open_relay=open_relay)),
    )


def _judged(path: str, records: dict[bytes, bytes], *, open_relay: bool) -> Iterator[Finding]:
    if any(piece.startswith(b"+RELAYCLIENT=") for piece in records.get(b"", b"").split(b"\0")) and not open_relay:
        yield fault(
            path,
            "its rule for everybody sets RELAYCLIENT: an open relay, through which anybody sends to everybody",
            "set it in the rules of your own addresses alone",
        )
    named = next((key for key in records if b"=" in key), None)
    if named is not None:
        yield warning(
            path,
            f"the rule {named.decode('ascii', 'backslashreplace')!r} asks for the name of a host, and this server looks up none: "
            "it never holds",
            "write addresses, or keep tcpserver, with twistedmx-smtpd in place of qmail-smtpd",
        )
