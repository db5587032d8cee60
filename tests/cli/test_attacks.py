"""`twistedmx attacks`: what goes on and what is over, in words."""

from tests.cli.calling import Calling
from tests.cli.campaigns import CAMPAIGN

NOON = 1_795_168_992.0  # 2026-11-20 10:03:12 UTC
TOLD = {
    "now": NOON + 545,
    "under_attack": [
        {
            "domain": "example.org",
            "start": NOON,
            "end": None,
            "peak": 520,
            "hosts": 2044,
            "names": 9120,
            "tries": 12_031,
            "hung_up": {"bad-recipients": 1203, "rset-abuse": 40},
            "blocks": 87,
            "samples": ["aaron@example.org", "abby@example.org"],
            "lately": {"names": 412, "known": 3, "hosts": 187},
        }
    ],
    "flooded": [
        {
            "address": "nobody@example.org",
            "start": NOON - 132,
            "end": None,
            "peak": 260,
            "tries": 1204,
            "hosts": 611,
            "lately": {"tries": 230},
        }
    ],
    "recent": [
        {
            "domain": "",
            "start": NOON - 7380,
            "end": NOON - 7380 + 1888,
            "peak": 66,
            "hosts": 1,
            "names": 811,
            "tries": 902,
            "hung_up": {},
            "blocks": 0,
            "samples": [],
        }
    ],
    "recent_floods": [],
    "campaigns": [],
    "shadow": [],
}
CALM = {
    "now": NOON,
    "under_attack": [],
    "flooded": [],
    "recent": [],
    "recent_floods": [],
    "campaigns": [],
    "shadow": [],
}


class TestAttacks(Calling):
    def test_calm_is_said(self):
        """No news is news, to who was called at night."""
        self.serve(attacks=CALM)
        said = self.ask("attacks")
        self.assertEqual((said.status, said.out), (0, "nothing is under attack, and no address is flooded\n"))

    def test_what_is_over_is_told_in_calm_too_and_no_more_of_it_than_asked_for(self):
        """The morning after."""
        (attack,), (flood,) = TOLD["recent"], TOLD["flooded"]
        over = {**flood, "end": NOON}
        del over["lately"]
        self.serve(attacks={**CALM, "recent": [attack] * 3, "recent_floods": [over] * 3})
        self.assertEqual(self.ask("attacks", "--most", "2").out.count("over: "), 4)
        said = self.ask("attacks", "--most", "1").out
        self.assertTrue(said.startswith("nothing is under attack"), said)
        self.assertIn("over: nobody@example.org: flooded from 2026-11-20 10:01:00 UTC on, 2 min 12 s\n", said)
        self.assertIn("  in all: 1204 tries by 611 hosts, at most 260 tries a minute\n", said)

    def test_names_that_peers_made_do_not_reach_the_terminal_as_they_are(self):
        """A sample may be any octets that a local part has."""
        (attack,) = TOLD["under_attack"]
        self.serve(attacks={**CALM, "under_attack": [{**attack, "samples": ["\x1b[2J@example.org", "\u202egro@x"]}]})
        said = self.ask("attacks").out
        self.assertIn("\\x1b[2J@example.org, \\u202egro@x", said)

    def test_campaigns_are_told(self):
        """A botnet that attacks nothing for long is seen by what its hosts have in common."""
        campaigns = [CAMPAIGN, {**CAMPAIGN, "fingerprint": "ylmf-a HMRQ lock-step <> a9", "bad": 12.0, "hosts": 11}]
        self.serve(attacks={**CALM, "campaigns": campaigns})
        first = "a-9.pool.a.a HMRQ lock-step <> a9: good 0.0, bad 431.5, of about 205 hosts in 190 networks, last 1 min 1 s ago"
        second = (
            "ylmf-a HMRQ lock-step <> a9: good 0.0, bad 12.0, of about 11 hosts in 190 networks, last 1 min 1 s ago"
        )
        self.assertEqual(self.ask("attacks").out.splitlines()[1:], [f"campaign: {first}", f"campaign: {second}"])
        self.assertEqual(self.ask("attacks", "--most", "1").out.splitlines()[1:], [f"campaign: {first}"])

    def test_what_is_in_shadow_is_told_with_whom_it_would_have_hit(self):
        """Hosts of good record among them are the reason to leave it there."""
        row = {
            "policy": "helo",
            "action": "reject",
            "reason": "bad-helo",
            "count": 12,
            "hosts": 5,
            "proven": 1,
            "named": ["192.0.2.7"],
            "more": False,
        }
        row |= {"since": NOON, "last": NOON + 60}
        many = {
            **row,
            "policy": "conduct",
            "reason": "bad-recipients",
            "count": 4000,
            "hosts": 1000,
            "more": True,
            "proven": 12,
        }
        self.serve(attacks={**CALM, "shadow": [many, row]})
        when = "since 2026-11-20 10:03:12 UTC"
        self.assertEqual(
            self.ask("attacks").out.splitlines()[1:],
            [
                f"shadow: conduct would reject 4000 times {when} (bad-recipients), 1000 hosts or more, "
                "12 of them of good record: 192.0.2.7 and more",
                f"shadow: helo would reject 12 times {when} (bad-helo), 5 hosts, 1 of them of good record: 192.0.2.7",
            ],
        )

    def test_machines_get_what_the_server_said(self):
        """All of it."""
        self.serve(attacks=TOLD)
        self.assertEqual(self.ask("attacks", "--json").json, TOLD)
