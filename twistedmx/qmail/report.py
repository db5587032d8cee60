"""All that a qmail host has, what becomes of each here, and what is wrong with it: for `check-config`. Reads, and changes nothing.

BUGS: files are looked at by who asks. Where that is neither root nor the server's user, what cannot be looked at counts as closed.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from twistedmx.qmail.chain import PROGRAMS, SMTPDS, TCPSERVER, of_flag
from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.finding import Finding, Reader, fault, warning
from twistedmx.qmail.inventory import inventory, row_of
from twistedmx.qmail.report_controls import Kind, in_controls, kind_of, read_controls
from twistedmx.qmail.report_handing import of_handing
from twistedmx.qmail.report_programs import Variable, as_environment, is_delivered_here, of_programs
from twistedmx.qmail.report_rules import RulesFound, look_at_rules, usual_rules
from twistedmx.qmail.report_users import in_users, not_roots_own
from twistedmx.qmail.run_script import Export, RunScript
from twistedmx.qmail.settings import QmailSettings
from twistedmx.qmail.standings import Standing, Where

_SHELLS_OWN: Final = frozenset(
    ("PATH", "HOME", "SHELL", "PWD", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR", "PS1")
)
_UNKNOWN: Final = "unknown: nobody reads it here; programs in QMAILQUEUE, qmail-spp and RCPTCHECK get it as before"


@attrs.frozen(kw_only=True)
class Host:
    """What is judged. `settings`: as a server would have them. `ceiling`: of [governor], 0 for none. `from_root`: the server would
    be started as root, who delivers then. `environment`: in which it would be. `script`: the run script of the qmail-smtpd before;
    `tcpserver`: whom that becomes there, None where it is not known."""

    home: str
    settings: QmailSettings
    reader: Reader
    ceiling: int = 0
    from_root: bool = False
    environment: Mapping[bytes, bytes] = attrs.field(factory=dict)
    script: RunScript | None = None
    tcpserver: Reader | None = None
    open_relay: bool = False


@attrs.frozen(kw_only=True)
class Listed:
    """One thing that is there. `place`: where it stands: "control", "users", "environment", or a file with line or rule."""

    place: str
    name: str
    standing: Standing
    words: str


@attrs.frozen(kw_only=True)
class Report:
    """`badmailfrom`: None without such a file. `rules`: their file, "" for none."""

    home: str
    reader: Reader
    listed: tuple[Listed, ...]
    badmailfrom: Kind | None
    rules: str
    findings: tuple[Finding, ...]
    controls: Controls | None


def report(host: Host) -> Report:
    """Of what is there now. Never fails: what cannot be read is a finding."""
    settings = host.settings
    open_relay = host.open_relay or settings.open_relay
    controls = read_controls(host.home)
    rules = look_at_rules(host.home, settings.rules or _rules_of_script(host), host.reader, open_relay=open_relay)
    variables = _variables(host, rules)
    # What all connections begin with: qmail-spp's file is one for all where no rule says otherwise.
    environment = as_environment(variables)
    findings: list[Finding] = []
    listed: list[Listed] = []
    try:
        listed += _inventory(host)
    except OSError as error:
        findings.append(
            fault(
                os.path.join(host.home, "control"),
                f"cannot be listed: {error.strerror}",
                "name the folder of qmail, as /var/qmail",
            )
        )
    else:
        findings += in_controls(host.home, controls, settings, host.reader, environment, open_relay=open_relay)
    listed += _of_rules(rules)
    listed += _of_script(host.script)
    findings += _relays(host, open_relay=open_relay)
    findings += rules.findings
    findings += in_users(host.home, host.reader)
    if host.from_root and is_delivered_here(host.home, settings):
        findings += not_roots_own(host.home)
    findings += of_programs(host.home, controls, settings, variables, host.reader)
    findings += of_handing(settings, host.script, variables, host.environment, by=host.tcpserver, reader=host.reader)
    findings += _ceiling(host, controls)
    findings += _of_lines(host)
    has_list = os.path.exists(os.path.join(host.home, "control", "badmailfrom"))
    return Report(
        home=host.home,
        reader=host.reader,
        listed=tuple(listed),
        badmailfrom=kind_of(settings) if has_list else None,
        rules=rules.path,
        findings=tuple(dict.fromkeys(findings)),
        controls=None if isinstance(controls, BadControls) else controls,
    )


def _variables(host: Host, rules: RulesFound) -> list[Variable]:
    found = [Variable(name=name, value=value, source="environment") for name, value in host.environment.items()]
    if host.script is not None:
        found += [
            Variable(name=os.fsencode(each.name), value=os.fsencode(each.value), source=_line(host.script, each.line))
            for each in host.script.exports
            if each.value is not None
        ]
    return found + [
        Variable(name=name, value=value, source=f"{rules.path}: {_shown(key)!r}")
        for name, value, key in rules.variables
    ]


def _inventory(host: Host) -> Iterator[Listed]:
    for found in inventory(host.home, host.environment):
        yield Listed(place=found.where.value, name=found.name, standing=found.standing, words=found.words)


def _of_variable(place: str, name: str) -> Listed:
    row = row_of(Where.ENVIRONMENT, name)
    if row is None:
        return Listed(place=place, name=_printable(name), standing=Standing.UNKNOWN, words=_UNKNOWN)
    return Listed(place=place, name=_printable(name), standing=row.standing, words=row.words)


def _of_rules(rules: RulesFound) -> Iterator[Listed]:
    """A name once, with the first rule that sets it."""
    first: dict[bytes, bytes] = {}
    for name, _, key in rules.variables:
        first.setdefault(name, key)
    for name, key in sorted(first.items()):
        yield _of_variable(f"{rules.path}: {_shown(key)!r}", os.fsdecode(name))


def _of_script(script: RunScript | None) -> Iterator[Listed]:
    if script is None:
        return
    for export in script.exports:
        if export.name not in _SHELLS_OWN:
            yield _of_export(script, export)
    for step in script.steps:
        place = _line(script, step.line)
        if step.flag:
            standing, words = of_flag(step.name, step.flag, step.asked)
            name = step.value if step.flag == "host port" else f"{step.flag} {step.value}".rstrip()
            yield Listed(place=place, name=f"{step.name} {name}", standing=standing, words=words)
            continue
        standing, words = PROGRAMS[step.name]
        if step.name in SMTPDS and step.value:
            words += f"; AUTH asks what [qmail] check_program names: {_as_list(step.value)}"
        yield Listed(place=place, name=step.name, standing=standing, words=words)


def _of_export(script: RunScript, export: Export) -> Listed:
    found = _of_variable(_line(script, export.line), export.name)
    more = "" if export.certain else "; it stands in a condition, and may not be set"
    return attrs.evolve(found, name=f"{found.name}={_printable(export.shown)}", words=found.words + more)


def _as_list(value: str) -> str:
    """The check program and its arguments, as the settings have them; a host name that stands before them is older patches'."""
    words = value.split()
    if "/" not in words[0] and len(words) > 1:
        words = words[1:]
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _relays(host: Host, *, open_relay: bool) -> Iterator[Finding]:
    if open_relay:
        return
    harm = "everybody who comes may send to everybody: an open relay"
    remedy = "unset it, and set it in the rules of your own addresses"
    if b"RELAYCLIENT" in host.environment:
        yield fault("RELAYCLIENT", f"is set in the environment: {harm}", remedy)
    for export in host.script.exports if host.script is not None else ():
        if host.script is not None and export.name == "RELAYCLIENT" and export.certain:
            yield fault(_line(host.script, export.line), f"exports RELAYCLIENT: {harm}, if this server gets it", remedy)


