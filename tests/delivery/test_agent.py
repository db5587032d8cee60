"""The agent: what it serves, what it refuses whoever asks, and that nothing is lost when it dies."""

import errno
import os
import socket
import time
from collections.abc import Sequence
from contextlib import nullcontext
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.delivery.agents import InThread, quiet_agent, users
from tests.delivery.test_disk import RealFiles
from twistedmx.delivery.agent import LONGEST, Agent, parse
from twistedmx.delivery.agent_disk import AgentDisk, take_up_agent
from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.delivery.disk import PosixDisk
from twistedmx.delivery.filesystem import Kept
from twistedmx.delivery.maildir import Layout, Names
from twistedmx.delivery.paths import Paths
from twistedmx.delivery.rights import Refused
from twistedmx.delivery.tally import Tally
from twistedmx.model.storage import Copy, Failed, Stored

NAME = "1700000000.M000001P77Q1R0123456789abcdef.mx.example"
TEMPORARY = f"/home/ann/Maildir/tmp/{NAME}"
PUBLISHED = f"/home/ann/Maildir/new/{NAME},S=42"


class AgentDiskTests(RealFiles, SynchronousTestCase):
    """The suite of disks, asked of an agent in a thread that stays who we are."""

    def setUp(self) -> None:
        super().setUp()
        paths = Paths(now=lambda: time.time() + self.waited, nameless=self.nameless)
        agent = InThread(quiet_agent(users("ann", home=lambda name: self.home), paths))
        self.addCleanup(agent.end)
        self.disk = agent.asks.disk("ann")

    def test_a_full_tmp_is_swept_over_several_days(self) -> None:
        """An answer has a bound."""
        self.make()
        for number in range(100):
            self.put(f"{self.root}/tmp/{number:0>200}", b"")
        self.wait(37 * 3600)
        swept = 0
        while stale := self.disk.list_stale(f"{self.root}/tmp", 36 * 3600):
            swept += len(stale)
            for path in stale:
                self.disk.remove(path)
        self.assertEqual((swept, self.names(f"{self.root}/tmp")), (100, []))


class NamedAgentDiskTests(AgentDiskTests):
    """The same, with names from the start."""

    nameless = False


class Recorded(Paths):
    """Makes nothing; `asked`: all paths it was given."""

    def __init__(self) -> None:
        super().__init__(now=lambda: 0.0)
        self.asked: list[str] = []

    def look(self, path: str) -> None:
        self.asked.append(path)

    def make_directories(self, path: str, folders: Sequence[str] = ()) -> Sequence[str]:
        self.asked.append(path)
        return ()

    def begin(self, maildir: str, name: str) -> tuple[int, str, Kept]:
        self.asked.append(f"{maildir}/tmp/{name}")
        return os.open("/dev/null", os.O_WRONLY), "", Kept()

    def give_name(self, descriptor: int, temporary: str, path: str) -> None:
        self.asked += [path, temporary]

    def sync_directory(self, path: str) -> None:
        self.asked.append(path)

    remove = sync_directory

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        self.asked.append(directory)
        return ()

    def is_stale(self, path: str, older_than: float) -> bool:
        return True

    def free_octets(self, path: str) -> int:
        self.asked.append(path)
        return 1

    def add_to_maildirsize(self, maildir: str, octets: int) -> bool:
        self.asked.append(maildir)
        return True


