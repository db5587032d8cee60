"""What an operator is told of a client: what is known, why, and what comes next."""

import json

import attrs

from tests.policy.clients import DAY, HOST, Clients
from twistedmx.policy.networks import network_of
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.service.opinion import campaigns, opinion


class OpinionTests(Clients):
    def told(self, address=HOST):
        told = opinion(self.reputation, self.blocklist, address)
        self.assertEqual(json.loads(json.dumps(told)), told)
        return told

    def configure(self, **changes):
        self.reputation.configure(attrs.evolve(self.settings, **changes))

    def test_of_a_stranger_nothing_is_known(self):
        """And what it may do."""
        told = self.told()
        self.assertFalse(told["host"]["known"])
        self.assertEqual((told["proven"], told["why"]), (False, "no message of it was accepted"))
        self.assertEqual(
            told["next"],
            "3 more sessions hung up on within 60 min, and it is blocked; "
            "5 more hosts of its network hung up on, and all of that is blocked",
        )

    def test_counts_are_what_is_left_of_them(self):
        """With whom they are shared."""
        self.sends()
        self.hung_up(times=2)
        self.hung_up("203.0.114.8")
        self.wait(7 * DAY)
        told = self.told()
        host = told["host"]
        self.assertEqual((host["network"], host["good"], host["bad"], host["days"]), (f"{HOST}/32", 0.5, 1.0, 1))
        self.assertEqual((host["age"], host["last_mail_age"], host["hung_up_lately"]), (7 * DAY, 7 * DAY, 0))
        self.assertEqual((told["network"]["good"], told["network"]["bad"]), (0.5, 1.5))
        self.assertEqual([helo["shape"] for helo in told["helos"]], ["pool.a"])
        self.assertEqual(told["helos"][0]["hosts"], 2)
        self.assertIn("only 33% of all was good", told["why"])

    def test_offenders_are_named(self):
        """Whoever asks why a network is blocked wants to know who they were."""
        self.hung_up()
        self.hung_up("203.0.114.8")
        self.assertEqual(self.told()["network"]["offenders"], ["203.0.114.9/32", "203.0.114.8/32"])
        self.assertTrue(self.told()["next"].startswith("2 more sessions hung up on within 60 min"))

    def test_a_proven_host_is_said_to_be_one(self):
        """And for how long."""
        self.sends()
        self.assertEqual(
            self.told()["why"],
            "mail on 1 day, 1.0 messages of it counted by now; it takes 2 days, or 20 messages over 6 h",
        )
        self.wait(DAY)
        self.sends()
        told = self.told()
        self.assertTrue(told["proven"])
        self.assertEqual(told["why"], "mail on 2 days, 1.9 messages of it counted by now, 100% of all was good")
        self.assertEqual(
            told["next"],
            "it is proven, and not condemned as long as it is; its network is not condemned, for mail comes from there",
        )
        self.wait(40 * DAY)
        self.assertEqual(self.told()["why"], "its last message was accepted 40 days ago")

    def test_what_is_switched_off_is_said_so(self):
        """Or somebody would wait for a block that never comes."""
        self.assertIn("private addresses are not condemned", self.told("10.0.0.1")["next"])
        self.configure(condemned_after=0, networks_after=0)
        self.assertEqual(self.told()["next"], "hosts are not condemned ([reputation] condemned_after is 0)")
        self.configure(shadow=True, networks_after=0)
        self.reputation.condemnation.ready = False
        told = self.told()["next"]
        self.assertIn("shadow is on", told)
        self.assertIn("not read yet", told)

    def test_a_block_and_a_prefix_are_told(self):
        """Where there are any."""
        self.hung_up(times=3)
        self.reputation.prefix_of = lambda address: network_of("203.0.112.0/22")
        told = self.told()
        self.assertEqual(told["block"]["network"], f"{HOST}/32")
        self.assertEqual(told["prefix"]["network"], "203.0.112.0/22")

    def test_what_is_no_address_is_told_with_what_is(self):
        """A name, or a network."""
        for text in ("", "mail.example.org", "192.0.2.0/24"):
            with self.assertRaisesRegex(ValueError, "write 192.0.2.7"):
                self.told(text)

    def test_campaigns_are_told_with_how_many_they_are(self):
        """By many hosts, with next to nothing good."""
        for number in range(30):
            self.guesses(f"203.{number}.113.9", f"a{number}", sender="", verbs="HMRQ")
        ((one),) = campaigns(self.reputation)
        self.assertEqual(one["fingerprint"], "pool.a HMRQ lock-step <> a9")
        self.assertEqual((one["good"], one["bad"], one["age"]), (0.0, 30.0, 0))


class TestDefaults(Clients):
    def test_a_first_start_condemns(self):
        """What is protected by nothing is not protected by default."""
        self.assertEqual((ReputationSettings().condemned_after, ReputationSettings().networks_after), (3, 5))
