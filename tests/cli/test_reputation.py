"""`twistedmx reputation`: what is asked of the server, and how its answers read."""

from tests.cli.calling import Calling
from tests.cli.campaigns import CAMPAIGN
from tests.cli.test_commands import CLIENT, GUESSER
from twistedmx.net.control import Refused

STRANGER = {
    **CLIENT,
    "host": {**CLIENT["host"], "network": "198.51.100.1/32", "known": False, "hung_up_lately": 0},
    "helos": [],
    "block": GUESSER,
}


class TestReputation(Calling):
    def test_each_address_is_asked_for(self):
        """Of a client that nobody knows it is said so."""
        self.serve(reputation=lambda arguments: {"203.0.114.9": CLIENT}.get(arguments["address"], STRANGER))
        said = self.ask("reputation", "203.0.114.9", "198.51.100.1")
        self.assertEqual(said.status, 0)
        lines = said.out.splitlines()
        self.assertIn("host       198.51.100.1/32: nothing is known of it", lines)
        self.assertIn("helo       none", lines)
        (blocked,) = (line for line in lines if line.startswith("blocked    192.0.2.0/24: blocked until 2026-11-21 "))
        self.assertIn("id 7KW3PQ2N (operator: guesses names since noon)", blocked)

    def test_a_prefix_and_a_forgotten_shape_are_told(self):
        """Where they are known, and where no more is."""
        self.serve(reputation={**CLIENT, "prefix": CLIENT["network"], "helos": [{"shape": "a.a"}], "proven": True})
        lines = self.ask("reputation", "203.0.114.9").out.splitlines()
        self.assertIn("helo       a.a: no more is known of it", lines)
        self.assertTrue(any(line.startswith("prefix     203.0.114.0/24: good 1.8") for line in lines))
        self.assertTrue(any(line.startswith("proven     yes: ") for line in lines))

    def test_campaigns_are_told_the_worst_first(self):
        """Without naming an address, and beside one."""
        self.serve(reputation=CLIENT, campaigns=[CAMPAIGN])
        said = self.ask("reputation", "--campaigns")
        line = "a-9.pool.a.a HMRQ lock-step <> a9: good 0.0, bad 431.5, of about 205 hosts in 190 networks, last 1 min 1 s ago"
        self.assertEqual((said.status, said.out.splitlines()), (0, [line]))
        said = self.ask("reputation", "203.0.114.9", "--campaigns", "--json")
        self.assertEqual(said.json, {"addresses": [CLIENT], "campaigns": [CAMPAIGN]})
        self.assertEqual(self.ask("reputation", "203.0.114.9", "--json").json, [CLIENT])

    def test_none_are_told_too(self):
        """Silence would be no answer."""
        self.serve(campaigns=[])
        self.assertEqual(self.ask("reputation", "--campaigns").out, "no campaign is seen\n")

    def test_nothing_that_was_asked_is_told_with_what_can_be(self):
        """And what the server does not understand in its own words."""

        def refuse(arguments):
            raise Refused("'x' is no address; write 192.0.2.7, or 2001:db8::1")

        self.serve(reputation=refuse)
        self.assertIn("--campaigns", self.ask("reputation").beside)
        said = self.ask("reputation", "x")
        self.assertEqual(said.status, 1)
        self.assertIn("write 192.0.2.7", said.beside)
