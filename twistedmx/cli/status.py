"""`twistedmx status`: how a running server is, on one page, or second by second."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.governor import governor_row
from twistedmx.cli.times import day, length, moment
from twistedmx.cli.watch import watch
from twistedmx.cli.wording import anything, counts, name_of, number_of, octets_of, pairs, wrapped

_EXAMPLE: Final = """\
$ twistedmx status
server        twistedmx 0.1.0, mx.example.org, process 812
since         2026-11-20 08:00:12 UTC, 2 h 3 min
settings      /etc/twistedmx/twistedmx.toml
reloaded      never
listening     0.0.0.0:25, [::]:465
sessions      12 open, 3 tls, 0 waiting
governor      limit 580 of strangers, risen: somebody found no place; floor 100, ceiling none
              strangers 9, of good record 3; of the strangers heard out beyond the limit 0, may be displaced 2
              waiting: of good record 0, familiar 0, strangers 1, failed 0, hung up on 4
              refused: for host 7, for network 0, for strangers 12, for descriptors 0; displaced 14
              load 0.42 for each CPU, running now 0.31, lag 1.2 ms, free memory 61 %, throttled not known
              presses most: load, 0.21 of its target; limits under load do not hold
rates         connections 14, messages 2.5, refused recipients 120 a minute
limits        descriptors 524288, size 26214400, recipients 100, hops 100, errors 20/10/5
backends      mailboxes.table: example.org, 40 addresses
              mailboxes.sql[0]: 2 domains, answers
certificates  mx.pem: mx.example.org, expires 2027-01-01, 42 days left
memory        48.2 MiB resident
disk          12.3 GiB free
blocklist     entries 812, turned away 90210, waiting 12, evicted 0, allowed 3
              stored in /var/lib/twistedmx/store.sqlite, waiting 0, failures 0, lost 0
reputation    proven 2041, strangers 51200, networks 31007, fingerprints 4410, is read from
              the store
