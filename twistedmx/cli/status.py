"""`twistedmx status`: how a running server is, on one page."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from twistedmx.cli.command import Call, Command, Status
from twistedmx.cli.times import day, length, moment

_EXAMPLE: Final = """\
$ twistedmx status
server        twistedmx 0.1.0, mx.example.org, process 812
since         2026-11-20 08:00:12 UTC, 2 h 3 min
settings      /etc/twistedmx/twistedmx.toml
reloaded      never
listening     0.0.0.0:25, [::]:465
sessions      12 open, 3 tls, 0 waiting
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

_WIDTH: Final = 80  # of what stands beside the labels


def run(call: Call) -> Status:
    """What it does not know of it prints as it came: a newer server tells more."""
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
        rows += _labelled(key.replace("_", " "), _any(value))
    width = max((len(label) for label, _ in rows), default=0)
    return (f"{label:{width}}  {line}".rstrip() for label, line in rows)


def _labelled(label: str, lines: list[str]) -> list[tuple[str, str]]:
    return [(label if not number else "", line) for number, line in enumerate(lines or ["none"])]


def _server(told: Mapping[str, Any]) -> list[str]:
    words = [f"twistedmx {told['version']}", str(told["host"])]
    return [", ".join([*words, f"process {told['pid']}"] if "pid" in told else words)]


def _since(told: Mapping[str, Any]) -> list[str]:
    return [moment(told["since"]) + (f", {length(told['uptime'])}" if "uptime" in told else "")]


def _reloaded(told: Mapping[str, Any]) -> list[str]:
    return [moment(told["reloaded"]) if told["reloaded"] else "never"]


def _sessions(told: Mapping[str, Any]) -> list[str]:
    return [_counts(told["sessions"])]


def _rates(told: Mapping[str, Any]) -> list[str]:
    return [", ".join(f"{_name(name)} {_number(number)}" for name, number in told["rates"].items()) + " a minute"]


def _backends(told: Mapping[str, Any]) -> list[str]:
    return [_backend(**backend) for backend in told["backends"]]


def _backend(*, name: str, state: str = "", domains: Any = None, **more: Any) -> str:
    if isinstance(domains, list):
        shown = ", ".join(map(str, domains[:5]))
        told = f"{shown}, {len(domains) - 5} more" if len(domains) > 5 else shown or "no domains"
    else:
        told = "" if domains is None else f"{domains} domain{'' if domains == 1 else 's'}"
    return f"{name}: {', '.join(filter(None, [told, state, *_pairs(more)]))}"


def _certificates(told: Mapping[str, Any]) -> list[str]:
    return [_certificate(**certificate) for certificate in told["certificates"]]


def _certificate(*, file: str, names: list[str], expires: Any, days_left: float, **more: Any) -> str:
    when = expires if isinstance(expires, str) else day(expires)
    left = f"{int(days_left)} days left" if days_left >= 0 else f"EXPIRED {int(-days_left)} days ago"
    return f"{file}: {', '.join([*map(str, names), f'expires {when}', left, *_pairs(more)])}"


def _memory(told: Mapping[str, Any]) -> list[str]:
    memory = dict(told["memory"])
    resident = memory.pop("resident_octets")
    return [", ".join(["not known" if resident is None else f"{_octets(resident)} resident", *_pairs(memory)])]


def _disk(told: Mapping[str, Any]) -> list[str]:
    disk = dict(told["disk"])
    free = disk.pop("free_octets")
    return [", ".join([f"{_octets(free)} free" if free is not None else "free space not known", *_pairs(disk)])]


def _blocklist(told: Mapping[str, Any]) -> list[str]:
    """And where it is kept, with what is wrong there."""
    blocklist = dict(told["blocklist"])
    store = dict(blocklist.pop("store", {}))
    kept = []
    if store:
        path, fault = store.pop("path"), store.pop("fault")
        kept = [f"stored in {path}", *_pairs(store), *([f"FAULT: {fault}"] if fault else [])]
    return [*_wrapped(_pairs(blocklist)), *_wrapped(kept)]


def _reputation(told: Mapping[str, Any]) -> list[str]:
    reputation = dict(told["reputation"])
    read = "is read from the store" if reputation.pop("read") else "is still being read from the store"
    return _wrapped([*_pairs(reputation), read])


def _handshakes(told: Mapping[str, Any]) -> list[str]:
    handshakes = dict(told["handshakes"])
    refused = [f"for {limit} {_number(count)}" for limit, count in handshakes.pop("refused").items()]
    return _wrapped([*_pairs(handshakes), *([f"refused {refused[0]}", *refused[1:]] if refused else [])])


def _workers(told: Mapping[str, Any]) -> list[str]:
    """Where there are several."""
    return [_worker(**worker) for worker in told["workers"]]


def _worker(*, number: int, pid: Any, state: str, sessions: Any, since: float, **more: Any) -> str:
    words = [f"process {pid}"] if pid is not None else []
    words += [state, *([f"{sessions} sessions"] if sessions is not None else [])]
    if state == "serving":
        words.append(f"since {moment(since)}")
    return f"{number}: {', '.join([*words, *_pairs(more)])}"


# Label, the keys that its line takes, and the words; in the order of the page.
_KNOWN: Final[tuple[tuple[str, tuple[str, ...], Callable[[Mapping[str, Any]], list[str]]], ...]] = (
    ("server", ("version", "host", "pid"), _server),
    ("since", ("since", "uptime"), _since),
    ("settings", ("settings",), lambda told: [str(told["settings"]) or "the demo's"]),
    ("reloaded", ("reloaded",), _reloaded),
    ("listening", ("listening",), lambda told: [", ".join(map(str, told["listening"]))] if told["listening"] else []),
    ("sessions", ("sessions",), _sessions),
    ("rates", ("rates",), _rates),
    ("limits", ("limits",), lambda told: _wrapped(_pairs(told["limits"]))),
    ("backends", ("backends",), _backends),
    ("certificates", ("certificates",), _certificates),
    ("memory", ("memory",), _memory),
    ("disk", ("disk",), _disk),
    ("blocklist", ("blocklist",), _blocklist),
    ("reputation", ("reputation",), _reputation),
    ("handshakes", ("handshakes",), _handshakes),
    ("workers", ("workers",), _workers),
)


def _any(value: Any) -> list[str]:
    """What we know nothing of."""
    if isinstance(value, Mapping):
        return _wrapped(_pairs(value))
    if isinstance(value, list):
        return [", ".join(_pairs(item)) if isinstance(item, Mapping) else _number(item) for item in value]
    return [_number(value)]


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{_name(name)} {_number(value)}" for name, value in values.items()]


def _counts(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{_number(number)} {_name(name)}" for name, number in values.items())


def _wrapped(pairs: list[str]) -> list[str]:
    return textwrap.wrap(", ".join(pairs), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _name(name: str) -> str:
    return name.replace("_", " ")


def _number(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return f"({', '.join(_pairs(value))})"
    if isinstance(value, list) and value and all(type(one) is int for one in value):
        return "/".join(map(str, value))  # of a limit: in calm, under load, under attack
    if isinstance(value, list):
        return ", ".join(map(_number, value)) or "none"
    if value == "":
        return "none"
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _octets(number: float) -> str:
    for unit in ("octets", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.1f} {unit}" if unit != "octets" else f"{number} octets"
        number /= 1024
    return f"{number:.1f} TiB"


STATUS: Final = Command(
    name="status",
    what="how the running server is",
    about="Sessions, rates, limits, backends, certificates and disk of the running server.",
    example=_EXAMPLE,
    run=run,
)
