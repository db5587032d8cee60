"""No message that was answered 250 is lost, wherever the process is killed: the promise of an SMTP server.

A real server is killed before and after each call of its disk, and at random moments under load. What survives a kill is
what the kernel was told; what survives a power cut is tested in tests/delivery, on a disk that forgets.

TWISTEDMX_KILL_ROUNDS: how often the server is killed under load (a long run: 2000). TWISTEDMX_KILL_SEED: to play the
rounds of a failed run again, as far as threads can be played again.
"""

import atexit
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from random import Random, SystemRandom
from smtplib import SMTP, SMTPException

import attrs
from twisted.trial.unittest import SynchronousTestCase

import twistedmx
from tests.integration import killed_server
from tests.integration.once import with_one_python
from tests.integration.output import Output
from tests.integration.stored import contents, files

ROUNDS = int(os.environ.get("TWISTEDMX_KILL_ROUNDS", "8"))
SEED = os.environ.get("TWISTEDMX_KILL_SEED") or str(SystemRandom().getrandbits(32))

AT_ONCE = 4  # servers: each waits for the disk half of its time
CLIENTS = 6
MOST = 12  # messages until a step of the first two must have come
TWO_DAYS = 2 * 86_400  # seconds; after a day and a half what is left in tmp is stale

MAILBOXES = ("demo", "postmaster")
BOTH = "both"
TABLE = "demo@localhost\npostmaster@localhost\nboth@localhost alias demo@localhost, postmaster@localhost\n"


class Starter:
    """A process that has imported everything and starts servers one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", killed_server.__file__, "--starts"],
            env={**os.environ, "PYTHONPATH": str(Path(twistedmx.__file__).parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._output = Output(self._process.stdout)

    def start(self, folder: str, *words: object) -> tuple[int, int]:
        """Process id and port of a server that listens."""
        self._process.stdin.write("\t".join([folder, *map(str, words)]) + "\n")
        self._process.stdin.flush()
        found = self._output.wait_for(r"^(listens (\d+) (\d+)|ended .*)$")
        if not found[2]:
            raise AssertionError(f"it did not start: {found[0]}")
        return int(found[2]), int(found[3])

    def end(self) -> tuple[int, str]:
        """Exit status of the server, when it has ended, and what it said last."""
        status = int(self._output.wait_for(r"^ended (-?\d+)$")[1])
        return status, self._output.lines[-2]

    def stop(self, pid: int) -> str:
        """Ask the server to end, as an operator does; what it said last."""
        os.kill(pid, signal.SIGTERM)
        status, said = self.end()
        if status != 0:
            raise AssertionError(f"SIGTERM ended it with status {status}")
        return said

    def close(self) -> None:
        """No more; nor the server that a failed test may have left. Harmless when done before."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)  # its session is its own and its servers'
            self._process.wait()


_idle: "SimpleQueue[Starter]" = SimpleQueue()


@contextmanager
def a_starter() -> Iterator[Starter]:
    """One for the caller alone; kept for the next, however many tests there are."""
    if _idle.empty():
        starter = Starter()
        atexit.register(starter.close)
    else:
        starter = _idle.get()
    try:
        yield starter
    except BaseException:
        starter.close()  # what it says next would be about what failed
        raise
    _idle.put(starter)


Step = tuple[str, str, int]  # side, call, number


