"""Programs of a .qmail file: what they find, what their status means, and that none runs for ever (qmail-command(8))."""

import os
import signal
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.homes import FROM_LINE, MESSAGE, Home
from tests.qmail.programs import ends
from twistedmx.qmail.endings import Bounced, Deferred, Delivered, Ending


class ProgramTests(SynchronousTestCase):
    """One command each."""

    def setUp(self) -> None:
        self.home = Home(self.addCleanup)

    def run_command(self, command: str, **letter: bytes) -> Ending:
        self.home.put(".qmail-a-b-c-d", b"|" + command.encode() + b"\n")
        return self.home.deliver(
            **{"dash": b"-", "extension": b"a-B-c-d", "local_part": b"ann-a-B-c-d", "host": b"w.x.y.z", **letter}
        )

    def test_the_environment_is_qmails_and_nothing_else(self) -> None:
        """Not the server's: secrets may be there."""
        self.assertIsInstance(self.run_command("env -0 > env"), Delivered)
        found = dict(pair.split(b"=", 1) for pair in self.home.read("env").split(b"\0") if pair)
        for name in (b"PWD", b"SHLVL", b"_", b"OLDPWD"):  # the shell's own
            found.pop(name, None)
        self.assertEqual(
            found,
            {
                b"PATH": b"/usr/bin:/bin",
                b"SENDER": b"sender@far.example",
                b"NEWSENDER": b"sender@far.example",
                b"RECIPIENT": b"ann-a-B-c-d@w.x.y.z",
                b"USER": b"ann",
                b"HOME": os.fsencode(self.home.path),
                b"HOST": b"w.x.y.z",
                b"HOST2": b"w.x.y",
                b"HOST3": b"w.x",
                b"HOST4": b"w",
                b"LOCAL": b"ann-a-B-c-d",
                b"EXT": b"a-B-c-d",
                b"EXT2": b"B-c-d",
                b"EXT3": b"c-d",
                b"EXT4": b"d",
                b"DTLINE": b"Delivered-To: ann-a-B-c-d@w.x.y.z\n",
                b"RPLINE": b"Return-Path: <sender@far.example>\n",
                b"UFLINE": FROM_LINE,
            },
        )

    def test_a_host_without_dots_stays_what_it_is(self) -> None:
        """And an extension without dashes has nothing behind them."""
        self.home.put(".qmail", b'|echo "$HOST4/$EXT/$EXT2/${DEFAULT-none}" > words\n')
        self.home.deliver(host=b"near")
        self.assertEqual(self.home.read("words"), b"near///none\n")

    def test_the_message_is_a_file_from_its_first_octet_and_without_our_lines(self) -> None:
        """Each program reads all of it, and may go back in it."""
        self.home.put(".qmail", b"|cat > one\n|cat > two; test -f /proc/self/fd/0\n")
        self.home.deliver()
        self.assertEqual((self.home.read("one"), self.home.read("two")), (MESSAGE, MESSAGE))

    def test_a_program_has_three_descriptors_and_ordinary_signals(self) -> None:
        """No socket of ours, no file of another's mail; and what we ignore kills it."""
        self.run_command("ls /proc/self/fd | tr '\\n' ' ' > fds; grep SigIgn /proc/self/status > ignored")
        self.assertLessEqual(
            set(self.home.read("fds").split()), {b"0", b"1", b"2", b"3"}
        )  # 3: the folder that ls reads
        self.assertEqual(int(self.home.read("ignored").split()[1], 16) & (1 << signal.SIGPIPE - 1), 0)

    def test_it_runs_in_the_home(self) -> None:
        """Where the paths of .qmail files begin."""
        self.run_command("pwd -P > where")
        self.assertEqual(self.home.read("where").decode().strip(), self.home.path)

    def test_each_status_means_what_qmail_command_says(self) -> None:
        """Everything unknown is temporary."""
        for status in (100, 64, 65, 70, 76, 77, 78, 112):
            self.assertIsInstance(self.run_command(f"exit {status}"), Bounced, status)
        for status in (111, 1, 2, 66, 71, 74, 75, 101, 127, 255):
            self.assertIsInstance(self.run_command(f"exit {status}"), Deferred, status)
        for status in (0, 99):
            self.assertIsInstance(self.run_command(f"exit {status}"), Delivered, status)

    def test_a_program_that_crashes_defers(self) -> None:
        """Its signal is no status."""
        ending = self.run_command("kill -SEGV $$")
        self.assertIsInstance(ending, Deferred)
        self.assertIn("child crashed", ending.text)

    def test_what_it_says_goes_to_the_peer_when_it_refuses(self) -> None:
        """bouncesaying(1) is made for that; printable, and short."""
        ending = self.run_command("echo 'Not wanted. (#5.7.1)'; printf '\\001\\377' >&2; exit 100")
        self.assertEqual(ending.said, "Not wanted. (#5.7.1) ??")
        ending = self.run_command("yes word | head -c 500000; exit 100")
        self.assertLessEqual(len(ending.said), 300)

    def test_what_it_says_when_it_fails_is_ours(self) -> None:
        """It has paths in it, as a rule."""
        ending = self.run_command("echo /home/ann/secret; exit 111")
        self.assertEqual(ending.said, "")
        self.assertIn("/home/ann/secret", ending.text)

    def test_at_the_limit_it_is_killed_with_all_that_it_started(self) -> None:
        """A sleep that hangs holds a place for ever, and its children too."""
        self.home.deadline = monotonic() + 0.3
        ending = self.run_command("trap '' TERM; sleep 1000 & echo $! > child; wait; wait")
        self.assertIsInstance(ending, Deferred)
        self.assertIn("too long", ending.text)
        self.assertTrue(ends(int(self.home.read("child"))))

    def test_who_stays_behind_with_our_pipe_holds_up_nobody(self) -> None:
        """A program that goes into the background has ended."""
        self.assertIsInstance(self.run_command("sleep 5 & exit 0"), Delivered)
        self.assertLess(monotonic(), self.home.deadline - 50)

    def test_a_program_that_closes_its_output_is_waited_for(self) -> None:
        """The end of the output is not the end."""
        self.assertIsInstance(self.run_command("exec >&- 2>&-; read line; exit 100"), Bounced)