handshakes    under way 2, refused for host 7, for rate 0, for under-way 0
log           lines lost 0"""

_INTERVAL: Final = 1.0  # seconds
_SHORTEST: Final = 0.1
_LONGEST: Final = 3600.0


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--watch",
        action="store_true",
        help="ask again and again, and show how limit, strangers and load move; until Ctrl-C",
    )
    parser.add_argument(
        "--interval", type=_interval, metavar="SECONDS", help="between two questions of --watch (default: 1)"
    )


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _SHORTEST <= seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {_SHORTEST:g} to {_LONGEST:g}")
    return seconds


def run(call: Call) -> Status:
    """What it does not know of it prints as it came: a newer server tells more."""
    options = call.options
    if options.watch:
        return watch(
            lambda: call.ask("status"),
            call.terminal,
            call.world,
            interval=options.interval or _INTERVAL,
            as_json=options.json,
        )
    if options.interval is not None:
        call.terminal.complain("twistedmx status: --interval is of --watch: say both")
        return Status.UNABLE
    answer = call.ask("status")
    if call.options.json:
        call.terminal.document(answer)
        return Status.GOOD
    for line in page(answer if isinstance(answer, dict) else {"status": answer}):
        call.terminal.say(line)
    return Status.GOOD


def page(status: Mapping[str, Any]) -> Iterator[str]:
    """The lines. Never raises, whatever came."""
    rows: list[tuple[str, str]] = []
    rest = dict(status)
    if rest.get("qmail", "") is None:
        del rest["qmail"]
    elif rest.get("settings") == "" and isinstance(rest.get("qmail"), dict):
        rest["settings"] = f"none, all is as {rest['qmail'].get('home')} has it"
    for label, keys, words in _KNOWN:
        told = {key: rest[key] for key in keys if key in rest}
        if not told:
            continue
        try:
            lines = words(told)
        except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
            continue  # of another shape than we know
        rows += _labelled(label, lines)
        for key in told:
            del rest[key]
    for key, value in rest.items():
        rows += _labelled(key.replace("_", " "), anything(value))
    width = max((len(label) for label, _ in rows), default=0)
    return (f"{label:{width}}  {line}".rstrip() for label, line in rows)


def _labelled(label: str, lines: list[str]) -> list[tuple[str, str]]:
    return [(label if not number else "", line) for number, line in enumerate(lines or ["none"])]


def _server(told: Mapping[str, Any]) -> list[str]:
    words = [f"twistedmx {told['version']}", str(told["host"])]
    return [", ".join([*words, f"process {told['pid']}"] if "pid" in told else words)]


def _since(told: Mapping[str, Any]) -> list[str]:
    return [moment(told["since"]) + (f", {length(told['uptime'])}" if "uptime" in told else "")]


def _qmail(told: Mapping[str, Any]) -> list[str]:
    """And how the connections fare that others hand over, where they do."""
    qmail = dict(told["qmail"])
    home, handed = qmail.pop("home"), qmail.pop("handed_over", None)
    lines = [", ".join([home, *pairs(qmail)])]
    return lines if handed is None else [*lines, f"handed over: {', '.join(pairs(handed))}"]


def _reloaded(told: Mapping[str, Any]) -> list[str]:
    return [moment(told["reloaded"]) if told["reloaded"] else "never"]


def _sessions(told: Mapping[str, Any]) -> list[str]:
    return [counts(told["sessions"])]


def _rates(told: Mapping[str, Any]) -> list[str]:
    return [", ".join(f"{name_of(name)} {number_of(number)}" for name, number in told["rates"].items()) + " a minute"]


def _backends(told: Mapping[str, Any]) -> list[str]:
    return [_backend(**backend) for backend in told["backends"]]


def _backend(*, name: str, state: str = "", domains: Any = None, **more: Any) -> str:
    if isinstance(domains, list):
        shown = ", ".join(map(str, domains[:5]))
        told = f"{shown}, {len(domains) - 5} more" if len(domains) > 5 else shown or "no domains"
    else:
        told = "" if domains is None else f"{domains} domain{'' if domains == 1 else 's'}"
    return f"{name}: {', '.join(filter(None, [told, state, *pairs(more)]))}"


def _certificates(told: Mapping[str, Any]) -> list[str]:
    return [_certificate(**certificate) for certificate in told["certificates"]]


def _certificate(*, file: str, names: list[str], expires: Any, days_left: float, **more: Any) -> str:
    when = expires if isinstance(expires, str) else day(expires)
    left = f"{int(days_left)} days left" if days_left >= 0 else f"EXPIRED {int(-days_left)} days ago"
    return f"{file}: {', '.join([*map(str, names), f'expires {when}', left, *pairs(more)])}"


def _memory(told: Mapping[str, Any]) -> list[str]:
    memory = dict(told["memory"])
    resident = memory.pop("resident_octets")
    return [", ".join(["not known" if resident is None else f"{octets_of(resident)} resident", *pairs(memory)])]


def _disk(told: Mapping[str, Any]) -> list[str]:
    disk = dict(told["disk"])
    free = disk.pop("free_octets")
    return [", ".join([f"{octets_of(free)} free" if free is not None else "free space not known", *pairs(disk)])]


def _blocklist(told: Mapping[str, Any]) -> list[str]:
    """And where it is kept, with what is wrong there."""
    blocklist = dict(told["blocklist"])
    store = dict(blocklist.pop("store", {}))
    kept = []
    if store:
        path, fault = store.pop("path"), store.pop("fault")
        kept = [f"stored in {path}", *pairs(store), *([f"FAULT: {fault}"] if fault else [])]
    return [*wrapped(pairs(blocklist)), *wrapped(kept)]


def _reputation(told: Mapping[str, Any]) -> list[str]:
    reputation = dict(told["reputation"])
    read = "is read from the store" if reputation.pop("read") else "is still being read from the store"
    return wrapped([*pairs(reputation), read])


def _handshakes(told: Mapping[str, Any]) -> list[str]:
    handshakes = dict(told["handshakes"])
    refused = [f"for {limit} {number_of(count)}" for limit, count in handshakes.pop("refused").items()]
    return wrapped([*pairs(handshakes), *([f"refused {refused[0]}", *refused[1:]] if refused else [])])


def _workers(told: Mapping[str, Any]) -> list[str]:
    """Where there are several."""
    return [_worker(**worker) for worker in told["workers"]]


def _worker(*, number: int, pid: Any, state: str, sessions: Any, since: float, **more: Any) -> str:
    words = [f"process {pid}"] if pid is not None else []
    words += [state, *([f"{sessions} sessions"] if sessions is not None else [])]
    if state == "serving":
        words.append(f"since {moment(since)}")
    return f"{number}: {', '.join([*words, *pairs(more)])}"


# Label, the keys that its line takes, and the words; in the order of the page.
_KNOWN: Final[tuple[tuple[str, tuple[str, ...], Callable[[Mapping[str, Any]], list[str]]], ...]] = (
    ("server", ("version", "host", "pid"), _server),
    ("since", ("since", "uptime"), _since),
    ("settings", ("settings",), lambda told: [str(told["settings"]) or "the demo's"]),
    ("qmail", ("qmail",), _qmail),
    ("reloaded", ("reloaded",), _reloaded),
    ("listening", ("listening",), lambda told: [", ".join(map(str, told["listening"]))] if told["listening"] else []),
    ("sessions", ("sessions",), _sessions),
    ("governor", ("governor",), governor_row),
    ("rates", ("rates",), _rates),
    ("limits", ("limits",), lambda told: wrapped(pairs(told["limits"]))),
    ("backends", ("backends",), _backends),
    ("certificates", ("certificates",), _certificates),
    ("memory", ("memory",), _memory),
    ("disk", ("disk",), _disk),
    ("blocklist", ("blocklist",), _blocklist),
    ("reputation", ("reputation",), _reputation),
    ("handshakes", ("handshakes",), _handshakes),
    ("workers", ("workers",), _workers),
)


STATUS: Final = Command(
    name="status",
    what="how the running server is",
    about=(
        "Sessions, governor, rates, limits, backends, certificates and disk of the running server.\n"
        "With --watch a chart that follows the limit of sessions; a line each time, where that is no terminal."
    ),
    example=_EXAMPLE,
    options=_options,
    run=run,
)
