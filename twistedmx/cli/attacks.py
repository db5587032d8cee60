"""`twistedmx attacks`: which domains are under attack, which addresses flooded, which campaigns there are, what was over lately."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.campaigns import line_of
from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.times import length, moment

_EXAMPLE: Final = """\
$ twistedmx attacks
example.org: under attack since 2026-11-20 10:03:12 UTC, 9 min 5 s
  in the last minute: 412 unknown names, 3 known mailboxes, 187 hosts
  so far: 9120 names in 12031 tries by 2044 hosts, at most 520 names a minute
  hung up on: bad-recipients 1203, rset-abuse 40; 87 blocks
  names like: aaron@example.org, abby@example.org
nobody@example.org: flooded since 2026-11-20 10:01:00 UTC, 11 min 17 s
  in the last minute: 230 tries
  so far: 1204 tries by 611 hosts, at most 260 tries a minute
over: domains that are not ours: under attack from 2026-11-20 08:00:12 UTC on, 31 min 28 s
  in all: 811 names in 902 tries by 1 host, at most 66 names a minute"""
_CALM: Final = "nothing is under attack, and no address is flooded"
_NOT_OURS: Final = "domains that are not ours"


def run(call: Call) -> Status:
    """What goes on, then what is over."""
    answer = call.ask("attacks")
    if call.options.json:
        call.terminal.document(answer)
    else:
        for line in page(answer if isinstance(answer, dict) else {}, most=call.options.most):
            call.terminal.say(line)
    return Status.GOOD


def page(told: Mapping[str, Any], *, most: int) -> Iterator[str]:
    """The lines. `most`: of each, but of what goes on, which is told whole."""
    now = float(told.get("now") or 0.0)
    going_on = [*_domains(told, "under_attack", now), *_addresses(told, "flooded", now)]
    yield from going_on or [_CALM]
    for campaign in (told.get("campaigns") or ())[:most]:
        yield f"campaign: {line_of(campaign)}"
    for row in (told.get("shadow") or ())[:most]:
        yield f"shadow: {_in_shadow(row)}"
    over = {"recent": told.get("recent", [])[:most], "recent_floods": told.get("recent_floods", [])[:most]}
    yield from _domains(over, "recent", now)
    yield from _addresses(over, "recent_floods", now)


def _domains(told: Mapping[str, Any], key: str, now: float) -> Iterator[str]:
    for attack in told.get(key) or ():
        yield _headline(attack["domain"] or _NOT_OURS, "under attack", attack, now)
        if "lately" in attack:
            lately = attack["lately"]
            yield (
                f"  in the last minute: {_number(lately['names'], 'unknown name')}, "
                f"{_number(lately['known'], 'known mailbox', 'es')}, {_number(lately['hosts'], 'host')}"
            )
        yield (
            f"  {_extent(attack)}: {_number(attack['names'], 'name')} in {_number(attack['tries'], 'tr', 'ies', 'y')} "
            f"by {_number(attack['hosts'], 'host')}, at most {_number(attack['peak'], 'name')} a minute"
        )
        hung_up = ", ".join(f"{reason} {count}" for reason, count in attack["hung_up"].items())
        if hung_up or attack["blocks"]:
            yield f"  hung up on: {hung_up or 'nobody'}; {_number(attack['blocks'], 'block')}"
        if attack["samples"]:
            yield f"  names like: {', '.join(attack['samples'])}"


def _addresses(told: Mapping[str, Any], key: str, now: float) -> Iterator[str]:
    for flood in told.get(key) or ():
        yield _headline(flood["address"], "flooded", flood, now)
        if "lately" in flood:
            yield f"  in the last minute: {_number(flood['lately']['tries'], 'tr', 'ies', 'y')}"
        yield (
            f"  {_extent(flood)}: {_number(flood['tries'], 'tr', 'ies', 'y')} by {_number(flood['hosts'], 'host')}, "
            f"at most {_number(flood['peak'], 'tr', 'ies', 'y')} a minute"
        )


def _headline(name: str, what: str, told: Mapping[str, Any], now: float) -> str:
    start, end = float(told["start"]), told["end"]
    if end is None:
        return f"{name}: {what} since {moment(start)}, {length(max(now - start, 0.0))}"
    return f"over: {name}: {what} from {moment(start)} on, {length(max(float(end) - start, 0.0))}"


def _extent(told: Mapping[str, Any]) -> str:
    return "so far" if told["end"] is None else "in all"


def _number(count: int, word: str, several: str = "s", one: str = "") -> str:
    return f"{count} {word}{one if count == 1 else several}"


def _in_shadow(row: Mapping[str, Any]) -> str:
    """What a policy would have refused, and whom it would have hit: that decides whether it may be taken out of shadow."""
    hosts = f"{_number(row['hosts'], 'host')}{' or more' if row['more'] else ''}"
    named = row["named"]
    more = " and more" if row["proven"] > len(named) else ""
    whom = f": {', '.join(named)}{more}" if named else ""
    return (
        f"{row['policy']} would {row['action']} {_number(row['count'], 'time')} since {moment(row['since'])} ({row['reason']}), "
        f"{hosts}, {row['proven']} of them of good record{whom}"
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--most", type=int, default=10, help="of campaigns, of shadow, and of each kind that is over (default 10)"
    )


ATTACKS: Final = Command(
    name="attacks",
    what="which domains are under attack, which addresses are flooded, which campaigns there are, and what was over lately",
    about="As the running server sees it, over all peers. docs/attacks.md says when something begins and ends.",
    example=_EXAMPLE,
    options=_options,
    run=run,
)
