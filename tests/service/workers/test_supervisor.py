"""The supervisor: real sockets, and workers that are none."""

import os
import socket
from inspect import iscoroutine

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from tests.service.workers.crews import Fakes
from twistedmx.net.control import Refused
from twistedmx.report.prometheus import Gauges, registry_of
from twistedmx.service.faults import CannotStart
from twistedmx.service.source import Source
from twistedmx.service.workers.asking import commands
from twistedmx.service.workers.sides import Nothing
from twistedmx.service.workers.supervisor import Supervisor
from twistedmx.service.workers.totals import families_told

SETTINGS = """\
host = "mx.example.org"
listen = ["tcp:0:interface=127.0.0.1"]
workers = 2
[mailboxes]
table = "boxes"
[control]
socket = ""
"""
STATUS = {"sessions": {"open": 3}, "host": "mx.example.org", "pid": 7}


class Side(Nothing):
    """Writes down what it is told."""

    def __init__(self, heard):
        super().__init__()
        self.heard = heard
        self.commands = {"list": lambda arguments: "the side's"}

    def configure(self, settings):
        self.heard.append(f"reserve {settings.disk_reserve}")

    def startService(self):
        self.heard.append("starts")

    def stopService(self):
        self.heard.append("stops")


class TestSupervisor(SynchronousTestCase):
    def setUp(self):
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(self.folder)
        self.write("boxes", "ann@example.org\n")
        self.write("mx.toml", SETTINGS)
        self.fakes = Fakes()
        self.fakes.answers = {"command": lambda told: STATUS if told["command"] == "status" else told["arguments"]}
        self.heard = []

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def made(self):
        world = memory_world()
        self.fakes.clock = world.reactor
        source = Source(path=os.path.join(self.folder, "mx.toml"))
        octets = source.octets()
        return Supervisor(
            source,
            octets,
            source.settings(octets),
            world,
            workers=2,
            launch=self.fakes.launch,
            share=lambda settings, world, events, workers: Side(self.heard),
        )

    def started(self):
        supervisor = self.made()
        supervisor.privilegedStartService()
        self.addCleanup(supervisor.close_places)
        supervisor.startService()
        self.fakes.pump()
        return supervisor

    def ask(self, supervisor, name, **arguments):
        answering = commands(supervisor)[name](arguments)
        if not iscoroutine(answering):
            return answering
        waiting = Deferred.fromCoroutine(answering)
        self.fakes.pump()
        return self.successResultOf(waiting)

    def test_faults_of_the_settings_are_told_when_it_is_made(self):
        """On the terminal of who starts it, before the program goes into the background."""
        self.write("mx.toml", SETTINGS.replace('"boxes"', '"nowhere"').replace("mx.example.org", "not a name"))
        with self.assertRaises(CannotStart) as caught:
            self.made()
        self.assertEqual(len(caught.exception.faults), 2)
        for fault in caught.exception.faults:
            self.assertIn("mx.toml: ", fault)

    def test_workers_are_told_their_settings_and_their_sockets(self):
        """The file is read once, for all of them."""
        supervisor = self.started()
        for number, process in enumerate(self.fakes.processes):
            kind, told = process.asked[0]
            self.assertEqual((kind, told["number"], told["octets"], told["agent"]), ("begin", number, SETTINGS, None))
            self.assertEqual(told["listening"], [["tcp:0:interface=127.0.0.1", False, 4]])
        self.assertEqual(self.heard, ["reserve 67108864", "starts"])
        (place,) = supervisor.places
        host, _, port = place.rpartition(":")
        socket.create_connection((host, int(port)), 60).close()

    def test_a_status_is_of_all(self):
        """And of the supervisor: its process is the one that is signalled."""
        supervisor = self.started()
        status = self.ask(supervisor, "status")
        self.assertEqual((status["sessions"], status["pid"], status["listening"]), ({"open": 6}, 1, supervisor.places))
        self.assertEqual([worker["pid"] for worker in status["workers"]], [100, 101])
        self.fakes.processes[0].kill()
        status = self.ask(supervisor, "status")
        self.assertEqual([worker["state"] for worker in status["workers"]], ["empty", "serving"])
        self.assertEqual(status["sessions"], {"open": 3})
        self.fakes.processes[1].kill()
        self.assertNotIn("sessions", self.ask(supervisor, "status"))

    def test_commands_of_what_is_shared_are_the_sides(self):
        """Nobody asks the workers then."""
        self.assertEqual(self.ask(self.started(), "list"), "the side's")

    def test_a_host_is_asked_of_its_worker(self):
        """Who else should know of it."""
        supervisor = self.started()
        self.fakes.processes[0].answers = {"command": Refused("not mine")}
        self.fakes.processes[1].answers = {"command": Refused("not mine either")}
        failing = commands(supervisor)["reputation"]({"address": "127.0.0.1"})
        waiting = Deferred.fromCoroutine(failing)
        self.fakes.pump()
        self.failureResultOf(waiting, Refused)
        self.assertEqual(sum(kind == "command" for process in self.fakes.processes for kind, _ in process.asked), 1)

    def test_a_reload_is_heeded_and_told(self):
        """By the side too, and by who is started later."""
        supervisor = self.started()
        self.write("mx.toml", f"disk_reserve = 5\n{SETTINGS}")
        self.assertEqual(self.ask(supervisor, "reload"), {"changed": ["disk_reserve"]})
        self.assertEqual(self.heard[-1], "reserve 5")
        self.assertEqual(supervisor.counters.reloads["taken"], 1)
        self.fakes.processes[1].kill()
        self.fakes.advance(0)
        self.assertIn("disk_reserve = 5", self.fakes.processes[2].asked[0][1]["octets"])

    def test_the_metrics_are_those_of_all(self):
        """With what the supervisor alone has counted."""
        supervisor = self.started()
        gauges = Gauges(
            sessions=lambda: 4, secured=int, certificates=tuple, free_octets=lambda: None, log_lines_lost=int
        )
        self.fakes.answers["metrics"] = lambda value: families_told(registry_of(supervisor.counters, gauges).collect())
        gathering = supervisor._gather()
        self.fakes.pump()
        registry = self.successResultOf(gathering)
        self.assertEqual(registry.get_sample_value("twistedmx_sessions_open"), 8.0)
        self.assertEqual(len([family for family in registry.collect() if family.name == "twistedmx_build_info"]), 1)

    def test_it_stops_when_all_have_stopped(self):
        """Then what they share is kept, and nobody listens."""
        supervisor = self.started()
        place = supervisor.places[0]
        stopping = supervisor.stopService()
        self.assertNoResult(stopping)
        self.fakes.pump()
        self.successResultOf(stopping)
        self.assertEqual(self.heard[-1], "stops")
        host, _, port = place.rpartition(":")
        self.assertRaises(ConnectionRefusedError, socket.create_connection, (host, int(port)), 60)
