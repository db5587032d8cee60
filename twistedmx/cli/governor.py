"""What `status` tells of the governor, in plain words."""

from collections.abc import Mapping
from typing import Any, Final

from twistedmx.cli.wording import name_of, number_of, pairs

# By what moved the limit last: policy.governor.Why. A newer server may have other reasons.
_WHY: Final = {
    "start": "as at the start",
    "wanted": "risen: somebody found no place",
    "load": "held or fallen: the machine has enough to do",
    "lag": "held or fallen: the event loop is late",
    "memory": "held or fallen: memory is scarce",
    "throttled": "held or fallen: the CPU quota holds us back",
    "unused": "fallen: it was not used",
    "settings": "bounded by the settings",
    "descriptors": "bounded by file descriptors",
}
# As policy.record has them.
_RECORDS: Final = {
    "proven": "of good record",
    "familiar": "familiar",
    "stranger": "strangers",
    "failed": "failed",
    "hung_up": "hung up on",
}


def why(told: Mapping[str, Any]) -> str:
    """Why the limit is where it is."""
    word = str(told["why"])
    return _WHY.get(word, word)


def number_waiting(told: Mapping[str, Any]) -> int:
    """Of all records."""
    return sum(told["waiting"].values())


def load_of(told: Mapping[str, Any]) -> str:
    """For each CPU."""
    return _decimal(told["vitals"]["load"])


def governor_row(status: Mapping[str, Any]) -> list[str]:
    """The lines. Raises what comes of another shape."""
    told = dict(status["governor"])
    floor, ceiling = told.pop("floor"), told.pop("ceiling")
    lines = [f"limit {told.pop('limit')} of strangers, {why(told)}; floor {floor}, ceiling {ceiling or 'none'}"]
    del told["why"]
    if "strangers" in told:
        lines += _lanes(told)
    lines.append(_vitals(dict(told.pop("vitals"))))
    pressure, high = told.pop("pressure"), told.pop("under_load")
    presses = "was not judged yet" if pressure is None else f"{pressure['of']}, {pressure['share']:.2f} of its target"
    lines.append(f"presses most: {presses}; limits under load {'HOLD' if high else 'do not hold'}")
    return lines + ([", ".join(pairs(told))] if told else [])


def _lanes(told: dict[str, Any]) -> list[str]:
    """Takes what it tells."""
    strangers, proven, may_go = told.pop("strangers"), told.pop("proven"), told.pop("may_go")
    heard_out = told.pop("heard_out", None)  # an older server has none
    waiting = ", ".join(f"{_RECORDS.get(name, name_of(name))} {count}" for name, count in told.pop("waiting").items())
    refused = ", ".join(f"for {name_of(name)} {number_of(count)}" for name, count in told.pop("refused").items())
    return [
        f"strangers {strangers}, of good record {proven}; of the strangers "
        f"heard out beyond the limit {number_of(heard_out)}, may be displaced {may_go}",
        f"waiting: {waiting}",
        f"refused: {refused}; displaced {told.pop('displaced')}",
    ]


def _vitals(vitals: dict[str, Any]) -> str:
    load, runnable = _decimal(vitals.pop("load")), _decimal(vitals.pop("runnable"))
    lag, free, throttled = vitals.pop("lag"), vitals.pop("free_memory"), vitals.pop("throttled")
    vitals.pop("free_descriptors", None)  # the limit is told
    words = [
        f"load {load}{'' if load == number_of(None) else ' for each CPU'}",
        f"running now {runnable}",
        f"lag {number_of(None) if lag is None else f'{lag * 1000:.1f} ms'}",
        f"free memory {_share(free)}",
        f"throttled {_share(throttled)}",
    ]
    return ", ".join([*words, *pairs(vitals)])


def _decimal(value: float | None) -> str:
    return number_of(None) if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return number_of(None) if value is None else f"{100 * value:.0f} %"
