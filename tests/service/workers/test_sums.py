"""What several workers answer, as one server would say it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service.workers import sums
from twistedmx.service.workers.totals import families_told, registry_of_all


class TestSums(SynchronousTestCase):
    def test_numbers_are_added_up_and_all_else_is_said_once(self):
        """Whatever its shape."""
        one = {"open": 1, "by": {"a": 1}, "all": True, "names": ["x"], "word": "w", "none": None}
        other = {"open": 2, "by": {"a": 1, "b": 2}, "all": False, "names": ["y"], "word": "v", "none": 3}
        self.assertEqual(
            sums.added(one, other),
            {"open": 3, "by": {"a": 2, "b": 2}, "all": False, "names": ["x", "y"], "word": "w", "none": 3},
        )

    def test_a_status_is_that_of_all(self):
        """Limits that each has are said once, the governor's are added up."""
        told = [
            {"sessions": {"open": number}, "limits": {"size": 9}, "governor": {"limit": 50, "why": "calm"}}
            for number in (1, 2, 3)
        ]
        self.assertEqual(
            sums.status(told),
            {"sessions": {"open": 6}, "limits": {"size": 9}, "governor": {"limit": 150, "why": "calm"}},
        )

    def test_minutes_of_a_history_are_put_together(self):
        """One worker may have been started later."""

        def minute(start, most_open, load=1.0):
            return {
                "start": start,
                "messages": 1,
                "accepted": 1,
                "refused": {"x": 2},
                "sessions": 3,
                "turned_away": 0,
                "most_open": most_open,
                "load": load,
            }

        told = sums.history(
            [
                {"now": 200.0, "cpus": 2, "minutes": [minute(60, 5), minute(120, 5)]},
                {"now": 200.0, "cpus": 2, "minutes": [minute(120, 7, 2.0)]},
            ]
        )
        self.assertEqual([each["start"] for each in told["minutes"]], [60, 120])
        last = told["minutes"][1]
        self.assertEqual((last["most_open"], last["load"], last["sessions"], last["refused"]), (12, 2.0, 6, {"x": 4}))

    def test_why_is_told_by_who_knows(self):
        """With the sessions of all, by time."""

        def answer(found, since, *sessions):
            rows = [{"session": name, "last": last} for name, last in sessions]
            return {
                "found": found,
                "since": since,
                "sessions": rows,
                "hosts": [],
                "older": 1,
                "blocks": [{"network": "192.0.2.7", "of": since}],
                "open": None,
                "recipient": found or None,
            }

        told = sums.why([answer(False, 1.0), answer(True, 3.0, ("A", 9.0)), answer(True, 2.0, ("B", 8.0))])
        self.assertEqual([each["session"] for each in told["sessions"]], ["B", "A"])
        self.assertEqual((told["found"], told["since"], told["older"], told["recipient"]), (True, 3.0, 3, True))
        self.assertEqual(told["blocks"], [{"network": "192.0.2.7", "of": 1.0}])

    def test_samples_are_the_newest_of_all(self):
        """As many as were asked for."""
        told = [
            {"found": bool(times), "since": 0.0, "samples": [{"at": at} for at in times], "older": 2}
            for times in ((1, 4), (2, 3), ())
        ]
        whole = sums.samples(told, 3)
        self.assertEqual([each["at"] for each in whole["samples"]], [2, 3, 4])
        self.assertEqual((whole["older"], whole["found"]), (7, True))

    def test_campaigns_are_added_up_by_fingerprint(self):
        """The worst first."""
        row = {"fingerprint": "f", "good": 0.0, "bad": 2.0, "hosts": 2, "networks": 1, "first": 9, "age": 5}
        other = {**row, "fingerprint": "g", "bad": 3.0}
        (first, second) = sums.campaigns([[row, other], [{**row, "first": 7, "age": 6}]])
        self.assertEqual((first["fingerprint"], first["bad"], first["hosts"]), ("f", 4.0, 4))
        self.assertEqual((first["first"], first["age"], second["fingerprint"]), (7, 5, "g"))

    def test_attacks_follow_one_another(self):
        """Those of all workers are on one list."""
        told = sums.attacks([{"under_load": False, "flooded": [1]}, {"under_load": True, "flooded": [2]}])
        self.assertEqual(told, {"under_load": True, "flooded": [1, 2]})


class TestTotals(SynchronousTestCase):
    def page(self, *registries):
        told = [families_told(registry.collect()) for registry in registries]
        return generate_latest(registry_of_all(told)).decode()

    def registry(self, number):
        made = CollectorRegistry()
        counter = Counter("twistedmx_sessions", "Sessions.", ["reason"], registry=made)
        counter.labels("quit").inc(number)
        counter.labels(f"only-{number}").inc(1)
        Histogram("twistedmx_session_seconds", "Lengths.", buckets=(1, 5), registry=made).observe(number)
        end = Gauge("twistedmx_certificate_expiry_timestamp_seconds", "End.", ["certificate"], registry=made)
        end.labels("mx.pem").set(100 + number)
        Gauge("twistedmx_build_info", "Always 1.", registry=made).set(1)
        return made

    def test_counts_are_added_up_by_label_and_bucket(self):
        """And a scrape finds the page of one server."""
        page = self.page(self.registry(2), self.registry(4))
        for line in (
            'twistedmx_sessions_total{reason="quit"} 6.0',
            'twistedmx_sessions_total{reason="only-2"} 1.0',
            'twistedmx_session_seconds_bucket{le="5.0"} 2.0',
            "twistedmx_session_seconds_sum 6.0",
            "twistedmx_session_seconds_count 2.0",
        ):
            self.assertIn(f"\n{line}\n", page)
        self.assertEqual(page.count("# TYPE twistedmx_sessions_total counter"), 1)

    def test_what_is_no_sum_is_none(self):
        """The end of a certificate is its first end, and a version is one."""
        page = self.page(self.registry(2), self.registry(4))
        self.assertIn('\ntwistedmx_certificate_expiry_timestamp_seconds{certificate="mx.pem"} 102.0\n', page)
        self.assertIn("\ntwistedmx_build_info 1.0\n", page)

    def test_nobody_is_a_page_as_well(self):
        """All workers may be about to follow others."""
        self.assertEqual(self.page(), "")