@attrs.define(kw_only=True)
class Sent:
    """One message. `to`: a local part. `acknowledged`: 250 was read."""

    content: bytes
    to: str
    acknowledged: bool = False

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Who gets a copy."""
        return MAILBOXES if self.to == BOTH else (self.to,)


def content_of(subject: str, octets: int) -> bytes:
    """A message that is like no other, in each of its lines."""
    head = f"Subject: {subject}\r\n\r\n".encode()
    line = f"{subject} ".encode() * (60 // (len(subject) + 1) + 1)
    lines = (b"%08d %s\r\n" % (number, line) for number in range(octets // (len(line) + 11) + 1))
    return head + b"".join(lines) + b".\r\n..\r\nthe end\r\n"


def send(port: int, messages: Iterator[Sent]) -> list[Sent]:
    """Send them in one session until it breaks, or they are all sent; those that were begun."""
    begun: list[Sent] = []
    try:
        with SMTP("127.0.0.1", port, local_hostname="client.example", timeout=60) as client:
            client.ehlo()
            for message in messages:
                begun.append(message)
                client.mail("me@example.org")
                client.rcpt(f"{message.to}@localhost")
                message.acknowledged = client.data(message.content)[0] == 250
    except (SMTPException, OSError):
        pass  # the server is gone; who acknowledged what is in the messages
    return begun


class Mail:
    """A demo's folder. `folder`: it need not be there yet."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder)
        with open(os.path.join(folder, "mailboxes"), "w", encoding="utf-8") as file:
            file.write(TABLE)

    def maildir(self, mailbox: str) -> str:
        """Its path."""
        return os.path.join(self.folder, "mail", "localhost", mailbox)

    def left_in_tmp(self) -> list[str]:
        """Files that never became mail."""
        return [path for mailbox in MAILBOXES for path in files(self.maildir(mailbox), "tmp")]

    def faults(self, sent: list[Sent]) -> list[str]:
        """What is not as it was promised, in words."""
        faults = []
        for mailbox in MAILBOXES:
            counted = Counter(contents(self.maildir(mailbox)))
            for message in sent:
                if mailbox not in message.mailboxes:
                    continue
                copies = counted.pop(message.content.replace(b"\r\n", b"\n"), 0)
                name = message.content.partition(b"\r\n")[0].decode()
                if message.acknowledged and copies == 0:
                    faults.append(f"{mailbox}: LOST after 250: {name}")
                elif copies > 1:
                    faults.append(f"{mailbox}: {copies} times: {name}")
            faults += [f"{mailbox}: torn or unknown: {content[:80]!r}, {len(content)} octets" for content in counted]
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
            faults += [f"log: {line.rstrip()}" for line in file if "#critical" in line or "#error" in line]
        return faults

    def read_all(self) -> None:
        """The owners take their mail away."""
        for mailbox in MAILBOXES:
            for path in files(self.maildir(mailbox), "new"):
                os.unlink(path)


@attrs.frozen(kw_only=True)
class Case:
    """What is sent, and how it is written."""

    to: str
    octets: int
    named: bool

    @property
    def words(self) -> list[str]:
        """For the server's command line."""
        return ["--named"] if self.named else []

    def messages(self, what: str, count: int) -> Iterator[Sent]:
        """So many, all different."""
        return (Sent(content=content_of(f"{what}-{number}", self.octets), to=self.to) for number in range(count))

    def calls(self, folder: str) -> list[str]:
        """The calls that two messages cause, one after the other, when nobody is killed."""
        mail = Mail(folder)
        with a_starter() as starter:
            pid, port = starter.start(mail.folder, *self.words)
            sent = send(port, self.messages("dry", 2))
            calls = starter.stop(pid).split()[1:]
        faults = mail.faults(sent)
        if faults or not all(message.acknowledged for message in sent):
            raise AssertionError(f"it does not even work without a kill: {faults}")
        return calls

    def steps(self, calls: list[str]) -> list[Step]:
        """Where to kill: before and after each of the calls, and between giving a name and taking the old one away."""
        steps = []
        for index, call in enumerate(calls):
            sides = ("before", "within", "after") if self.named and call == "publish" else ("before", "after")
            # By name and number: how often the free space is measured in between is for the threads to settle.
            steps += [(side, call, calls[:index].count(call)) for side in sides]
        return steps

    def play(self, folder: str, step: Step) -> list[str]:
        """Kill there, start again, go on. The faults."""
        side, call, number = step
        mail = Mail(folder)
        with a_starter() as starter:
            _, port = starter.start(mail.folder, *self.words, "--kill", call, "--number", number, "--side", side)
            sent = send(port, self.messages("first", MOST))
            status, said = starter.end()
            faults = mail.faults(sent)
            if (status, said) != (-signal.SIGKILL, f"killed {side} {call} {number}"):
                faults.append(
                    f"it lived on, or died of something else: status {status}, {said!r}, {len(sent)} messages"
                )
            if sent[-1].acknowledged:
                faults.append("250 was said, and the disk was not done")
            left = mail.left_in_tmp()
            if left and not self.named:
                faults.append(f"a file without a name has one: {left}")
            for path in left:  # after the reading above: one of them may be a second name of a message
                os.utime(path, (time.time() - TWO_DAYS,) * 2)

            pid, port = starter.start(mail.folder, *self.words)
            # The peer has not heard 250 and sends again; with other content here, so that all can be told apart.
            again = send(port, self.messages("again", 2))
            starter.stop(pid)
        faults += mail.faults(sent + again)
        faults += [
            f"refused after the restart: {message.content[:40]!r}" for message in again if not message.acknowledged
        ]
        faults += [f"stale, and not swept: {path}" for path in mail.left_in_tmp()]
        return [f"killed {side} {call} {number}: {fault}" for fault in faults]


