"""What is wrong in control/ of a qmail host, and which kind of list badmailfrom is taken for."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.control_files import NAMES, ControlFiles
from twistedmx.qmail.finding import Finding, Reader, fault, is_older, not_readable, warning
from twistedmx.qmail.settings import QmailSettings
from twistedmx.qmail.spp_file import BadSppFile, read_spp_file
from twistedmx.qmail.trees import TREES

# What no address has, and every other expression does; "*", "+", "?", "{" and "|" may be in an address.
_expression = re.compile(rb"[\\\[\]()^$]|\.\*|^!|^\*@").search
_address = re.compile(rb"[A-Za-z0-9_=-]*(?:[.+][A-Za-z0-9_=-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").fullmatch
# Certificates, without which there is no STARTTLS; and files of which is looked at only whether they are there.
_NOT_READ: Final = frozenset(
    (
        *("servercert.pem", "tlsserverciphers", "clientca.pem", "clientcrl.pem"),
        *("dnsbllist", "dnsblfailclosed", "spfbehavior", "spfrules", "spfguess", "spfexp"),
    )
)
# No release of qmail reads them.
_PATCHED: Final = ("badrcptto", "validrcptto", "brtlimit", "smtpplugins")
_MADE: Final = {
    "morercpthosts": ("morercpthosts.cdb", "run qmail-newmrh"),
    "tcp.smtp": ("tcp.smtp.cdb", "run tcprules, as `qmailctl cdb` does"),
    "morevalidrcptto": ("morevalidrcptto.cdb", "make it anew, as you made it"),
}


@attrs.frozen(kw_only=True)
class Kind:
    """What control/badmailfrom is taken for. `holds`: "addresses" or "patterns". `why`: a sentence's end."""

    holds: str
    why: str


def kind_of(settings: QmailSettings) -> Kind:
    """By the settings alone: no file says it."""
    if settings.badmailfrom:
        return Kind(holds=settings.badmailfrom, why="as [qmail] badmailfrom says")
    holds = "addresses" if settings.exact else "patterns"
    return Kind(holds=holds, why=f'as [qmail] tree = "{settings.tree}" has it; [qmail] badmailfrom says otherwise')


def read_controls(home: str) -> Controls | BadControls:
    """What a connection would be served with now."""
    try:
        return ControlFiles(home, lambda: 0.0).current()
    except BadControls as bad:
        return bad


def in_controls(
    home: str,
    controls: Controls | BadControls,
    settings: QmailSettings,
    reader: Reader,
    environment: Mapping[bytes, bytes],
    *,
    open_relay: bool,
) -> Iterator[Finding]:
    """`open_relay`: it is meant that everybody may send to everywhere."""
    folder = os.path.join(home, "control")
    yield from _unreadable(folder, controls, reader)
    if isinstance(controls, BadControls):
        file, found, remedy = _split(controls)
        yield fault(file, f"{found}; until then every peer hears 421", remedy)
    else:
        yield from _relays(folder, controls, open_relay=open_relay)
        for sentence in controls.faults(exact=settings.exact):
            yield _of_sentence(sentence)
        yield from _other_kind(controls, exact=settings.exact)
    yield from _of_another_tree(folder, settings)
    for source, (made, remedy) in _MADE.items():
        yield from out_of_date(os.path.join(folder, source), os.path.join(folder, made), remedy)
    yield from _plugins(home, environment)


def out_of_date(source: str, made: str, remedy: str) -> Iterator[Finding]:
    """A cdb that is older than what it is made of, or was never made."""
    older = is_older(made, source)
    if older:
        yield warning(made, f"is older than {source}: what was written there since does not hold", remedy)
    elif older is None and os.path.exists(source) and not os.path.exists(made):
        yield warning(made, f"is missing: what {source} has is read by nobody", remedy)