# In the home of ann and below; "Mail/in" is a second Maildir there. No test makes them.
MAILDIRS = ("Maildir", "Mail/in")
FOLDERS = {
    f"/home/ann/{path}"
    for maildir in MAILDIRS
    for path in (maildir, *(f"{maildir}/{k}" for k in ("tmp", "new", "cur")))
} | {"/home/ann", "/home/ann/Mail"}
PARTS = st.sampled_from(
    ("home", "ann", "bob", "Maildir", "Mail", "in", "tmp", "new", "cur", "maildirsize", "etc", "passwd")
) | st.sampled_from(("..", ".", "", NAME, f"{NAME},S=42", f"{NAME}\n", "a" * 300, "é", "\udcff"))
PATHS = (
    st.lists(PARTS, max_size=7).map(lambda parts: "/" + "/".join(parts))
    | st.builds(lambda folder, name: f"{folder}/{name}", st.sampled_from(sorted(FOLDERS)), PARTS)
    | st.sampled_from(["", "relative", TEMPORARY, PUBLISHED, *sorted(FOLDERS)])
)
CALLS = ("make", "begin", "give-name", "sync", "remove", "list-stale", "free", "count", "chown", "")
PACKETS = st.binary(max_size=200) | st.builds(
    lambda call, user, path, word, more: os.fsencode("\0".join((call, user, path, word))) + more,
    st.sampled_from(CALLS),
    st.sampled_from(["ann", "ann", "ann", "bob", "root", "", "../ann", "a" * 300, "é"]),
    PATHS,
    PATHS | st.sampled_from([NAME, "17", "-1", "9" * 30, "x"]),
    st.sampled_from([b"", b"", b"\0", b"\xff"]),
)