class KilledAtEveryCall(SynchronousTestCase):
    """Between any two calls of the disk, and after each: what was acknowledged is there, whole, once."""

    maxDiff = None
    named = False

    def setUp(self) -> None:
        with_one_python()

    def _kill_at_every_call(self, to: str, octets: int) -> None:
        case = Case(to=to, octets=octets, named=self.named)
        root = os.path.abspath(self.mktemp())
        steps = case.steps(case.calls(os.path.join(root, "dry")))
        self.assertGreater(len(steps), 30)
        folders = [os.path.join(root, "-".join(map(str, step))) for step in steps]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            faults = [fault for found in threads.map(case.play, folders, steps) for fault in found]
        self.assertEqual(faults, [])

    def test_a_small_message_for_one(self) -> None:
        """The mail of every day."""
        self._kill_at_every_call("demo", 1_000)

    def test_a_small_message_for_two(self) -> None:
        """One 250 promises both copies."""
        self._kill_at_every_call(BOTH, 1_000)

    def test_a_large_message_for_one(self) -> None:
        """It is on the disk in part before its end has come."""
        self._kill_at_every_call("demo", 700_000)

    def test_a_large_message_for_two(self) -> None:
        """The second copy is made from the first when that is whole."""
        self._kill_at_every_call(BOTH, 700_000)


class KilledAtEveryCallWithNames(KilledAtEveryCall):
    """The same where files have a name in tmp from the start."""

    named = True


class KilledUnderLoad(SynchronousTestCase):
    """The same in the middle of batches, at moments that nobody has thought of."""

    maxDiff = None

    def setUp(self) -> None:
        with_one_python()

    def _play(self, named: bool) -> None:
        chance = Random(f"{SEED} {named}")
        print(f"TWISTEDMX_KILL_SEED={SEED} TWISTEDMX_KILL_ROUNDS={ROUNDS}")
        mail = Mail(os.path.abspath(self.mktemp()))
        words = ["--named"] if named else []
        acknowledged = 0
        for round_ in range(ROUNDS):

            def messages(client: int, what: str, round_: int = round_) -> Iterator[Sent]:
                own = Random(f"{SEED} {named} {round_} {client} {what}")
                for number in range(900):
                    octets = own.choice((10, 1_000, 5_000, 5_000, 400_000))
                    subject = f"{what}-{round_}-{client}-{number}"
                    yield Sent(content=content_of(subject, octets), to=own.choice((*MAILBOXES, BOTH)))

            with a_starter() as starter, ThreadPoolExecutor(CLIENTS) as threads:
                late = f"{chance.uniform(1e-6, 5e-3):.6f}"
                kill = ("--kill", "any", "--number", chance.randrange(400), "--late", late)
                _, port = starter.start(mail.folder, *words, *kill)
                loads = threads.map(lambda client: send(port, messages(client, "load")), range(CLIENTS))  # noqa: B023
                sent = [message for load in loads for message in load]
                self.assertEqual(starter.end()[0], -signal.SIGALRM)
                faults = mail.faults(sent)
                pid, port = starter.start(mail.folder, *words)
                after = send(port, (message for _, message in zip(range(3), messages(0, "after"), strict=False)))
                starter.stop(pid)
            faults += mail.faults(sent + after)
            self.assertEqual((faults, [message.acknowledged for message in after]), ([], [True] * 3), f"seed {SEED}")
            if not named:
                self.assertEqual(mail.left_in_tmp(), [])
            acknowledged += sum(message.acknowledged for message in sent)
            mail.read_all()
        self.assertGreater(acknowledged, ROUNDS, "so few were acknowledged that nothing is shown")

    def test_at_random_moments(self) -> None:
        """Clients in parallel share batches; the kill hits any of them anywhere."""
        self._play(named=False)

    def test_at_random_moments_with_names(self) -> None:
        """The same where files have a name in tmp from the start."""
        self._play(named=True)