def _ceiling(host: Host, controls: Controls | BadControls) -> Iterator[Finding]:
    wanted = controls.concurrencyincoming if isinstance(controls, Controls) else None
    if wanted and host.ceiling and wanted != host.ceiling:
        yield warning(
            os.path.join(host.home, "control", "concurrencyincoming"),
            f"has {wanted} connections at a time; [governor] ceiling is {host.ceiling}, and that counts here",
            f"write [governor] ceiling = {wanted}; or take one of them away, and the other counts",
        )


def _rules_of_script(host: Host) -> str:
    """What tcpserver has them from; "" where that is not known."""
    flag = host.script.flag("x") if host.script is not None else None
    return os.path.join(host.home, flag.asked) if flag is not None and "$" not in flag.asked else ""


def _of_lines(host: Host) -> Iterator[Finding]:
    """Of a run script: what it has, and the settings do not, or otherwise."""
    script = host.script
    if script is None:
        return
    if not any(step.name in TCPSERVER or step.name in SMTPDS for step in script.steps):
        yield warning(script.file, "runs neither tcpserver nor qmail-smtpd", "name the run script of qmail-smtpd")
    for line, words in script.unread:
        remedy = "call this command in the same environment" + (
            f": {words} twistedmx check-config" * words.startswith("envdir ")
        )
        yield warning(_line(script, line), f"{_printable(words)} sets variables that are not read here", remedy)
    asked, used = _rules_of_script(host), host.settings.rules or usual_rules(host.home)
    flag = script.flag("x")
    if flag is not None and asked and asked != used:
        uses = f"and this server would use {used}" if used else "and this server would have none"
        yield warning(
            _line(script, flag.line), f"tcpserver has the rules {asked}, {uses}", f'write [qmail] rules = "{asked}"'
        )


def _line(script: RunScript, line: int) -> str:
    return f"{script.file}:{line}"


def _shown(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")


def _printable(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "backslashreplace")