class RefusalTests(SynchronousTestCase):
    """Its peer may have been taken over; root's rights must be no use to it."""

    def setUp(self) -> None:
        self.paths = Recorded()
        self.agent = quiet_agent(users("ann", home=lambda name: "/home/ann"), self.paths, MAILDIRS)

    def ask(self, *fields: str, descriptor: int = -1) -> list[str]:
        """The fields of the answer."""
        answer, begun = self.agent.answer(os.fsencode("\0".join(fields)), descriptor)
        if begun >= 0:
            os.close(begun)
        return os.fsdecode(answer).split("\0")

    @settings(deadline=None, max_examples=400)
    @given(packets=st.lists(PACKETS, max_size=5), descriptor=st.booleans())
    @example(packets=[b"sync\0ann\0/home/ann/Maildir/../../bob\0"], descriptor=False)
    @example(packets=[b"begin\0ann\0/home/ann/Maildir\0../new/x"], descriptor=False)
    def test_whatever_comes_no_path_outside_of_the_mail_is_touched(
        self, packets: list[bytes], descriptor: bool
    ) -> None:
        """Fuzzed: a path that reaches the system is a folder of a Maildir, or one of our names in it; and all are answered."""
        self.setUp()
        received = os.open("/dev/null", os.O_RDONLY) if descriptor else -1
        for packet in packets:
            answer, begun = self.agent.answer(packet, received)
            self.assertRegex(answer, rb"\A[0-9]{1,3}(\0|\Z)")
            self.assertLessEqual(len(answer), LONGEST)
            if begun >= 0:
                os.close(begun)
        if descriptor:
            os.close(received)
        for path in self.paths.asked:
            folder, _, name = path.rpartition("/")
            self.assertTrue(
                path in FOLDERS
                or (folder in FOLDERS and folder.endswith(("/tmp", "/new")) and name not in ("..", ".", "")),
                path,
            )

    @given(st.binary(max_size=300))
    def test_any_octets_are_a_request_or_refused(self, packet: bytes) -> None:
        """Fuzzed: nothing else comes out of the parser."""
        try:
            request = parse(packet)
        except Refused:
            return
        self.assertEqual(os.fsencode("\0".join(request)), packet)

    def test_a_request_too_long_is_refused(self) -> None:
        """The bound is ours, not the kernel's."""
        self.assertRaises(Refused, parse, b"make\0ann\0/" + b"a" * LONGEST + b"\0")

    def test_who_takes_up_a_socket_hears_nothing_that_was_for_another(self) -> None:
        """A worker was killed between its question and the answer; whoever follows has the same socket, and other questions."""
        agent = InThread(quiet_agent(users("ann", home=lambda name: f"/nowhere/{name}"), Paths(now=lambda: 0.0)))
        self.addCleanup(agent.end)
        peer = agent.asks.peer
        for call in (b"free", b"begin", b"nonsense"):
            peer.send(b"\0".join((call, b"ann", b"/nowhere/ann/Maildir", b"x")))
        taken = take_up_agent(peer, Random(1))
        with self.assertRaises(OSError) as caught:
            taken.ask("free", "bob", "/nowhere/bob/Maildir/tmp")
        self.assertIn("no system user of this name", str(caught.exception))

    def test_an_agent_that_is_gone_is_not_taken_up(self) -> None:
        """Mail for system users is answered 451, other mail is taken; the log says so."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        its.close()
        with ours:
            agent = take_up_agent(ours, Random(1))
            self.assertRaises(ConnectionError, agent.ask, "free", "ann", "/nowhere")

    def test_each_call_takes_its_own_paths_alone(self) -> None:
        """The table in the module's docstring, from the side of what is not in it."""
        for fields in (
            ("make", "ann", "/home/ann/Maildir", ""),
            ("make", "ann", "/home/ann/Maildir/.Junk", ""),
            ("make", "ann", "/home/ann/Maildir/.Junk/tmp", ""),
            ("make", "ann", "/home/ann/Maildirs/tmp", ""),
            ("make", "ann", "/home/ann/.ssh", ""),
            ("make", "bob", "/home/bob/Maildir/tmp", ""),
            ("make", "ann", "/home/bob/Maildir/tmp", ""),
            ("begin", "ann", "/home/ann/Maildir/new", NAME),
            ("begin", "ann", "/home/ann/Maildir", "authorized_keys"),
            ("begin", "ann", "/home/ann/Maildir", f"../../{NAME}"),
            ("begin", "ann", "/home/ann/Maildir", f"{NAME}\n"),
            ("sync", "ann", "/home", ""),
            ("sync", "ann", "/", ""),
            ("sync", "ann", "", ""),
            ("sync", "ann", "/home/ann/Documents", ""),
            ("remove", "ann", "/home/ann/Maildir/cur/" + NAME, ""),
            ("remove", "ann", "/home/ann/Maildir/new/other", ""),
            ("list-stale", "ann", "/home/ann/Maildir/new", "1"),
            ("list-stale", "ann", "/home/ann/Maildir/tmp", "-1"),
            ("free", "ann", "/proc", ""),
            ("count", "ann", "/home/ann", "1"),
            ("count", "ann", "/home/ann/Maildir", "1 1\n2000000S"),
        ):
            self.assertEqual(self.ask(*fields)[0], "1", fields)
        self.assertEqual(self.paths.asked, [])

    def test_what_is_young_in_tmp_is_never_told_as_stale(self) -> None:
        """The peer names the age; below the Maildir page's it would disturb other deliveries."""
        seen = []
        self.paths.list_stale = lambda directory, age: seen.append(age) or ()  # type: ignore[method-assign,func-returns-value]
        self.ask("list-stale", "ann", "/home/ann/Maildir/tmp", "0")
        self.assertEqual(seen, [36 * 3600])

    def test_a_home_is_written_as_the_system_has_it(self) -> None:
        """A backend puts the Maildir behind it in the same way, slash or no slash; a difference would be 451 for ever."""
        for home in ("/home/ann", "/home/ann/", "/home//ann"):
            self.agent = quiet_agent(users("ann", home=lambda name, home=home: home), self.paths, MAILDIRS)
            maildir = os.path.join(home, "Maildir")
            for fields in (("make", f"{maildir}/tmp"), ("sync", maildir), ("sync", maildir.rpartition("/")[0])):
                self.assertEqual(self.ask(fields[0], "ann", fields[1], ""), ["0"], fields)
            self.assertEqual(self.ask("sync", "ann", "/home", "")[0], "1")

    def test_a_maildir_outside_of_the_home_is_a_fault_of_the_command_line(self) -> None:
        """It is found at the start, not at the first mail."""
        for maildir in ("", "/var/mail", "../Maildir", "a//b", "a/.", "a\0b"):
            self.assertRaises(ValueError, quiet_agent, users(home=str), self.paths, [maildir])


