"""Networks that the operator allows, on a real file."""

import sqlite3
from ipaddress import IPv4Network, IPv6Network, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.store.opened import Opened
from twistedmx.model.allowance import Allowance
from twistedmx.store.allowed import AllowedNetworks, _allowance_of, _row_of
from twistedmx.store.jobs import Done


def allowance(text: str, expiry: "float | None" = None, evidence: str = "a partner") -> Allowance:
    """As `twistedmx allow` makes it."""
    return Allowance(network=ip_network(text), evidence=evidence, since=1e9, expiry=expiry)


class AllowedTests(Opened):
    def restart(self) -> None:
        if hasattr(self, "running"):
            self.finish(self.running.stop())
        self.running = self.started()
        self.kept = AllowedNetworks(self.running)

    def loaded(self, now: float = 0.0) -> list[Allowance]:
        """All that a start would be given."""
        self.restart()
        got: list[Allowance] = []
        self.assertEqual(self.finish(self.kept.load(got.extend, now=now)), Done())
        return sorted(got, key=lambda each: str(each.network))

    def test_what_was_put_is_there_after_a_restart_in_every_field(self) -> None:
        """Whom the operator let in must not be blocked again by a restart."""
        all_of_them = [
            allowance("192.0.2.0/24", expiry=2e9),
            allowance("198.51.100.7", evidence="ä 'x' \0 \n"),
            allowance("2001:db8::/48"),
        ]
        self.restart()
        self.finish(self.kept.put(*all_of_them))
        self.assertEqual(self.loaded(), all_of_them)

    def test_the_last_word_on_a_network_is_kept(self) -> None:
        """And what was taken back stays away."""
        self.restart()
        self.kept.put(allowance("192.0.2.0/24"))
        self.kept.put(allowance("192.0.2.0/24", evidence="again"), allowance("198.51.100.7"))
        self.finish(self.kept.remove([ip_network("198.51.100.7"), ip_network("203.0.113.0/24")]))
        self.assertEqual(self.loaded(), [allowance("192.0.2.0/24", evidence="again")])

    def test_what_has_expired_is_deleted(self) -> None:
        """It says nothing any more."""
        self.restart()
        self.finish(self.kept.put(allowance("192.0.2.1", expiry=99.0), allowance("192.0.2.2", expiry=101.0)))
        self.assertEqual(len(self.loaded(now=99.0)), 1)
        self.assertEqual(len(self.loaded()), 1)

    def test_a_row_that_is_none_costs_no_other(self) -> None:
        """An operator with an SQL shell makes a slip."""
        self.restart()
        self.finish(self.kept.put(allowance("192.0.2.1"), allowance("192.0.2.2"), allowance("192.0.2.3")))
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("UPDATE allowed SET network = 'somewhere' WHERE network = '192.0.2.1/32'")
        other.execute("UPDATE allowed SET evidence = x'00' WHERE network = '192.0.2.3/32'")
        other.close()
        self.assertEqual(self.loaded(), [allowance("192.0.2.2")])
        (words,) = self.words()
        self.assertIn("allowed networks: 2 rows are no allowed networks and left out", words)


_NETWORKS = st.one_of(
    st.builds(lambda a, n: IPv4Network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(lambda a, n: IPv6Network((a, n), strict=False), st.integers(0, 2**128 - 1), st.integers(0, 128)),
)
_ANY = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary())


class RowTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(_NETWORKS, st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.floats(0, 1e12))
    def test_every_one_comes_back_as_it_was(
        self, network: "IPv4Network | IPv6Network", text: str, expiry: "float | None"
    ) -> None:
        """Any network, any words."""
        one = Allowance(network=network, evidence=text, since=1.25, expiry=expiry)
        self.assertEqual(_allowance_of(*_row_of(one)), one)  # type: ignore[arg-type]

    @settings(max_examples=300, deadline=None)
    @given(st.lists(_ANY, min_size=4, max_size=4))
    def test_any_row_is_one_or_is_passed_over(self, row: "list[object]") -> None:
        """No column can keep a server from starting."""
        good = allowance("192.0.2.1")
        made = AllowedNetworks(None)._allowances_of([row, _row_of(good)])  # type: ignore[arg-type]
        self.assertEqual(made[-1], good)
