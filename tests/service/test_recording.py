"""A running server looks at itself every second, and tells what it saw."""

import errno
import json
import os

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import OPENED
from tests.service.test_reload import Client
from tests.service.test_why import Asking
from twistedmx.report.counters import Counters
from twistedmx.service.recording import Recording
from twistedmx.service.world import World

NOON = 1_795_168_800  # 2026-11-20 10:00 UTC


def no_load():
    """As os.getloadavg where /proc/loadavg is hidden."""
    raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))


def warnings_of(case):
    """What is warned of in the log from now on until the end of the test."""
    told = []

    def observe(event):
        if event["log_level"] is LogLevel.warn:
            told.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    case.addCleanup(globalLogPublisher.removeObserver, observe)
    return told


class TestRecording(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(NOON)
        self.load = lambda: 0.25
        world = World(
            reactor=self.clock,
            disk=None,
            now=self.clock.seconds,
            load=lambda: self.load(),
            cpus=lambda: 4,
            environment={},
        )
        self.counters = Counters()
        self.recording = Recording(world, self.counters)
        self.recording.most_open, self.recording.turned_away = (lambda: 14), (lambda: 3)
        self.recording.startService()
        self.addCleanup(self.recording.stopService)

    def test_it_looks_every_second_while_it_runs(self):
        """And no longer: a stop leaves nothing behind."""
        self.counters(OPENED)
        for _ in range(61):
            self.clock.advance(1)
        told = json.loads(json.dumps(self.recording.told(3600)))
        self.assertEqual((told["now"], told["cpus"]), (NOON + 61, 4))
        first, second = told["minutes"]
        self.assertEqual((first["start"], first["sessions"], first["turned_away"]), (NOON, 1, 3))
        self.assertEqual((second["start"], second["sessions"], second["turned_away"]), (NOON + 60, 0, 0))
        self.counters(OPENED)
        self.assertEqual(self.recording.told(60)["minutes"][-1]["sessions"], 1, "up to this moment")
        self.recording.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_load_is_that_of_the_machine(self):
        """As `uptime` says it: 0.25 for each of four CPUs is one."""
        (minute,) = self.recording.told(60)["minutes"]
        self.assertEqual((minute["load"], minute["most_open"]), (1.0, 14))

    def test_a_load_that_cannot_be_read_is_none_and_said_once(self):
        """Some containers hide it; the counts of the day go on, and the load is there again when the machine tells it."""
        warnings = warnings_of(self)
        self.load = no_load
        for _ in range(59):
            self.clock.advance(1)
        self.load = lambda: 0.5
        self.clock.advance(1)
        self.load = no_load
        for _ in range(60):
            self.clock.advance(1)
        self.counters(OPENED)
        minutes = self.recording.told(3600)["minutes"]
        self.assertEqual([minute["load"] for minute in minutes], [1.0, 2.0, None])
        self.assertEqual([minute["sessions"] for minute in minutes], [0, 0, 1])
        (said,) = warnings
        self.assertIn("the load of the machine cannot be read (No such file or directory)", said)

    def test_a_fault_of_ours_is_said_and_what_was_recorded_is_told_on(self):
        """The mail goes on as well."""
        self.load = lambda: "high"
        self.clock.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(len(self.recording.told(60)["minutes"]), 1)


class TestServer(Asking):
    """On real sockets, over the control socket's commands."""

    def listen_to(self, server):
        super().listen_to(server)
        server.lasting.events.replace([self.told.append, *server.lasting.subscribers])

    async def test_guesses_sessions_and_who_is_turned_away_are_in_its_history(self):
        """The two pictures of an afternoon, of one session."""
        server = self.start()
        await self.hung_up(server)
        client = await self.client(server)
        (minute,) = (await self.ask(server, "history"))["minutes"]
        self.assertEqual((minute["sessions"], minute["refused"]), (2, {"unknown-mailbox": 10}))
        self.assertIn(minute["most_open"], (1, 2))  # the first may have been on its way out
        await self.ask(server, "ban", networks=["127.0.0.1"])
        await client.gone
        port = server.ports[0].getHost().port
        blocked = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Client())
        self.addCleanup(lambda: blocked.gone)
        self.addCleanup(blocked.transport.abortConnection)
        await self.until(lambda: server.factory.door.turned_away)
        (minute,) = (await self.ask(server, "history", hours=0.5))["minutes"]
        self.assertEqual(minute["turned_away"], 1)

    async def test_a_reload_forgets_nothing(self):
        """It is of the server, not of its settings."""
        server = self.start()
        await self.client(server)
        before = await self.ask(server, "history")
        await server.reload()
        self.assertEqual(
            (await self.ask(server, "history"))["minutes"][0]["sessions"], before["minutes"][0]["sessions"]
        )

    async def test_hours_that_are_none_are_refused_in_words(self):
        """Whoever writes to the socket by hand is told, too."""
        server = self.start()
        for hours in (0, -1, "noon", None, True, float("nan")):
            self.assertEqual(
                await self.refused(server, "history", hours=hours), f"hours: {hours!r} is no number above 0"
            )