class FilesTests(SynchronousTestCase):
    """With real files, which the peer may have chosen."""

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        self.maildir = f"{self.home}/Maildir"
        for kind in ("tmp", "new", "cur"):
            os.makedirs(f"{self.maildir}/{kind}")
        thread = InThread(quiet_agent(users("ann", home=lambda name: self.home), Paths(now=time.time)))
        self.addCleanup(thread.end)
        self.asks = thread.asks
        self.disk = thread.asks.disk("ann")

    def refused(self, *asked: object) -> None:
        error = self.assertRaises(PermissionError, self.asks.ask, *asked)
        self.assertIn("as ann: ", str(error))

    def test_only_what_was_begun_here_gets_a_name(self) -> None:
        """Else the peer could publish any file that it can open, or move another's."""
        path = f"{self.maildir}/new/{NAME}"
        mine = f"{self.home}/secret"
        with open(mine, "wb") as file, open("/dev/null", "rb") as null:
            self.refused("give-name", "ann", path, "", file.fileno())
            self.refused("give-name", "ann", path, "", null.fileno())
            self.refused("give-name", "ann", path, f"{self.maildir}/tmp/secret", file.fileno())
            with open(f"{self.maildir}/tmp/{NAME}", "wb"):
                self.refused("give-name", "ann", path, f"{self.maildir}/tmp/{NAME}", file.fileno())
        self.refused("give-name", "ann", path)
        self.assertEqual(os.listdir(f"{self.maildir}/new"), [])

    def test_another_users_file_gets_no_name_here(self) -> None:
        """Two users who share one server must not share their mail."""
        theirs = users("ann", home=lambda name: self.home, uid=os.getuid() + 1)
        thread = InThread(quiet_agent(theirs, Paths(now=time.time)))
        self.addCleanup(thread.end)
        file = self.disk.create(self.maildir, NAME)
        disk = thread.asks.disk("ann")
        self.assertRaises(PermissionError, disk.publish, file, f"{self.maildir}/new/{NAME}")
        self.disk.discard(file)

    def test_only_what_was_made_here_is_taken_back(self) -> None:
        """A peer that was taken over must not delete the mail of years."""
        old = f"{self.maildir}/new/1600000000.M000001P77Q1R0123456789abcdef.mx.example,S=3"
        young = f"{self.maildir}/tmp/{NAME}"
        for path in (old, young):
            with open(path, "wb"):
                pass
            self.refused("remove", "ann", path)
        file = self.disk.create(self.maildir, NAME.replace("Q1R", "Q2R"))
        self.assertRaises(FileExistsError, self.disk.publish, file, old)
        self.disk.discard(file)
        self.refused("remove", "ann", old)

    def test_a_missing_home_is_not_made(self) -> None:
        """Its disk is not mounted yet: mail written below the mount point would be hidden when it is."""
        os.rename(self.home, self.home + "2")
        self.assertRaises(FileNotFoundError, self.disk.make_directories, f"{self.maildir}/tmp")
        self.assertFalse(os.path.exists(self.home))


class Mortal(Agent):
    """An agent that ends at a request. `left`: requests until then. `late`: after it did as it was asked."""

    left = 1 << 30
    late = False

    def answer(self, packet: bytes, received: int) -> tuple[bytes, int]:
        self.left -= 1
        if self.left >= 0:
            return super().answer(packet, received)
        if self.late:
            _, begun = super().answer(packet, received)
            if begun >= 0:
                os.close(begun)
        raise ConnectionError


