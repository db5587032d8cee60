"""The drills against a real server, both in processes of their own: a few seconds, a few sessions."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.drill.wire import PLAN
from tests.integration.once import with_one_python
from tests.integration.output import Output
from tests.integration.program import LOOPBACK, Program, Started, command, free_port, remove, short_folder
from tests.integration.stored import messages
from twistedmx.linux import pidfd_open

# A machine that runs other tests beside is slow, which is no fault of the server.
THRESHOLDS = "".join(f"[siege_{siege}]\np99_floor = 10_000\nconnections = 10\n" for siege in (1, 2, 3))
SOURCE = Path(__file__).parents[2]
QUICK = ("--minutes", "0.04", "--rate", "60", "--sessions", "60")


class DrillTests(SynchronousTestCase):
    def setUp(self):
        with_one_python()
        self.folder = short_folder()
        self.addCleanup(remove, self.folder)
        self.thresholds = self.folder / "thresholds.toml"
        self.thresholds.write_text(THRESHOLDS, encoding="utf-8")

    def start(self):
        server = Program(str(self.folder / "s"))
        self.addCleanup(server.stop)
        self.socket = os.path.join(server.data, "control.sock")
        return server

    def words(self, siege, *more):
        return ["drill", str(siege), *QUICK, "--socket", self.socket, "--thresholds", str(self.thresholds), *more]

    def test_all_three_pass_and_say_what_happened(self):
        """The acceptance of the whole product, in small."""
        server = self.start()
        told = {}
        for siege in (1, 2, 3):
            # A session of siege 2 takes some seconds: it has the pace of a modem.
            minutes = ("--minutes", "0.08") if siege == 2 else ()
            done = command(*self.words(siege, "--json", *minutes))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            told[siege] = json.loads(done.stdout)
            self.assertEqual((told[siege]["verdict"], told[siege]["target"]), ("passed", f"127.0.0.1:{server.port}"))
            self.assertRegex(
                done.stderr,
                f"drill {siege}: calm, 1 of 2 s; mail \\d+ of \\d+ sent, 0 failed, p99 [\\d,.]+ ms; limit \\d+",
            )
            self.assertRegex(done.stderr, f"drill {siege}: attack, 2 of [24].\\d s; \\d+ sessions, ")
            legitimate = told[siege]["legitimate"]["attack"]
            self.assertEqual((legitimate["failed"], legitimate["answered"]), (0, legitimate["sent"]))
            self.assertGreaterEqual(legitimate["sent"], 10)
            self.assertGreater(told[siege]["server"]["resident_before"], 1 << 20)
            self.assertGreater(told[siege]["attackers"]["most_open"], 10)
        dictionary, bots, bounces = (told[siege]["attackers"] for siege in (1, 2, 3))
        # [conduct] bad_recipients: the tenth hears 421, and an earlier one where other programs keep the machine busy.
        self.assertIn(dictionary["most_guesses"], range(1, 10))
        self.assertEqual((dictionary["closed_share"], list(dictionary["last_words"])), (1.0, ["421 4.7.0"]))
        self.assertEqual((bots["accepted"], bots["most_guesses"], bots["hung_up"]), (0, 1, 0))
        self.assertGreater(bounces["left"], 10)
        self.assertEqual((bounces["deferred"], bounces["accepted"]), (0, 0))
        self.assertGreater(len(messages(server.maildir("demo"))), 60)
        _, lines = server.stop()
        self.assertEqual([line for line in lines if "Traceback" in line], [])

    def test_a_server_that_lets_guess_fails(self):
        """Siege 1 as it was lost: no limit across RSET, no hang-up. A drill that always passes shows nothing."""
        config = self.folder / "lax.toml"
        (self.folder / "boxes").write_text("postmaster@example.org\n", encoding="utf-8")
        lax = f'host = "localhost"\ndata = "data"\nlisten = ["{LOOPBACK}"]\n[mailboxes]\ntable = "boxes"\n'
        config.write_text(
            lax
            + "[conduct]\nbad_recipients = [1000, 1000, 1000]\nresets = [1000, 1000, 1000]\n"
            + "[limits]\nerrors = [1000, 1000, 1000]\n"
            # Nor does it let a session go for want of places, whatever else runs here.
            + "[load]\nhigh = 0\nlag_high = 0\nmemory_high = 0\nthrottled_high = 0\n",
            encoding="utf-8",
        )
        server = Started(config)
        self.addCleanup(server.stop)
        server.ports_of()
        self.socket = str(self.folder / "data" / "control.sock")
        done = command(*self.words(1, "--json", "--minutes", "0.07"))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual((told["verdict"], told["recipients"]), ("failed", ["postmaster@example.org"]))
        self.assertEqual(
            [mark["name"] for mark in told["thresholds"] if not mark["passed"]],
            ["guesses answered in a session", "sessions closed by the server"],
        )

    def test_ctrl_c_ends_it_with_what_was_measured(self):
        """And leaves no attackers behind."""
        self.start()
        process = subprocess.Popen(
            [sys.executable, "-m", "twistedmx", *self.words(1, "--json", "--minutes", "0.13")],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.kill)
        Output(process.stderr).wait_for("attack, 1 of 7.8 s")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        told = json.loads(out)
        self.assertEqual((process.returncode, told["verdict"]), (130, "interrupted"))
        self.assertGreater(told["attackers"]["connections"], 10)
        self.assertLess(told["attack_seconds"], 7)

    def test_the_governor_is_shown_and_so_is_what_hogs_do_to_it(self):
        """Told apart from what is judged."""
        self.start()
        done = command(*self.words(2, "--json", "--minutes", "0.08", "--hog", "2", "--hogs", "2"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertGreaterEqual(told["governor"]["limit_first"], 50)
        self.assertGreater(told["governor"]["strangers_most"], 5)
        self.assertGreater(told["governor"]["load_most"], 0)
        hog = told["hog"]
        self.assertEqual(hog["processes"], 2)
        self.assertGreaterEqual(hog["seconds"], 2)
        self.assertGreaterEqual(hog["legitimate"]["sent"], 9)
        self.assertLessEqual(hog["governor"]["limit_lowest"], hog["governor"]["limit_first"])
        self.assertRegex(done.stderr, r"drill 2: attack beside hogs, \d of 2 s; .*; limit \d+, load \d+\.\d\d\n")

    def test_no_hog_is_left_by_ctrl_c_or_by_a_kill(self):
        """Each would have a core for ever."""
        self.start()
        for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
            process = subprocess.Popen(
                [sys.executable, "-m", "twistedmx", *self.words(2, "--hog", "60", "--hogs", "2")],
                env={**os.environ, "PYTHONPATH": str(SOURCE)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.addCleanup(process.kill)
            Output(process.stderr).wait_for("attack beside hogs, 1 of 60 s")
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                left = [pidfd_open(int(child)) for child in children.read().split()]
            self.assertEqual(len(left), 3, "attackers, and two hogs")
            process.send_signal(number)
            self.assertEqual(process.wait(60), status)
            process.stderr.close()
            for child in left:
                self.assertTrue(select.select([child], [], [], 60)[0], "it runs still")
                os.close(child)

    def test_what_cannot_be_attacked_is_told_with_the_remedy(self):
        """Status 2, and no traceback."""
        self.start()
        nobody = command(*self.words(1, "--target", f"127.0.0.1:{free_port()}", "--recipient", "a@b.example"))
        self.assertEqual((nobody.returncode, nobody.stdout), (2, ""))
        self.assertIn("start the server, or name its port with --target", nobody.stderr)
        unknown = command(*self.words(1, "--recipient", "nobody@localhost"))
        self.assertEqual(unknown.returncode, 2)
        refusal = r"RCPT TO:<nobody@localhost>: 550 5\.1\.1 No such mailbox here \(id [0-9A-Z]{10}\); name recipients"
        self.assertRegex(unknown.stderr, refusal)
        many = command(*self.words(1, "--sessions", "1000000"))
        self.assertEqual(many.returncode, 2)
        self.assertIn("each takes a descriptor", many.stderr)

    def test_attackers_go_with_who_has_sent_them(self):
        """A drill that is killed must not leave a flood behind: they end when their input does."""
        plan = {field: getattr(PLAN, field) for field in PLAN.__slots__ if field != "__weakref__"}
        program = "from twistedmx.drill.attack import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps({**plan, "port": free_port()}) + "\n",
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout.splitlines()[-1])["open"], 0)
