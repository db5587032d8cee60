"""Other settings for all workers, or for none."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.service.workers.crews import FakeCrew
from twistedmx.net.control import Refused
from twistedmx.service.faults import Faults
from twistedmx.service.source import Source
from twistedmx.service.workers.exchange import Exchange

TEXT = 'listen = ["tcp:25"]\nworkers = 2\ndata = "data"\n'


class TestExchange(SynchronousTestCase):
    def setUp(self):
        self.path = os.path.abspath(self.mktemp())
        self.source = Source(path=self.path)
        self.write(TEXT)
        self.fakes = FakeCrew(2).start()
        octets = self.source.octets()
        self.heeded = []
        self.exchange = Exchange(
            self.source, octets, self.source.settings(octets), lambda: self.fakes.crew, self.heeded.append
        )
        for process in self.fakes.processes:
            process.asked.clear()

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def kinds(self):
        return [process.kinds() for process in self.fakes.processes]

    def faults(self):
        exchanging = self.exchange.at_once()
        self.fakes.pump()
        return list(self.failureResultOf(exchanging, Faults).value.faults)

    def test_all_make_ready_and_then_all_take_up(self):
        """Nobody takes up what another has not read yet."""
        self.write(f"{TEXT}disk_reserve = 5\n")
        exchanging = self.exchange.at_once()
        self.assertEqual(self.heeded, [])
        self.fakes.pump()
        self.assertEqual(self.successResultOf(exchanging), ["disk_reserve"])
        self.assertEqual(self.kinds(), [["prepare", "take"]] * 2)
        self.assertEqual(self.fakes.processes[0].asked[0][1], f"{TEXT}disk_reserve = 5\n")
        self.assertEqual([settings.disk_reserve for settings in self.heeded], [5])
        self.assertEqual(self.exchange.octets, f"{TEXT}disk_reserve = 5\n")

    def test_where_one_refuses_all_drop_it(self):
        """Each fault once, though all may have found it."""
        self.fakes.processes[0].answers = {"prepare": Refused("a: is wrong")}
        self.fakes.processes[1].answers = {"prepare": Refused("a: is wrong\nb: too")}
        self.assertEqual(self.faults(), ["a: is wrong", "b: too"])
        self.fakes.processes[1].answers = {}
        self.assertEqual(self.faults(), ["a: is wrong"])
        self.assertEqual(self.kinds(), [["prepare", "drop", "prepare", "drop"]] * 2)
        self.assertEqual((self.heeded, self.exchange.octets), ([], TEXT))

    def test_what_cannot_change_is_refused_by_name_and_nobody_is_asked(self):
        """Sockets of a group, and how many there are, are made at the start."""
        for text, words in (
            (TEXT.replace("25", "26"), "listen: cannot change"),
            (TEXT.replace("= 2\n", "= 3\n"), "workers: cannot change"),
            (f'listen_tls = ["tcp:465"]\n{TEXT}', "listen_tls: cannot change"),
            ("nonsense", "is not TOML"),
        ):
            self.write(text)
            (fault,) = self.faults()
            self.assertIn(words, fault)
        self.assertEqual(self.kinds(), [[], []])

    def test_who_dies_meanwhile_is_no_hindrance(self):
        """Whoever follows begins with what holds then."""
        exchanging = self.exchange.at_once()
        self.fakes.processes[1].kill()
        self.fakes.pump()
        self.assertEqual(self.successResultOf(exchanging), [])

    def test_where_nobody_serves_nothing_is_taken_up(self):
        """There is nobody who could say that it is good."""
        for process in self.fakes.processes:
            process.kill()
        self.assertEqual(self.faults(), ["no worker serves just now: try again in a moment"])

    def test_who_cannot_take_up_what_it_said_it_could_is_followed(self):
        """Two workers with two settings would be two servers."""
        self.fakes.processes[1].answers = {"take": Refused("a fault of ours")}
        exchanging = self.exchange.at_once()
        self.fakes.pump()
        self.successResultOf(exchanging)
        self.assertEqual([process.is_over for process in self.fakes.processes], [False, True])

    def test_who_began_with_others_catches_up(self):
        """It was started just before."""
        post = self.fakes.crew.posts[0]
        self.exchange.catch_up(post)
        self.fakes.pump()
        self.assertEqual(self.kinds()[0], ["prepare", "take"])
        self.fakes.processes[0].asked.clear()
        post.begun_with = {"octets": TEXT}
        self.exchange.catch_up(post)
        self.fakes.pump()
        self.assertEqual(self.kinds()[0], [])
        post.begun_with = {"octets": "old"}
        self.fakes.processes[0].answers = {"prepare": Refused("no")}
        self.exchange.catch_up(post)
        self.fakes.pump()
        self.assertTrue(self.fakes.processes[0].is_over)
