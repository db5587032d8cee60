"""The program is started again as it was started, but for its pid file."""

import os
import sys

from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service.succession.estate import VARIABLE
from twistedmx.service.succession.start_words import start_words


class TestStartWords(SynchronousTestCase):
    def words(self, *own, python=("-X", "dev"), environment=None):
        """Of twistd with these."""
        self.patch(sys, "argv", ["/opt/bin/twistd", *own])
        twistd = ServerOptions()
        twistd.parseOptions(list(own))
        return start_words(twistd, environment or {}, argv=["python3", *python, "/opt/bin/twistd", *own])

    def test_an_empty_pid_file_stands_before_the_plugin(self):
        """The last one counts, however the first was written."""
        for own in (["-n", "--pidfile=x"], ["-n", "--pidfile", "x"], ["--pidfile", "twistedmx", "--logfile", "y"], []):
            start = self.words(*own, "twistedmx", "--config", "mx.toml")
            self.assertEqual(start.program, sys.executable)
            behind = ["-X", "dev", "/opt/bin/twistd", *own, "--pidfile=", "twistedmx", "--config", "mx.toml"]
            self.assertEqual(list(start.words), behind)
            self.assertEqual((start.folder, start.faults), (os.getcwd(), ()))

    def test_the_words_of_a_successor_are_those_of_the_first(self):
        """Or they would grow with each upgrade."""
        own = ["-n", "--pidfile=x", "--pidfile=", "twistedmx", "--config", "mx.toml"]
        self.assertEqual(list(self.words(*own).words), ["-X", "dev", "/opt/bin/twistd", *own])

    def test_in_the_foreground_is_who_is_neither_a_daemon_nor_systemds(self):
        """systemd is told which process it is."""
        self.assertFalse(self.words("twistedmx").foreground)
        self.assertTrue(self.words("-n", "twistedmx").foreground)
        self.assertFalse(self.words("-n", "twistedmx", environment={"NOTIFY_SOCKET": "/run/x"}).foreground)

    def test_what_was_said_to_the_first_process_alone_is_left_out(self):
        """Or the next one would look for sockets of systemd's, and feed no watchdog."""
        environment = {
            "WATCHDOG_PID": "1",
            "LISTEN_FDS": "1",
            VARIABLE: "{}",
            "WATCHDOG_USEC": "1",
            "NOTIFY_SOCKET": "x",
        }
        start = self.words("-n", "twistedmx", environment=environment)
        self.assertEqual(start.environment, {"WATCHDOG_USEC": "1", "NOTIFY_SOCKET": "x"})

    def test_who_was_started_otherwise_cannot_be_started_again(self):
        """By a program that uses the package, or with what only root can do."""
        self.assertTrue(start_words(None, {}).faults)
        self.assertTrue(start_words(ServerOptions(), {}, argv=["python3", "other"]).faults)
        self.assertIn("--chroot", self.words("--chroot", "/", "twistedmx").faults[0])
