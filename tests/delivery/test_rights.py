"""Who may own mail, and that root writes it with that user's rights and no others."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from tests.delivery.agents import roots_agent
from tests.delivery.test_disk import RealFiles
from twistedmx.delivery.agent_disk import Agent, start_agent
from twistedmx.delivery.rights import Owners, Refused

UID = 65533  # no distribution gives it to anybody
NAME = "1700000000.M000001P77Q1R0123456789abcdef.mx.example"


def entry(name: str = "ann", uid: int = 1000, home: str = "/home/ann") -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, 100, "", home, "/bin/sh"))


class OwnersTests(SynchronousTestCase):
    """The names come over the network, in the end."""

    def setUp(self) -> None:
        self.time = 0.0
        self.table = {"ann": entry()}
        self.owners = Owners(
            least_uid=1000,
            seconds=lambda: self.time,
            look_up=lambda name: self.table[name],
            groups_of=lambda name, gid: [gid, 7],
        )

    def refused(self, name: str = "ann") -> str:
        return str(self.assertRaises(Refused, self.owners.find, name))

    def test_a_user_is_all_that_the_tables_say(self) -> None:
        """Her supplementary groups may be what lets her into her own home."""
        self.assertEqual(self.owners.find("ann"), ("ann", 1000, 100, [100, 7], "/home/ann"))

    def test_root_and_the_systems_own_users_get_no_mail(self) -> None:
        """A file in /root is a step to being root."""
        for uid in (0, 1, 999):
            self.table["ann"] = entry(uid=uid)
            self.assertIn("least_uid", self.refused())
        self.table["ann"] = entry(uid=65534)
        self.assertIn("nobody", self.refused())

    def test_root_is_refused_whatever_the_settings_say(self) -> None:
        """least_uid = 0 is a fault, not a permission."""
        self.assertRaises(ValueError, Owners, least_uid=0, seconds=lambda: 0.0)

    def test_a_name_that_is_none_is_refused(self) -> None:
        """As is one that the directory answers to under another spelling."""
        self.assertIn("no system user", self.refused("bob"))
        self.table["ANN"] = self.table["ann"]
        self.assertIn("is called ann", self.refused("ANN"))

    def test_a_home_that_is_nobodys_own_is_refused(self) -> None:
        """Daemons have / for a home."""
        for home in ("/", "//", "", "relative", "/x/.."):
            self.table["ann"] = entry(home=home)
            self.refused()

    def test_what_was_found_is_believed_for_seconds_alone_and_a_refusal_not_at_all(self) -> None:
        """Removing a user, or adding one, needs no restart."""
        self.owners.find("ann")
        del self.table["ann"]
        self.time = 9.0
        self.owners.find("ann")
        self.time = 10.0
        self.refused()
        self.table["ann"] = entry(uid=1001)
        self.assertEqual(self.owners.find("ann").uid, 1001)

    def test_the_memory_is_bounded(self) -> None:
        """Each name that exists is a name a stranger can guess."""
        self.patch(__import__("twistedmx.delivery.rights", fromlist=["x"]), "_REMEMBERED", 2)
        for name in ("ann", "bob", "cat"):
            self.table[name] = entry(name)
            self.owners.find(name)
        self.assertEqual(list(self.owners._found), ["cat"])


def as_user(function: object, *arguments: object) -> None:
    """Call as the user of the tests; root again afterwards."""
    os.setegid(UID)
    os.seteuid(UID)
    try:
        function(*arguments)  # type: ignore[operator]
    finally:
        os.seteuid(0)
        os.setegid(0)


class AsRoot:
    """A home of a real user, outside of any folder of root's, and the real process."""

    def setUp(self) -> None:
        base = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, base)
        os.chmod(base, 0o755)
        self.home = f"{base}/home"
        os.mkdir(self.home, 0o700)
        os.chown(self.home, UID, UID)
        self.root = f"{self.home}/Maildir"
        self.agent: Agent = roots_agent(name="ann", uid=UID, home=self.home)
        self.addCleanup(self.agent.stop)
        self.disk = self.agent.disk("ann")


@skipUnless(os.geteuid() == 0, "only root can become another user")
class RootsAgentDiskTests(AsRoot, RealFiles, SynchronousTestCase):
    """The suite of disks, with the process, its socket, and another uid."""

    def put(self, path: str, octets: bytes) -> None:
        super().put(path, octets)
        os.chown(path, UID, UID)

    def put_directory(self, path: str) -> None:
        as_user(os.mkdir, path)

    def wait(self, seconds: float) -> None:
        for folder, _, names in os.walk(self.root):
            for name in names:
                status = os.stat(f"{folder}/{name}")
                os.utime(f"{folder}/{name}", (status.st_atime - seconds, status.st_mtime - seconds))

    def test_all_that_is_made_is_the_users_alone(self) -> None:
        """She reads her mail, nobody else does."""
        self.make()
        path = self.publish(1, b"content")
        for made, mode in ((path, 0o600), (self.root, 0o700), (f"{self.root}/new", 0o700)):
            status = os.stat(made)
            self.assertEqual((status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)), (UID, UID, mode), made)