def _unreadable(folder: str, controls: Controls | BadControls, reader: Reader) -> Iterator[Finding]:
    closed = list(not_readable(folder, reader, "and every peer hears 421"))
    yield from closed
    if not closed:
        for name in sorted(NAMES - _NOT_READ):
            yield from not_readable(os.path.join(folder, name), reader, "and every peer hears 421")
        served = [] if isinstance(controls, BadControls) else [pem.path for _, pem in controls.servercerts]
        for path in (os.path.join(folder, "servercert.pem"), *served):
            yield from not_readable(path, reader, "and there is no STARTTLS")
        yield from not_readable(os.path.join(folder, "tlsserverciphers"), reader, "and our own ciphers hold")


def _split(bad: BadControls) -> tuple[str, str, str]:
    found, _, remedy = bad.why.partition(": ")
    return bad.file, found, remedy or "mend it"


def _of_sentence(sentence: str) -> Finding:
    """ "file:place: what; remedy"."""
    place, _, rest = sentence.partition(": ")
    found, _, remedy = rest.rpartition("; ")
    return warning(place, found or rest, remedy if found else "mend the line, or take it out")


def _relays(folder: str, controls: Controls, *, open_relay: bool) -> Iterator[Finding]:
    path = os.path.join(folder, "rcpthosts")
    if controls.rcpthosts is None and not open_relay:
        yield fault(
            path,
            "is missing: for qmail-smtpd that means every domain, an open relay through which anybody sends to everybody",
            "write the domains that you receive for into it, one a line; or, on a host that nobody else reaches, "
            "set [qmail] open_relay or say --allow-open-relay",
        )
    elif controls.rcpthosts == () and not controls.morercpthosts:
        yield warning(path, "is empty: no recipient with a domain is accepted", "write your domains into it")
    elif controls.rcpthosts is None and controls.morercpthosts is not None:
        yield warning(f"{path}: morercpthosts.cdb", "is not asked where rcpthosts is missing", "write rcpthosts")


def _of_another_tree(folder: str, settings: QmailSettings) -> Iterator[Finding]:
    there = [name for name in _PATCHED if os.path.lexists(os.path.join(folder, name))]
    if there and not TREES[settings.tree].extends:
        are = f"{' and '.join(there)}: they are" if len(there) > 1 else f"{there[0]}: it is"
        yield warning(
            folder,
            f'has {are} read by a patched qmail-smtpd alone, and [qmail] tree is "{settings.tree}"',
            'write tree = "sagredo" into [qmail], if this host had the patches of that tree',
        )


def _other_kind(controls: Controls, *, exact: bool) -> Iterator[Finding]:
    lines = controls.badmailfrom
    for place, line in zip(lines.places, lines, strict=True):
        shown = line.decode("ascii", "backslashreplace")
        if exact and _expression(line):
            yield warning(
                f"{lines.file}:{place}",
                f"{shown!r} looks like an expression, and is taken for an address: it hits nobody",
                'write user@host or @host; or, if the list was made for qregex, [qmail] badmailfrom = "patterns"',
            )
        elif not exact and _address(line):
            hit = shown.replace(".", "x", 1)
            yield warning(
                f"{lines.file}:{place}",
                f"{shown!r} looks like an address, and is taken for an expression: it also hits what has {hit!r} in it",
                f"""write {_escaped(shown)}; or, if the list holds addresses, [qmail] badmailfrom = "addresses\"""",
            )
        else:
            continue
        return  # the first tells it all


def _escaped(address: str) -> str:
    """The expression that hits this address alone, or this domain."""
    anchored = address.replace(".", r"\.").replace("+", r"\+") + "$"
    return anchored if address.startswith("@") else f"^{anchored}"


def _plugins(home: str, environment: Mapping[bytes, bytes]) -> Iterator[Finding]:
    told: list[bytes] = []
    try:
        read_spp_file(home, environment, told.append)
    except BadSppFile as bad:
        yield fault(str(bad), "cannot be used", "mend it, or unset ENABLE_SPP")
    for line in told:
        yield warning("ENABLE_SPP", line.decode("utf-8", "backslashreplace").strip(), "mend it, or unset ENABLE_SPP")
