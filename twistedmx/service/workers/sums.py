"""What several workers answered to a command, as one server would: what can be added up is, lists follow one another.

BUGS: a host that was given to another worker (their number has changed since) is known to two. What each kept for itself, as the
domains that it takes for attacked, is told as often as there are workers who think so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twistedmx.report.span import Span, minute_of

Told = Mapping[str, Any]

# Of `status`, where numbers are counts of a worker's own. What is not here is the same for all, and the first one's is told.
_SUMMED: Final = ("sessions", "trail", "handshakes", "rates", "memory", "log", "reputation", "attacks", "blocklist")


def added(one: Any, other: Any) -> Any:
    """Numbers are added up, objects key by key, lists one behind the other; of all else `one`, if it is anything. What is true is
    so for both."""
    if isinstance(one, bool) or isinstance(other, bool):
        return bool(one and other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {key: added(one.get(key), other.get(key)) for key in (*one, *(key for key in other if key not in one))}
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return other if one is None else one


def status(told: Sequence[Told]) -> dict[str, Any]:
    """Of what `state` tells. `told`: one at least."""
    whole = dict(told[0])
    for each in told[1:]:
        for key in _SUMMED:
            if key in whole and key in each:
                whole[key] = added(whole[key], each[key])
    if "governor" in whole:
        whole["governor"] = _governor([each["governor"] for each in told if "governor" in each])
    return whole


def _governor(told: Sequence[Told]) -> dict[str, Any]:
    """Limits and sessions are added up; how the machine is, is said once."""
    whole = dict(told[0])
    for each in told[1:]:
        for key, value in each.items():
            if key in ("limit", "strangers", "heard_out", "proven", "may_go", "waiting", "refused", "displaced"):
                whole[key] = added(whole.get(key), value)
    return whole


def history(told: Sequence[Told]) -> dict[str, Any]:
    """Of what `Recording.told` tells: minute by minute. `most_open` is the sum, which may not have been there at one moment; the
    load is the machine's."""
    minutes: dict[int, Span] = {}
    for each in told:
        for minute in map(minute_of, each["minutes"]):
            if minute.start in minutes:
                ours = minutes[minute.start]
                most_open = ours.most_open + minute.most_open
                ours.add(minute)
                ours.most_open = most_open
            else:
                minutes[minute.start] = minute
    return {**told[0], "minutes": [minutes[start].told() for start in sorted(minutes)]}


def why(told: Sequence[Told]) -> dict[str, Any]:
    """The first that knows, with the sessions and hosts of all. `since`: from when on all remember."""
    whole = dict(next((each for each in told if each["found"]), told[0]))
    whole["since"] = max(each["since"] for each in told)
    for key in ("sessions", "hosts"):
        whole[key] = sorted((row for each in told for row in each[key]), key=lambda row: row["last"])
    whole["older"] = sum(each["older"] for each in told)
    whole["blocks"] = list({block["network"]: block for each in reversed(told) for block in each["blocks"]}.values())
    whole["open"] = next((each["open"] for each in told if each["open"]), None)
    return whole


def samples(told: Sequence[Told], most: int) -> dict[str, Any]:
    """The newest of all. `most`: that were asked for."""
    rows = sorted((row for each in told for row in each["samples"]), key=lambda row: row["at"])
    shown = rows[-most:]
    return {
        **told[0],
        "found": any(each["found"] for each in told),
        "since": max(each["since"] for each in told),
        "samples": shown,
        "older": sum(each["older"] for each in told) + len(rows) - len(shown),
    }


def attacks(told: Sequence[Told]) -> dict[str, Any]:
    """One list behind the other."""
    whole = dict(told[0])
    for each in told[1:]:
        for key, value in each.items():
            if isinstance(value, list):
                whole[key] = [*whole.get(key, []), *value]
    whole["under_load"] = any(each["under_load"] for each in told)
    return whole


def campaigns(told: Sequence[Sequence[Told]]) -> list[Told]:
    """By fingerprint, what each worker has seen of it added up: as hosts have one worker each, these are sums; networks may be
    counted more than once. The worst first."""
    by_name: dict[str, dict[str, Any]] = {}
    for rows in told:
        for row in rows:
            ours = by_name.get(row["fingerprint"])
            if ours is None:
                by_name[row["fingerprint"]] = dict(row)
                continue
            for key in ("good", "bad", "hosts", "networks"):
                ours[key] += row[key]
            ours["first"], ours["age"] = min(ours["first"], row["first"]), min(ours["age"], row["age"])
    return sorted(by_name.values(), key=lambda row: -row["bad"])