class DeathTests(SynchronousTestCase):
    """The agent is killed: by the kernel for want of memory, by a fault of ours, by an operator."""

    nameless = True

    def deliver(self, left: int, late: bool) -> int:
        """Two batches, and a death after so many requests. How many came."""
        home = os.path.abspath(self.mktemp())
        os.makedirs(home)
        mortal = Mortal(
            find=users("ann", home=lambda name: home),
            paths=Paths(now=time.time, nameless=self.nameless),
            maildirs=("Maildir",),
            acting_as=lambda owner: nullcontext(),
        )
        mortal.left, mortal.late = left, late
        thread = InThread(mortal)
        before = len(os.listdir("/proc/self/fd"))
        commit = GroupCommit(
            disk=PosixDisk(now=time.time, nameless=self.nameless),
            disk_of=thread.asks.disk,
            layout=Layout(now=time.time),
            names=Names(now=time.time, chance=Random(1), host="mx.example", pid=os.getpid),
            tally=Tally(now=time.time),
        )
        own = Copy(maildir=f"{home}/own", trace=b"own\n")
        anns = Copy(maildir=f"{home}/Maildir", trace=b"ann's\n", owner="ann")
        promised = []
        for batch in range(2):
            whole = [(copies, b"content %d\n" % batch) for copies in ([own], [anns], [own, anns])]
            outcomes = commit.commit([(Draft(copies), (content,)) for copies, content in whole])
            self.assertIsInstance(outcomes[0], Stored)
            for (copies, content), outcome in zip(whole, outcomes, strict=True):
                if isinstance(outcome, Stored):
                    promised += [(path, copy.trace + content) for path, copy in zip(outcome.paths, copies, strict=True)]
                else:
                    self.assertIsInstance(outcome, Failed)
        for path, content in promised:
            with open(path, "rb") as file:
                self.assertEqual(file.read(), content)
        # Of the server's own files, what failed is taken back; of ann's nobody can, and they come twice.
        owns = [path for path, _ in promised if "/own/" in path]
        self.assertEqual(len(os.listdir(f"{home}/own/new")), len(owns))
        self.assertEqual(os.listdir(f"{home}/own/tmp"), [])
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before)
        thread.end()
        return left - mortal.left

    def test_at_any_request_nothing_promised_is_lost_and_others_get_their_mail(self) -> None:
        """250 was said, or 451 is; and who has a mailbox of the server's own notices nothing."""
        requests = self.deliver(1 << 30, False)
        self.assertGreater(requests, 12)
        for left in range(requests):
            for late in (False, True):
                self.deliver(left, late)


class NamedDeathTests(DeathTests):
    """The same, with names from the start."""

    nameless = False


class Forgetful(Agent):
    """An agent whose descriptors do not arrive: we may open no more files."""

    def answer(self, packet: bytes, received: int) -> tuple[bytes, int]:
        answer, begun = super().answer(packet, received)
        if begun >= 0:
            os.close(begun)
        return answer, -1


class EdgeTests(SynchronousTestCase):
    """Where a message fails, and no more than that."""

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.makedirs(self.home)
        find, paths = users("ann", home=lambda name: self.home), Paths(now=time.time, nameless=False)
        self.thread = InThread(
            Forgetful(find=find, paths=paths, maildirs=("Maildir",), acting_as=lambda owner: nullcontext())
        )
        self.addCleanup(self.thread.end)
        self.disk = self.thread.asks.disk("ann")

    def test_a_descriptor_that_did_not_arrive_is_too_many_files_and_leaves_none(self) -> None:
        """The kernel says nothing; the octets must not go to another file."""
        for folder in ("tmp", "new"):
            self.disk.make_directories(f"{self.home}/Maildir/{folder}")
        error = self.assertRaises(OSError, self.disk.create, f"{self.home}/Maildir", NAME)
        self.assertEqual(error.errno, errno.EMFILE)
        self.assertEqual(os.listdir(f"{self.home}/Maildir/tmp"), [])

    def test_a_path_that_no_packet_holds_is_too_long_and_the_agent_lives(self) -> None:
        """A backend's fault for one mailbox must not end the mail of all."""
        error = self.assertRaises(OSError, self.disk.sync_directory, "/" + "a" * 1_000_000)
        self.assertEqual(error.errno, errno.ENAMETOOLONG)
        self.disk.sync_directory(self.home)


class GoneTests(SynchronousTestCase):
    """What the operator hears."""

    def test_the_log_says_once_what_to_do_and_every_call_fails_from_then_on(self) -> None:
        """A line for each message would bury it."""
        thread = InThread(quiet_agent(users("ann", home=lambda name: "/nonexistent"), Paths(now=time.time)))
        lines: list[str] = []
        self.patch(
            type(thread.asks), "_log", type("Log", (), {"error": lambda self, text, **fields: lines.append(text)})()
        )
        thread._its.shutdown(2)
        disk: AgentDisk = thread.asks.disk("ann")
        for _ in range(3):
            self.assertRaises(OSError, disk.sync_directory, "/nonexistent")
            self.assertRaises(OSError, disk.create, "/nonexistent/Maildir/tmp", NAME)
        self.assertEqual(len(lines), 1)
        self.assertIn("Restart the server", lines[0])
        thread.end()