@skipUnless(os.geteuid() == 0, "only root can become another user")
class TrapTests(AsRoot, SynchronousTestCase):
    """What a user of the system tries with root's process, through links of her own."""

    def setUp(self) -> None:
        super().setUp()
        self.others = f"{os.path.dirname(self.home)}/others"
        os.mkdir(self.others, 0o755)

    def test_a_link_to_what_she_may_not_write_leads_nowhere(self) -> None:
        """Folders, files and maildirsize: the system itself refuses, for the call is hers."""
        as_user(os.mkdir, self.root)
        for kind in ("tmp", "new"):
            as_user(os.symlink, self.others, f"{self.root}/{kind}")
        self.assertRaises(PermissionError, self.disk.create, self.root, NAME)
        for kind in ("tmp", "new"):
            as_user(os.unlink, f"{self.root}/{kind}")
            self.disk.make_directories(f"{self.root}/{kind}")
        file = self.disk.create(self.root, NAME)
        as_user(os.rmdir, f"{self.root}/new")
        as_user(os.symlink, self.others, f"{self.root}/new")
        self.assertRaises(PermissionError, self.disk.publish, file, f"{self.root}/new/{NAME}")
        self.disk.discard(file)
        self.assertEqual(os.listdir(self.others), [])

    def test_a_folder_that_is_closed_to_her_is_closed_to_the_agent(self) -> None:
        """Between its requests it is root, during them never."""
        os.chown(self.home, 0, 0)
        self.assertRaises(PermissionError, self.disk.make_directories, f"{self.root}/tmp")
        os.chown(self.home, UID, UID)
        self.disk.make_directories(f"{self.root}/tmp")


@skipUnless(os.geteuid() == 0, "only root starts one")
class ProcessTests(AsRoot, SynchronousTestCase):
    """The process itself."""

    def test_signals_of_an_operator_do_not_end_it_and_the_end_of_the_server_does(self) -> None:
        """The server finishes what it has begun after SIGTERM, and init sends that to both."""
        self.disk.make_directories(f"{self.root}/tmp")  # it has begun
        process = self.agent._process
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
            self.disk.sync_directory(f"{self.root}/tmp")
        self.agent.stop()
        self.assertEqual(process.returncode, 0)

    def test_it_holds_no_descriptor_of_the_servers_and_no_word_of_its_environment(self) -> None:
        """What root's process does not have, nobody can make it use."""
        self.disk.make_directories(f"{self.root}/tmp")
        pid = self.agent._process.pid
        self.assertEqual(sorted(os.listdir(f"/proc/{pid}/fd")), ["0", "1", "2"])
        with open(f"/proc/{pid}/environ", "rb") as file:
            self.assertNotIn(b"PATH=", file.read())

    def test_it_keeps_the_rights_to_become_a_user_and_no_others(self) -> None:
        """Capabilities of capabilities(7): SETGID is 6, SETUID is 7."""
        self.disk.make_directories(f"{self.root}/tmp")
        with open(f"/proc/{self.agent._process.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        self.assertEqual({int(status[name], 16) for name in ("CapPrm", "CapEff")}, {0xC0})
        self.assertEqual(int(status["CapInh"], 16), 0)
        self.assertEqual(status["NoNewPrivs"], "1")

    def test_a_server_that_gave_up_root_goes_on_delivering_as_the_user(self) -> None:
        """It is what all this is for: neither of the two processes could do it alone."""
        program = (
            "import os, sys\n"
            "from tests.delivery.agents import roots_agent\n"
            f"agent = roots_agent(name='ann', uid={UID}, home={self.home!r})\n"
            f"os.setgroups([]); os.setgid({UID - 1}); os.setuid({UID - 1})\n"
            "disk = agent.disk('ann')\n"
            f"for kind in ('tmp', 'new'): disk.make_directories({self.root!r} + '/' + kind)\n"
            f"file = disk.create({self.root!r}, {NAME!r})\n"
            "disk.write(file, (b'content',)); disk.sync([file], ())\n"
            f"disk.publish(file, {self.root!r} + '/new/' + {NAME!r})\n"
            "agent.stop(); sys.exit(agent._process.returncode)\n"
        )
        folder = str(Path(__file__).parents[2])
        ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        path = f"{self.root}/new/{NAME}"
        self.assertEqual((os.stat(path).st_uid, os.stat(path).st_size), (UID, 7))

    def test_the_real_program_knows_the_systems_users_and_refuses_root(self) -> None:
        """As it is started by the server."""
        agent = start_agent(least_uid=1000)
        self.addCleanup(agent.stop)
        error = self.assertRaises(PermissionError, agent.disk("root").make_directories, "/root/Maildir/tmp")
        self.assertIn("least_uid", str(error))
        self.assertFalse(os.path.exists("/root/Maildir"))

    def test_it_imports_the_standard_library_and_a_few_modules_of_ours(self) -> None:
        """Each package on root's path is one more that must be trusted, and time at the start."""
        program = (
            "import sys; sys.path.append(sys.argv[1]); import twistedmx.delivery.agent\n"
            "names = {name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names\n"
            "ours = {name for name in sys.modules if name.startswith('twistedmx.')}\n"
            "names -= {'_ctypes', '_frozen_importlib', '_frozen_importlib_external', '_distutils_hack'}\n"  # of PyPy, and of venv
            f"open({self.home + '/names'!r}, 'w').write(' '.join([*sorted(names), *sorted(ours)]))"
        )
        error = self.assertRaises(OSError, start_agent, least_uid=1000, program=program)
        self.assertIn("ended at its start, with status 0", str(error))
        with open(f"{self.home}/names") as file:
            self.assertEqual(
                file.read(),
                "__main__ twistedmx twistedmx.delivery twistedmx.delivery.agent twistedmx.delivery.filesystem "
                "twistedmx.delivery.paths twistedmx.delivery.rights twistedmx.linux",
            )
