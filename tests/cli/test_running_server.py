"""The commands as processes, beside a server in a process of its own: what an operator does in the first hour."""

import json
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import tomllib

from twisted.trial.unittest import SynchronousTestCase

import twistedmx
from tests.integration.output import Output
from tests.integration.program import Program

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(twistedmx.__file__)))


class TestRunningServer(SynchronousTestCase):
    """The demo's."""

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="mx")  # the name of a socket has at most 107 octets
        self.addCleanup(shutil.rmtree, folder)
        self.server = Program(os.path.join(folder, "server"))
        self.addCleanup(self.server.stop)
        self.socket = os.path.join(self.server.data, "control.sock")

    def command(self, *words):
        return subprocess.run(
            [sys.executable, "-m", "twistedmx", *words, "--socket", self.socket],
            env={**os.environ, "PYTHONPATH": SOURCE},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_it_can_be_asked_and_told(self):
        """status, rcpt, history and reload speak the language of the server that is there."""
        done = self.command("status", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        status = json.loads(done.stdout)
        self.assertEqual((status["version"], status["host"]), (twistedmx.__version__, "localhost"))
        done = self.command("status")
        self.assertIn(f"127.0.0.1:{self.server.port}", done.stdout)
        self.assertIn(f"server        twistedmx {twistedmx.__version__}, localhost, process ", done.stdout)

        done = self.command("rcpt", "demo@localhost", "nobody@localhost", "demo")
        self.assertEqual(done.returncode, 1)
        good, bad = done.stdout.splitlines()
        self.assertTrue(good.startswith("demo@localhost: 250 2.1.5 "), good)
        self.assertTrue(good.endswith(f" -> {self.server.maildir('demo')}"), good)
        self.assertTrue(bad.startswith("nobody@localhost: 550 5.1.1 "), bad)
        self.assertIn("'demo' is no address", done.stderr)

        done = self.command("history", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        history = json.loads(done.stdout)
        self.assertGreater(history["cpus"], 0)
        self.assertLessEqual(history["minutes"][-1]["start"], history["now"])
        pictures = os.path.join(os.path.dirname(self.socket), "pictures")
        done = self.command("history", "--svg", pictures)
        self.assertEqual(done.stdout, f"{pictures}/rejections.svg\n{pictures}/sessions.svg\n", done.stderr)

        done = self.command("reload")
        self.assertEqual((done.returncode, done.stdout), (0, "reloaded; no setting has changed\n"), done.stderr)

    def test_a_setting_is_changed_until_the_next_reload(self):
        """All those that can be are listed, and can be set to what is listed."""
        done = self.command("set", "governor.flor", "60")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("did you mean governor.floor?", done.stderr)
        done = self.command("set", "governor.floor", "60")
        self.assertIn("governor.floor = 60, was 100; until", done.stdout, done.stderr)
        self.assertEqual(json.loads(self.command("status", "--json").stdout)["governor"]["floor"], 60)
        done = self.command("set")
        self.assertIn("\ngovernor.floor = 60  # written: 100; sessions of strangers\n", done.stdout)
        document = tomllib.loads(done.stdout)
        self.assertEqual(document["governor"]["shares"], [0.2, 0.4, 0.6])
        done = self.command("set", "governor.words", json.dumps(document["governor"]["words"]))
        self.assertTrue(done.stdout.endswith("as before; as written\n"), done.stdout + done.stderr)
        done = self.command("reload")
        self.assertEqual(done.stdout, "reloaded; changed: governor.floor\n", done.stderr)

    def test_it_can_be_watched_until_ctrl_c_or_its_end(self):
        """A line each time, at once."""
        words = [sys.executable, "-m", "twistedmx", "status", "--watch", "--interval", "0.1", "--socket", self.socket]
        for end, status in ((lambda process: process.send_signal(signal.SIGINT), 0), (lambda _: self.server.stop(), 2)):
            process = subprocess.Popen(
                words,
                env={**os.environ, "PYTHONPATH": SOURCE},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.addCleanup(process.kill)
            said = Output(process.stdout)
            for _ in range(2):
                said.wait_for(r"^\d\d:\d\d:\d\d UTC  limit \d+, strangers 0, waiting 0, load ")
            end(process)
            self.assertEqual(process.wait(60), status)
            said.rest()
            with process.stdout, process.stderr:
                self.assertEqual("twistedmx status: " in process.stderr.read(), bool(status))

    def test_what_was_refused_can_be_looked_at(self):
        """A message that loops, over a real connection: in the list, whole, octet by octet, and in no log."""
        content = "Received: x\n" * 100 + "Subject: \x1b[2J\n\nsecret\n"
        with smtplib.SMTP("127.0.0.1", self.server.port) as client:
            with self.assertRaises(smtplib.SMTPDataError) as refused:
                client.sendmail("a@example.net", ["demo@localhost"], content)
            self.assertEqual(refused.exception.smtp_code, 554)
        done = self.command("samples", "--reason", "loop")
        self.assertEqual(done.returncode, 0, done.stderr)
        _, _, id_, line = done.stdout.strip().replace(" UTC", "").replace("  ", " ").split(" ", 3)
        size = len(content) + content.count("\n")
        self.assertEqual(line, f"loop at message: 127.0.0.1, <a@example.net> to demo@localhost, {size} octets")
        done = self.command("samples", id_.lower())
        self.assertIn("  | Subject: \\x1b[2J\n  | \n  | secret\n", done.stdout)
        done = self.command("samples", id_, "--raw")
        self.assertEqual((done.returncode, done.stdout), (0, content), done.stderr)
        self.assertIn(f"sample: twistedmx samples {id_.partition('.')[0]}", self.command("why", id_).stdout)
        self.assertEqual(self.command("samples", "0123456789").returncode, 1)
        _, lines = self.server.stop()
        self.assertEqual(len([line for line in lines if " reason=loop " in line]), 1)
        self.assertEqual([line for line in lines if "secret" in line], [])
