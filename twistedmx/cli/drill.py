"""`twistedmx drill`: a siege from 127.0.0.0/8 against a server of this machine, with a legitimate sender beside it."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.control import Refused, Unreachable
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.hosts import MOST_HOSTS
from twistedmx.drill.plan import HOGS_EACH_CPU, Plan
from twistedmx.drill.sieges import SIEGES
from twistedmx.drill.target import first_target, target_of
from twistedmx.smtp.path import BadPath, parse_path

_EXAMPLE: Final = """\
$ twistedmx drill 1 --minutes 0.2
drill 1, RSET dictionary, on 127.0.0.1:25: passed

attackers   2,402 connections from 121 hosts in 12 s, 281 at once
            19,530 guesses answered, 1,628 a second, at most 9 in a session
            2,148 sessions hung up on, 0 turned away, 0 left by themselves
legitimate  calm    15 sent, 0 failed, p50 6.1 ms, p99 14.2 ms
            attack  60 sent, 0 failed, p50 6.8 ms, p99 22.5 ms
server      takes mail afterwards, memory 52.0 MiB before, at most 54.0 MiB
governor    limit 140 at first, at most 580, at least 140; strangers at most 281, load at most 0.42"""

_VERDICTS: Final = {"passed": Status.GOOD, "failed": Status.NO}
_DEMO: Final = ("demo@localhost", "postmaster@localhost")
_DOMAINS: Final = 5  # of which the postmaster is asked for
_RECIPIENTS: Final = 2  # that are taken unless they are named
_WITHIN: Final = 5.0  # seconds in which a besieged server tells how it is
_LOOPBACK: Final = "127.0.0.0/8"
_DAY: Final = 1440  # minutes


def _number(kind: Callable[[str], Any], least: float, most: float, text: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} to {most:,.16g}")
    return value


def _options(parser: argparse.ArgumentParser) -> None:
    titles = ", ".join(f"{siege.number} {siege.title}" for siege in SIEGES.values())
    parser.add_argument("siege", type=int, choices=tuple(SIEGES), help=titles)
    parser.add_argument(
        "--hosts", type=partial(_number, int, 1, MOST_HOSTS), metavar="N", help="attackers, an address each"
    )
    parser.add_argument(
        "--sessions", type=partial(_number, int, 1, 1_000_000), metavar="N", help="of theirs at once, at the most"
    )
    parser.add_argument(
        "--rate",
        type=partial(_number, float, 0.1, 1e6),
        metavar="R",
        help="of their new connections a second, at the most",
    )
    parser.add_argument(
        "--minutes",
        type=partial(_number, float, 0.01, _DAY),
        default=1.0,
        metavar="M",
        help="that the attack lasts (default: 1)",
    )
    parser.add_argument(
        "--target", metavar="HOST:PORT", help="in 127.0.0.0/8 (default: where the running server listens)"
    )
    parser.add_argument(
        "--recipient",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="who gets the legitimate mail; may be said twice (default: the demo's, or a postmaster)",
    )
    parser.add_argument(
        "--hog",
        type=partial(_number, float, 1, 3600),
        metavar="SECONDS",
        help="let the attack go on for so long beside busy processes, and see how far the server's limit of sessions falls",
    )
    parser.add_argument(
        "--hogs",
        type=partial(_number, int, 1, 1000),
        metavar="N",
        help=f"busy processes (default: {HOGS_EACH_CPU} for each CPU)",
    )
    parser.add_argument("--thresholds", metavar="FILE", help="what counts as passed, where not as shipped (TOML)")


def run(call: Call) -> Status:
    """Progress and remedies go to standard error, the figures to standard output."""
    try:
        plan, told = _plan(call)
        call.terminal.complain(
            f"drill {plan.siege}: {plan.host}:{plan.port}, {plan.hosts:,} hosts, at most {plan.sessions:,} sessions and "
            f"{plan.rate:g} new ones a second; legitimate mail goes to {', '.join(plan.recipients)}"
            + (f"; then {plan.hog:g} s more beside {plan.hogs} busy processes" if plan.hog else "")
        )
        drilled = call.world.drill(
            plan,
            call.options.thresholds,
            ask=partial(call.ask, "status", within=_WITHIN) if told else None,
            tell=call.terminal.complain,
            loopback_is_spared=told and _LOOPBACK in (call.ask("list", {"most": 1}).get("never") or ()),
        )
    except (CannotDrill, ValueError) as error:
        for line in str(error).splitlines():
            call.terminal.complain(f"twistedmx drill: {line}")
        return Status.UNABLE
    if call.options.json:
        call.terminal.document(drilled.document)
    else:
        for line in drilled.lines:
            call.terminal.say(line)
    if drilled.verdict not in _VERDICTS:
        call.terminal.stdout.flush()
        raise KeyboardInterrupt
    return _VERDICTS[drilled.verdict]


def _plan(call: Call) -> tuple[Plan, bool]:
    """What is to be done, and whether the control socket is the target's. Raises CannotDrill and control.Unreachable."""
    options = call.options
    siege = SIEGES[options.siege]
    if options.hogs is not None and options.hog is None:
        raise CannotDrill("--hogs is of --hog SECONDS: say both")
    if options.target is not None:
        host, port = target_of(options.target)
        status = _status_of(call, port)
    else:
        status = call.ask("status")
        host, port = first_target(map(str, status.get("listening") or ()))
    recipients = tuple(map(_checked, options.recipient)) or _found(call, status)
    attack = options.minutes * 60
    return Plan(
        siege=siege.number,
        host=host,
        port=port,
        recipients=recipients,
        hosts=options.hosts or siege.hosts,
        sessions=options.sessions or siege.sessions,
        rate=options.rate or siege.rate,
        calm=min(30.0, max(2.0, attack / 4)),
        attack=attack,
        hog=options.hog or 0.0,
        hogs=(options.hogs or HOGS_EACH_CPU * call.world.cpus) if options.hog else 0,
    ), status is not None


