"""The metrics of several workers as those of one server: what counts is added up, what is the same for all is said once.

What is no sum is named here; a metric that is not named is one. Where a worker does not answer, its counters are missing from the
sum until it does: to Prometheus that is a restart, which it knows how to read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

# Each worker has read the same tables and certificates, and writes to the same disk.
_OTHERWISE: Final[Mapping[str, Callable[[float, float], float]]] = {
    "process_start_time_seconds": min,
    "twistedmx_allowed_networks": max,
    "twistedmx_backend_up": min,
    "twistedmx_blocklist_entries": max,
    "twistedmx_build_info": max,
    "twistedmx_certificate_expiry_timestamp_seconds": min,
    "twistedmx_disk_free_bytes": min,
    "twistedmx_mailboxes_loaded": max,
    "twistedmx_mailboxes_loaded_timestamp_seconds": min,
    "twistedmx_mailboxes_usable": min,
    "twistedmx_reload_timestamp_seconds": max,
}


def families_told(families: Iterable[Metric]) -> list[Any]:
    """As JSON can say it: [[name, type, help, [[name of the sample, labels, value], ...]], ...]."""
    return [
        [
            family.name,
            family.type,
            family.documentation,
            [[sample.name, sample.labels, sample.value] for sample in family.samples],
        ]
        for family in families
    ]


def total(told: Iterable[Sequence[Any]]) -> list[Metric]:
    """One family of each name. `told`: what each worker answered."""
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for answer in told:
        for name, kind, about, samples in answer:
            families.setdefault(name, Metric(name, about, kind))
            ours = values.setdefault(name, {})
            join = _OTHERWISE.get(name)
            for sample, labels, value in samples:
                key = (sample, tuple(labels.items()))
                if key not in ours:
                    ours[key] = value
                else:
                    ours[key] = ours[key] + value if join is None else join(ours[key], value)
    for name, family in families.items():
        for (sample, pairs), value in values[name].items():
            family.add_sample(sample, dict(pairs), value)
    return list(families.values())


class _Known(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def registry_of_all(told: Iterable[Sequence[Any]]) -> CollectorRegistry:
    """For a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Known(total(told)))
    return registry
