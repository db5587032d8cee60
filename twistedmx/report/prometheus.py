"""The counters as Prometheus reads them: names, labels and help, made when somebody asks. docs/metrics.md has each.

Names follow prometheus.io/docs/practices/naming: base units (bytes, seconds), `_total` for what only grows. Here is no
network: `net.metrics` serves it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from platform import python_version
from typing import Any, Final

import attrs
import twisted
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.logger import Logger

from twistedmx import __version__
from twistedmx.report.counters import Counters, Decided, Histogram, word_of

_log: Final = Logger()


@attrs.frozen(kw_only=True)
class Gauges:
    """What is known elsewhere, asked at each scrape: at once, without waiting for anything.

    `sessions`, `secured`: open ones, and those of them under TLS. `limit`: of strangers' sessions; `waiting`:
    connections, for theirs; `found_no_place`: since the start, by why. `refused_handshakes`: since the start, by the limit that
    they were above. `turned_away`: connections of blocked hosts, since the start; `blocked`: entries of the blocklist; `allowed`:
    networks that the operator allows; `hosts`: that are remembered, by segment. `under_attack`, `flooded`: domains and addresses
    that are; `flooded_tries`: at such addresses, since the start. `certificates`: name and end (seconds since the epoch) of each.
    `free_octets`: on the disk that messages go to; None while nobody knows. `log_lines_lost`: since the start.
    """

    sessions: Callable[[], int]
    secured: Callable[[], int]
    limit: Callable[[], int] = int
    waiting: Callable[[], int] = int
    found_no_place: Callable[[], Mapping[str, int]] = dict
    refused_handshakes: Callable[[], Mapping[str, int]] = dict  # none
    turned_away: Callable[[], int] = int  # none
    blocked: Callable[[], int] = int
    allowed: Callable[[], int] = int
    under_attack: Callable[[], int] = int
    flooded: Callable[[], int] = int
    flooded_tries: Callable[[], int] = int
    hosts: Callable[[], Mapping[str, int]] = dict
    certificates: Callable[[], Iterable[tuple[str, float]]]
    free_octets: Callable[[], int | None]
    log_lines_lost: Callable[[], int]


def registry_of(counters: Counters, gauges: Gauges) -> CollectorRegistry:
    """All that a scrape shows: ours, and what Linux knows of the process."""
    registry = CollectorRegistry()
    registry.register(CountersCollector(counters, gauges))
    ProcessCollector(registry=registry)
    return registry


class CountersCollector(Collector):
    """Asked for each scrape. A gauge that cannot be read is left out, and said in the log."""

    def __init__(self, counters: Counters, gauges: Gauges) -> None:
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """Every family, in the order of docs/metrics.md."""
        yield from self._of_sessions()
        yield from self._of_mail()
        yield from self._of_attacks()
        yield from self._of_policies()
        yield from self._of_mailboxes()
        yield from self._of_the_server()

    def _of_sessions(self) -> Iterator[Metric]:
        counters, gauges = self._counters, self._gauges
        yield _total("sessions_opened", "Sessions that were greeted.", counters.sessions_opened)
        by_reason = {(reason.value,): count for reason, count in counters.sessions.items()}
        yield _totals("sessions", "Sessions that ended, by who ended them and why.", ("reason",), by_reason)
        yield from _gauge("sessions_open", "Sessions that are open.", gauges.sessions)
        yield from _gauge("sessions_secured", "Sessions that are open and under TLS.", gauges.secured)
        yield from _gauge("sessions_limit", "Sessions that strangers may have at a time.", gauges.limit)
        yield from _gauge("connections_waiting", "Connections that wait for their session.", gauges.waiting)
        found_no_place = _asked("connections_refused", gauges.found_no_place)
        if found_no_place is not None:
            by_why = {(why,): count for why, count in found_no_place.items()}
            yield _totals("connections_refused", "Connections that found no place.", ("why",), by_why)
        yield _histogram("session_seconds", "From the greeting of a session to its end.", counters.session_seconds)
        by_protocol = {(protocol,): count for protocol, count in counters.handshakes.items()}
        yield _totals("tls_handshakes", "TLS handshakes that were completed.", ("protocol",), by_protocol)
        by_outcome = {(outcome,): count for outcome, count in counters.authentications.items()}
        yield _totals("authentications", "AUTHs whose credentials were checked.", ("outcome",), by_outcome)
        turned_away = _asked("connections_turned_away", gauges.turned_away)
        if turned_away is not None:
            yield _total("connections_turned_away", "Connections of blocked hosts.", turned_away)
        about = "Entries of the blocklist, the expired that are remembered among them."
        yield from _gauge("blocklist_entries", about, gauges.blocked)
        changes = {(change,): count for change, count in counters.blocks.items()}
        about = "Networks blocked, unblocked, blocked but for shadow, allowed or not any more."
        yield _totals("blocklist_changes", about, ("change",), changes)
        yield from _gauge("allowed_networks", "Networks that the operator allows.", gauges.allowed)
        hosts = _asked("reputation_hosts", gauges.hosts)
        if hosts is not None:
            about = "Hosts that are remembered: proven by their mail, or strangers."
            yield _of_labels("reputation_hosts", about, "segment", hosts)
        refused = _asked("tls_handshakes_refused", gauges.refused_handshakes)
        if refused is not None:
            by_limit = {(limit,): count for limit, count in refused.items()}
            yield _totals("tls_handshakes_refused", "TLS handshakes beyond a limit.", ("limit",), by_limit)

    def _of_mail(self) -> Iterator[Metric]:
        counters = self._counters
        labels = ("verdict", "reason")
        yield _totals("recipients", "RCPTs in transactions that ended.", labels, _decided(counters.recipients))
        yield _totals("messages", "Messages that were answered.", labels, _decided(counters.messages))
        ended = {(reason.value,): count for reason, count in counters.without_message.items()}
        yield _totals("transactions_without_message", "Transactions given up before that.", ("reason",), ended)
        octets = {(action.value,): count for action, count in counters.message_octets.items()}
        yield _totals("message_bytes", "Octets of messages that were answered, as received.", ("verdict",), octets)
        yield _histogram("transaction_seconds", "From MAIL to the end.", counters.transaction_seconds)

    def _of_attacks(self) -> Iterator[Metric]:
        counters, gauges = self._counters, self._gauges
        yield from _gauge("domains_under_attack", "Own domains that are under attack.", gauges.under_attack)
        yield _total("attacks", "Attacks on domains that began.", counters.attacks)
        yield from _gauge("addresses_flooded", "Addresses that are flooded.", gauges.flooded)
        yield _total("floods", "Floods of an address that began.", counters.floods)
        tries = _asked("flooded_tries", gauges.flooded_tries)
        if tries is not None:
            yield _total("flooded_tries", "Refused recipients that were flooded addresses.", tries)

    def _of_policies(self) -> Iterator[Metric]:
        counters = self._counters
        labels = ("policy", "verdict", "reason")
        for name, about, counts in (
            ("policy_refusals", "What a policy has refused.", counters.policy_refusals),
            ("policy_shadow_refusals", "What a policy in shadow would have refused.", counters.shadow_refusals),
        ):
            by_words = {(policy, action.value, reason.value): n for (policy, action, reason), n in counts.items()}
            yield _totals(name, about, labels, by_words)
        failures = {(policy, reason.value): count for (policy, reason), count in counters.policy_failures.items()}
        yield _totals("policy_failures", "Times that a policy could not decide.", ("policy", "reason"), failures)

    def _of_mailboxes(self) -> Iterator[Metric]:
        counters = self._counters
        yield _of_sources("mailboxes_loaded", "Addresses in a table of mailboxes.", counters.addresses)
        yield _of_sources(
            "mailboxes_loaded_timestamp_seconds", "When a table was last read and could be used.", counters.loaded_at
        )
        yield _of_sources(
            "mailboxes_usable",
            "0: the newest version of a table cannot be used, the last good one is.",
            counters.usable,
        )
        yield _of_sources("backend_up", "0: a backend of mailboxes does not answer.", counters.backends)
        yield _total("backend_failures", "Times that a backend of mailboxes went down.", counters.backend_failures)

    def _of_the_server(self) -> Iterator[Metric]:
        counters, gauges = self._counters, self._gauges
        certificates = GaugeMetricFamily(
            "twistedmx_certificate_expiry_timestamp_seconds", "When a certificate ends.", labels=("certificate",)
        )
        for name, end in _asked("certificates", gauges.certificates) or ():
            certificates.add_metric((name,), end)
        yield certificates
        yield from _gauge("disk_free_bytes", "Room where messages are written.", gauges.free_octets)
        results = {(result,): count for result, count in counters.reloads.items()}
        yield _totals("reloads", "Reloads of the settings: taken, or kept as they were.", ("result",), results)
        if counters.reloaded_at:
            yield GaugeMetricFamily(
                "twistedmx_reload_timestamp_seconds", "When settings were last taken up anew.", counters.reloaded_at
            )
        lost = _asked("log_lines_lost", gauges.log_lines_lost)
        if lost is not None:
            yield _total("log_lines_lost", "Lines of the log that could not be written.", lost)
        yield _total("subscribers_dropped", "Subscribers of events that failed.", counters.subscribers_dropped)
        build = GaugeMetricFamily(
            "twistedmx_build_info", "Always 1; the versions.", labels=("version", "twisted", "python")
        )
        build.add_metric((__version__, twisted.__version__, python_version()), 1)
        yield build


def _decided(counts: Mapping[Decided, int]) -> dict[tuple[str, ...], int]:
    return {(action.value, word_of(reason)): count for (action, reason), count in counts.items()}


def _total(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"twistedmx_{name}", about, value)


def _totals(name: str, about: str, labels: tuple[str, ...], counts: Mapping[Any, int]) -> Metric:
    """`counts`: by a tuple of the labels' values."""
    family = CounterMetricFamily(f"twistedmx_{name}", about, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _of_sources(name: str, about: str, known: Mapping[str, float]) -> Metric:
    return _of_labels(name, about, "source", known)


def _of_labels(name: str, about: str, label: str, known: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"twistedmx_{name}", about, labels=(label,))
    for word, value in known.items():
        family.add_metric((word,), value)
    return family


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    buckets, below = [], 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), float(below)))
    return HistogramMetricFamily(f"twistedmx_{name}", about, buckets=buckets, sum_value=histogram.sum)


def _gauge(name: str, about: str, ask: Callable[[], float | None]) -> Iterator[Metric]:
    value = _asked(name, ask)
    if value is not None:
        yield GaugeMetricFamily(f"twistedmx_{name}", about, value)


def _asked(name: str, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except Exception:
        _log.failure("the metric {name} cannot be read", name=name)
        return None
