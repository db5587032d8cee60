"""What a scrape shows: what the manual says, under names as Prometheus wants them."""

import re
from pathlib import Path

import attrs
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import EVENTS, REFUSED, TRANSACTION
from twistedmx.report.counters import Counters
from twistedmx.report.prometheus import Gauges, registry_of

MANUAL = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def fail():
    raise RuntimeError("cannot tell")


def gauges(**others):
    asked = {
        "sessions": lambda: 5,
        "secured": lambda: 2,
        "refused_handshakes": lambda: {"host": 3, "rate": 0},
        "found_no_place": lambda: {"host": 7},
        "certificates": lambda: [("mx.example.org", 1_900_000_000.0)],
        "free_octets": lambda: 1 << 30,
        "hosts": lambda: {"proven": 6, "strangers": 7},
        "log_lines_lost": lambda: 4,
        "under_attack": lambda: 2,
        "flooded_tries": lambda: 12_000,
    }
    return Gauges(**(asked | others))


def registry(events=EVENTS, **others):
    counters = Counters()
    for event in events:
        counters(event)
    return registry_of(counters, gauges(**others))


def samples(made):
    """Each sample by name and labels, as a scraper reads it."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse_text(generate_latest(made).decode())
        for sample in family.samples
    }


class TestScrape(SynchronousTestCase):
    def test_counts_come_through(self):
        """From an event to a number on the page."""
        shown = samples(registry())
        accepted = ("reason", "accepted"), ("verdict", "accept")
        unknown = ("reason", "unknown-mailbox"), ("verdict", "reject")
        for name, value in {
            ("twistedmx_sessions_opened_total",): 1,
            ("twistedmx_sessions_total", ("reason", "quit")): 1,
            ("twistedmx_sessions_open",): 5,
            ("twistedmx_sessions_secured",): 2,
            ("twistedmx_messages_total", *accepted): 1,
            ("twistedmx_recipients_total", *accepted): 6,
            ("twistedmx_recipients_total", *unknown): 3,
            ("twistedmx_message_bytes_total", ("verdict", "accept")): 1234,
            ("twistedmx_transactions_without_message_total", ("reason", "lost")): 1,
            ("twistedmx_transactions_without_message_total", ("reason", "nobody-accepted")): 2,
            ("twistedmx_transaction_seconds_bucket", ("le", "0.1")): 0,
            ("twistedmx_transaction_seconds_bucket", ("le", "0.25")): 3,
            ("twistedmx_transaction_seconds_bucket", ("le", "+Inf")): 3,
            ("twistedmx_transaction_seconds_count",): 3,
            ("twistedmx_tls_handshakes_total", ("protocol", "TLSv1.3")): 1,
            ("twistedmx_blocklist_changes_total", ("change", "blocked")): 1,
            ("twistedmx_blocklist_changes_total", ("change", "would-be-blocked")): 1,
            ("twistedmx_reputation_hosts", ("segment", "strangers")): 7,
            ("twistedmx_tls_handshakes_refused_total", ("limit", "host")): 3,
            ("twistedmx_domains_under_attack",): 2,
            ("twistedmx_attacks_total",): 1,
            ("twistedmx_floods_total",): 1,
            ("twistedmx_flooded_tries_total",): 12_000,
            ("twistedmx_mailboxes_usable", ("source", "/etc/boxes")): 0,
            ("twistedmx_backend_up", ("source", "people")): 1,
            ("twistedmx_certificate_expiry_timestamp_seconds", ("certificate", "mx.example.org")): 1_900_000_000,
            ("twistedmx_disk_free_bytes",): 1 << 30,
            ("twistedmx_reloads_total", ("result", "kept")): 1,
            ("twistedmx_log_lines_lost_total",): 4,
            ("twistedmx_subscribers_dropped_total",): 1,
        }.items():
            self.assertEqual(shown[name], value, name)

    def test_openmetrics_can_be_parsed_too(self):
        """Its parser is strict about names and types."""
        names = {family.name for family in parse_openmetrics(generate_openmetrics(registry()).decode())}
        self.assertIn("twistedmx_sessions", names)

    def test_what_alerts_look_at_is_there_from_the_start(self):
        """`rate` sees no step from nothing to one."""
        shown = samples(registry(events=()))
        deferred = ("twistedmx_messages_total", ("reason", "disk-full"), ("verdict", "defer"))
        self.assertEqual(shown[deferred], 0)
        self.assertEqual(shown["twistedmx_log_lines_lost_total",], 4)

    def test_refused_ones_that_nobody_named_have_a_label_too(self):
        """The sum is of all."""
        shown = samples(registry(events=[attrs.evolve(TRANSACTION, refused=attrs.evolve(REFUSED, count=7))]))
        rest = ("twistedmx_recipients_total", ("reason", "too-many-recipients"), ("verdict", "defer"))
        self.assertEqual(shown[rest], 6)

    def test_a_gauge_that_cannot_be_read_does_not_take_the_others_with_it(self):
        """A fault of ours costs one number."""
        shown = samples(registry(sessions=fail, certificates=fail, log_lines_lost=fail, free_octets=lambda: None))
        self.assertNotIn(("twistedmx_sessions_open",), shown)
        self.assertNotIn(("twistedmx_disk_free_bytes",), shown)
        self.assertEqual(shown["twistedmx_sessions_secured",], 2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)


class TestManual(SynchronousTestCase):
    def families(self):
        return {family.name: family for family in registry().collect()}

    def test_every_metric_has_its_row_with_its_type_and_labels_and_no_row_is_about_nothing(self):
        """Who reads a name on the page finds it in the manual."""
        rows = {
            name: (kind, set(re.findall(r"`([a-z]+)`", re.sub(r":[^;]*", "", labels))))
            for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", MANUAL, re.MULTILINE)
        }
        shown = {}
        for family in self.families().values():
            if family.name.startswith("process_"):
                self.assertIn(family.name, MANUAL)
                continue
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            shown[family.name + ("_total" if family.type == "counter" else "")] = (family.type, labels)
        self.assertEqual(rows, shown)

    def test_every_metric_of_an_alert_exists(self):
        """An alert on a name that is not there never fires."""
        alerts = "".join(re.findall(r"```promql\n(.*?)```", MANUAL, re.DOTALL))
        named = set(re.findall(r"twistedmx_\w+", alerts))
        shown = {sample.name for family in self.families().values() for sample in family.samples}
        self.assertGreater(len(named), 2)
        self.assertEqual(named - shown, set())
