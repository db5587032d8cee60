"""The command line, and how it ends."""

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

import twistedmx
from tests.cli.calling import Calling
from twistedmx.cli.commands import COMMANDS

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(twistedmx.__file__)))


class TestUsage(Calling):
    def test_help_is_good_and_has_an_example_for_each_command(self):
        """What is not in --help is not there."""
        self.assertEqual(self.call("--help").status, 0)
        for command in COMMANDS:
            said = self.call(command.name, "--help")
            self.assertEqual((said.status, said.beside), (0, ""))
            self.assertIn(f"example:\n  $ twistedmx {command.name}", said.out)
            self.assertIn("--json", said.out)

    def test_what_cannot_be_understood_is_status_2(self):
        """On the stream for complaints."""
        for words in ([], ["x"], ["status", "--nonsense"], ["rcpt"], ["stat"]):
            said = self.call(*words)
            self.assertEqual((said.status, said.out), (2, ""), words)
            self.assertIn("usage: twistedmx", said.beside)

    def test_the_version_is_told(self):
        """Of the command; that of the server is in its status."""
        self.assertEqual(self.call("--version").out, f"twistedmx {twistedmx.__version__}\n")

    def test_common_options_stand_before_the_command_or_behind_it(self):
        """Nobody remembers which."""
        self.serve(status={"host": "here"})
        for words in (["--socket", self.socket, "status"], ["status", "--socket", self.socket]):
            self.assertEqual(self.call(*words).out, "host  here\n")

    def test_the_socket_is_found_by_the_settings(self):
        """By name, or by the environment."""
        self.serve(status={"host": "here"})
        path = self.write('data = "."')
        self.assertEqual(self.call("status", "--config", path).out, "host  here\n")
        self.assertEqual(self.call("status", environment={"TWISTEDMX_CONFIG": path}).out, "host  here\n")


class TestProcess(SynchronousTestCase):
    """As a process of its own."""

    def run_python(self, *words, stdout=subprocess.PIPE, **environment):
        return subprocess.run(
            [sys.executable, *words],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": SOURCE, **environment},
        )

    def test_python_m_twistedmx_is_the_command(self):
        """For who has not put it on his path."""
        done = self.run_python("-m", "twistedmx", "status", "--socket", "/nowhere/mx.sock")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_asking_a_server_loads_no_twisted(self):
        """`twistedmx status` is called by scripts, every few seconds."""
        code = "import sys, twistedmx.cli as c; c.main(['status']); sys.exit('twisted' in sys.modules)"
        done = self.run_python("-c", code)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_settings_do_not_install_a_reactor(self):
        """They load Twisted, but run nothing."""
        code = (
            "import sys, twistedmx.cli as c; c.main(['settings']); sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        done = self.run_python("-c", code)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_reader_that_has_enough_is_no_fault(self):
        """`twistedmx settings | head -1` ends without a traceback."""
        readable, writable = os.pipe()
        os.close(readable)
        done = self.run_python("-m", "twistedmx", "settings", stdout=writable)
        os.close(writable)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_terminal_without_the_character_is_shown_its_code(self):
        """A traceback of the codec tells nobody anything."""
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write('host = "ü"')
        done = self.run_python("-m", "twistedmx", "settings", "--changed", path, PYTHONIOENCODING="ascii")
        self.assertIn('host = "\\xfc"', done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