def _status_of(call: Call, port: int) -> Mapping[str, Any] | None:
    """Of the server that listens there; None where it is another one, or has no control socket for us."""
    try:
        status: Mapping[str, Any] = call.ask("status")
    except (Unreachable, Refused):
        return None
    places = [str(place) for place in status.get("listening") or ()]
    # Who has a socket for them is handed the connections that tcpserver accepts there.
    return status if any(place.endswith(f":{port}") or place.startswith("/") for place in places) else None


def _checked(address: str) -> str:
    """Raises CannotDrill."""
    try:
        domain = parse_path(address.encode("ascii")).domain
    except (BadPath, UnicodeError) as error:
        raise CannotDrill(f"--recipient {address}: {error}; write local-part@domain, in ASCII") from None
    if not domain:
        raise CannotDrill(f"--recipient {address}: has no domain; write local-part@domain")
    return address


def _found(call: Call, status: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Who is there: the demo's mailboxes, or the postmaster of the first domain that has one. Raises CannotDrill."""
    if status is not None:
        accepted = _accepted(call, [*_DEMO, *(f"postmaster@{domain}" for domain in _domains(status))])
        first = next(accepted, None)
        if first is not None:
            domain = first.rpartition("@")[2]
            others = (address for address in accepted if address.rpartition("@")[2] == domain)
            return (first, *list(others)[: _RECIPIENTS - 1]) if first in _DEMO else (first,)
        raise CannotDrill(
            "the server has neither the demo's mailboxes nor a postmaster that we know of: name a --recipient"
        )
    raise CannotDrill(
        "no control socket tells whose mailboxes are there: name a --recipient (or --config, or --socket)"
    )


def _accepted(call: Call, addresses: Sequence[str]) -> Iterator[str]:
    for address in addresses:
        try:
            if call.ask("rcpt", {"address": address}).get("verdict") == "accept":
                yield address
        except Refused:
            continue


def _domains(status: Mapping[str, Any]) -> list[str]:
    """Some that the server tells of; a backend may only count them."""
    found: list[str] = []
    for backend in status.get("backends") or ():
        domains = backend.get("domains")
        if isinstance(domains, list):
            found += map(str, domains)
    return found[:_DOMAINS]


DRILL: Final = Command(
    name="drill",
    what="replay a siege against a server of this machine, and see what its mail notices",
    about=(
        "Attackers from 127.0.0.0/8, a legitimate sender beside them, first in calm and then under attack. Refuses every\n"
        "target that is not in 127.0.0.0/8. Status 0: passed; 1: a threshold was not kept; 2: it could not be done.\n"
        "docs/drill.md says what is measured."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
