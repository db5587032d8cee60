"""What systemd hears of a server, by a socket of datagrams as systemd has one."""

import os
import socket
import tempfile

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.systemd import Systemd


class TestSystemd(SynchronousTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(
            prefix="twistedmx"
        )  # the name of a socket is short, trial's folders are not
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "notify")
        self.socket = self.listen(self.path)
        self.clock = Clock()

    def listen(self, address):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listening.close)
        listening.bind(address)
        listening.setblocking(False)
        return listening

    def heard(self):
        said = []
        while True:
            try:
                said.append(self.socket.recv(100).decode())
            except BlockingIOError:
                return said

    def test_it_is_told_of_the_start_and_of_the_stop(self):
        """Units that wait for us start when we serve, not when a process is there."""
        systemd = Systemd({"NOTIFY_SOCKET": self.path}, 7)
        systemd.ready(self.clock)
        systemd.stopping()
        systemd.gone()
        self.assertEqual(self.heard(), ["READY=1", "STOPPING=1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_hands_over_says_which_process_it_is_and_then_nothing(self):
        """Its end is no end of the server."""
        systemd = Systemd({"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}, 7)
        systemd.ready(self.clock)
        systemd.hand_over(8)
        systemd.stopping()
        systemd.gone()
        self.clock.advance(1)
        self.assertEqual(self.heard(), ["READY=1", "WATCHDOG=1", "MAINPID=8"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_abstract_socket_is_one_as_well(self):
        """systemd in a container writes its name with an @."""
        name = f"twistedmx-{os.getpid()}-{id(self)}"
        self.socket = self.listen(f"\0{name}")
        Systemd({"NOTIFY_SOCKET": f"@{name}"}, 7).tell("READY=1")
        self.assertEqual(self.heard(), ["READY=1"])

    def test_the_watchdog_hears_of_us_twice_in_its_time(self):
        """Else it would end a server that is well. It hears of us until nothing is under way: a stop takes its time."""
        environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}
        systemd = Systemd(environment, 7)
        systemd.ready(self.clock)
        self.clock.advance(30)
        systemd.stopping()
        self.clock.advance(30)
        systemd.gone()
        self.clock.advance(60)
        self.assertEqual(self.heard(), ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1", "WATCHDOG=1"])

    def test_the_watchdog_of_another_process_is_not_ours(self):
        """The variables are inherited; who is watched is told by its number."""
        environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}
        systemd = Systemd(environment, 7)
        systemd.ready(self.clock)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_of_it_can_hold_up_the_mail(self):
        """No systemd, one that is gone, or a variable that is no number: nobody is told, and nobody waits."""
        for environment in (
            {},
            {"NOTIFY_SOCKET": f"{self.path}/nowhere"},
            {"NOTIFY_SOCKET": "x" * 200},
            {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "soon"},
        ):
            systemd = Systemd(environment, 7)
            systemd.ready(self.clock)
            systemd.stopping()
            systemd.gone()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.heard(), ["READY=1", "STOPPING=1"])
