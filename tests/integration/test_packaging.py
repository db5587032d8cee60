"""What is installed is what was tested: the wheel, its plugin, and its life beside a checkout.

A source checkout hides a plugin file that the wheel forgot: broken plugins have been shipped so. And a checkout may be on
the path of modules beside the wheel, by PYTHONPATH or by a start with `python -m`; twistd itself has not put the current folder
there since long before the oldest Twisted we take.
"""

import compileall
import importlib.util
import os
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from zipfile import ZipFile

import twisted
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.program import COMPLAINT, LISTENS, ORDERLY, TwistdProcess
from tests.integration.stored import contents

SOURCE = Path(__file__).resolve().parent.parent.parent
PLUGINS = {"twisted/plugins/twistedmx_plugin.py", "twisted/plugins/twistedmx_policies.py"}
CACHE = "twisted/plugins/dropin.cache"
SMTPD = "contrib/qmail/twistedmx-smtpd"
# Root may write everywhere, unless it is told not to.
NOT_ABOVE_PERMISSIONS = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]


def needed(*modules: str) -> None:
    """Raises SkipTest."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise SkipTest(f"{module} is not installed: pip install '.[test]'")


def run(words: list[str], folder: Path, **environment: str) -> str:
    """What it said. Raises AssertionError if its status is not 0."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without what would show the checkout to whom it should be hidden from."""
    return {**{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}, **more}


def copy_checkout(folder: Path) -> Path:
    """A checkout as git gives it, to be spoilt."""
    ignore = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for name in ("twistedmx", "twisted"):
        shutil.copytree(SOURCE / name, folder / name, ignore=ignore)
    (folder / SMTPD).parent.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", SMTPD):
        shutil.copy(SOURCE / name, folder / name)
    return folder


def build_wheel(checkout: Path, folder: Path) -> Path:
    """The wheel of a checkout. Raises SkipTest where nothing can build it."""
    needed("build", "hatchling")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), "."], checkout)
    (wheel,) = folder.glob("*.whl")
    return wheel


class Environment:
    """A virtual environment with the dependencies that run this test, and of twistedmx nothing but `wheel`, if any.

    The dependencies are links, so that this takes a moment and no network. `folder`: will be made.
    """

    def __init__(self, folder: Path, wheel: Path | None = None) -> None:
        needed("pip")
        venv.create(folder, symlinks=True)
        self.python = str(folder / "bin" / "python")
        self.twistd = str(folder / "bin" / "twistd")
        (self.packages,) = folder.glob("lib/python*/site-packages")
        ours = Path(twisted.__file__).parent.parent
        self._link_all(
            ours, self.packages, besides=r"(?i)twistedmx|_*editable|tests$|twisted$|__pycache__|.*\.pth$|pip\b"
        )
        # Its folder of plugins is written to, by pip and by twistd: that one must be the environment's own.
        self._link_all(ours / "twisted", self.packages / "twisted", besides="plugins$|__pycache__")
        plugins = Path("twisted", "plugins")
        self._link_all(ours / plugins, self.packages / plugins, besides=r"twistedmx|dropin\.cache|__pycache__")
        # As pip would have made them; pip itself is ours, told where to install.
        Path(self.twistd).write_text(f"#!{self.python}\nfrom twisted.scripts.twistd import run\nrun()\n")
        pip = folder / "bin" / "pip"
        pip.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip --python {self.python} "$@"\n')
        for script in (Path(self.twistd), pip):
            script.chmod(0o755)
        if wheel is not None:
            run(
                [str(pip), "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)],
                folder,
            )

    def _link_all(self, source: Path, target: Path, besides: str) -> None:
        target.mkdir(exist_ok=True)
        for entry in source.iterdir():
            if re.match(besides, entry.name) is None:
                (target / entry.name).symlink_to(entry)


class WheelTests(SynchronousTestCase):
    """The wheel, and a server that is nothing but the wheel."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.checkout = copy_checkout(self.folder / "checkout")

    def environment(self) -> Environment:
        """With the wheel of the checkout."""
        return Environment(self.folder / "venv", build_wheel(self.checkout, self.folder / "dist"))

    def assert_serves(self, environment: Environment, folder: Path, *before: str, **variables: str) -> list[str]:
        """Started in `folder` it takes a mail. `before`: words before the command. The log."""
        data = self.folder / "data"
        words = [environment.python, environment.twistd, "-n", "--pidfile=", "twistedmx", "--data", str(data)]
        program = TwistdProcess(
            [*before, *words, "--port", "tcp:0:interface=127.0.0.1"],
            folder=str(folder),
            environment=clean_environment(),
        )
        self.addCleanup(program.stop)
        port = int(program.output.wait_for(LISTENS)[1].rpartition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=60) as client:
            client.sendmail("me@example.org", ["demo@localhost"], b"Subject: x\r\n\r\nHello.\r\n")
        self.assertEqual(contents(str(data / "mail" / "localhost" / "demo")), [b"Subject: x\n\nHello.\n"])
        status, lines = program.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        return lines

    def assert_one_plugin(self, environment: Environment, folder: Path, *before: str, **variables: str) -> None:
        """`twistd --help` in `folder` names ours, once."""
        said = run([*before, environment.python, environment.twistd, "--help"], folder, **variables)
        self.assertEqual(len(re.findall(r"^ +twistedmx\b", said, re.MULTILINE)), 1, said)

    def test_the_wheel_has_all_that_is_needed_and_nothing_else(self) -> None:
        """A twisted/__init__.py would hide Twisted itself; a dropin.cache would be a pickle of somebody else's plugins."""
        (self.checkout / CACHE).write_bytes(b"left by a run of twistd")
        compileall.compile_dir(self.checkout / "twisted", quiet=1)
        with ZipFile(build_wheel(self.checkout, self.folder / "dist")) as wheel:
            names = set(wheel.namelist())
            (metadata,) = (wheel.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
        info = {name for name in names if ".dist-info/" in name}
        (script,) = (name for name in names if ".data/" in name)
        self.assertTrue(script.endswith(".data/scripts/twistedmx-smtpd"), script)
        modules = {
            str(path.relative_to(self.checkout))
            for path in (self.checkout / "twistedmx").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        self.assertEqual(names - info - {script}, PLUGINS | modules)
        self.assertIn("twistedmx/py.typed", names)
        self.assertTrue(any(name.endswith("/LICENSE") for name in info), info)
        self.assertIn("Requires-Python: >=3.11", metadata)

    def test_the_program_for_tcpserver_is_installed_as_it_is(self) -> None:
        """An installer that wrote its Python into the first line would have it start ten times as slowly."""
        installed = Path(self.environment().python).with_name("twistedmx-smtpd")
        self.assertEqual(installed.read_bytes(), (SOURCE / SMTPD).read_bytes())
        self.assertTrue(os.access(installed, os.X_OK))

    def test_the_program_for_tcpserver_finds_the_server_of_its_wheel(self) -> None:
        """By its name alone, as a run script has it; and without a server it says 421."""
        environment = self.environment()
        place = Path(tempfile.mkdtemp())
        place.chmod(0o755)  # for who the server becomes
        self.addCleanup(shutil.rmtree, place)
        tree, sock = place / "qmail", place / "smtpd.sock"
        run([environment.python, "-m", "twistedmx.testing.qmail_tree", str(tree)], self.folder)
        self.assertEqual(self.said_by(environment, sock), b"421 unable to reach the mail server (#4.3.0)\r\n")
        settings = self.folder / "twistedmx.toml"
        user = 'user = "nobody"\n' if os.geteuid() == 0 else ""
        settings.write_text(
            f'{user}data = "{place / "data"}"\nlisten = []\n[qmail]\nhome = "{tree}"\nsocket = "{sock}"\n',
            encoding="utf-8",
        )
        server = TwistdProcess(
            [environment.python, environment.twistd, "-n", "--pidfile=", "twistedmx", "--config", str(settings)],
            folder=str(self.folder),
            environment=clean_environment(),
        )
        self.addCleanup(server.stop)
        server.output.wait_for(f"listens on {re.escape(str(sock))}$")
        self.assertRegex(self.said_by(environment, sock), rb"^220 host\.example ")
        self.assertEqual(server.stop()[0], ORDERLY)

    def said_by(self, environment: Environment, sock: Path) -> bytes:
        """What a client hears first of it."""
        path = os.path.dirname(environment.python)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = socket.create_connection(listening.getsockname(), timeout=60)
            accepted, _ = listening.accept()
        with client, client.makefile("rb") as stream:
            with accepted:
                subprocess.run(
                    ["sh", "-c", "exec twistedmx-smtpd"],
                    env={"PATH": f"{path}:{os.environ['PATH']}", "TWISTEDMX_SOCKET": str(sock)},
                    stdin=accepted,
                    stdout=accepted,
                    stderr=subprocess.DEVNULL,
                    timeout=60,
                )
            return stream.readline()

    def test_the_wheel_serves_outside_the_checkout(self) -> None:
        """This is what an operator has."""
        environment = self.environment()
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        where = run([environment.python, "-c", "import twistedmx; print(twistedmx.__file__)"], elsewhere)
        self.assertTrue(where.startswith(str(environment.packages)), where)
        self.assert_one_plugin(environment, elsewhere)
        self.assert_no_fault(self.assert_serves(environment, elsewhere))

    def test_the_wheel_and_a_checkout_are_one_plugin(self) -> None:
        """The README's first command is run inside the checkout, and the log of a first start must not begin with a fault."""
        environment = self.environment()
        for variables in ({}, {"PYTHONPATH": str(self.checkout)}):
            self.assert_one_plugin(environment, self.checkout, **variables)
            self.assert_no_fault(self.assert_serves(environment, self.checkout, **variables))
            shutil.rmtree(self.folder / "data")
        # Now that twistd has been here:
        with ZipFile(build_wheel(self.checkout, self.folder / "again")) as wheel:
            self.assertEqual([name for name in wheel.namelist() if "dropin" in name or name.endswith(".pyc")], [])

    def test_the_wheel_and_a_checkout_that_cannot_be_written_are_one_plugin(self) -> None:
        """The checkout is another user's, and twistd cannot leave its dropin.cache there."""
        environment = self.environment()
        before = NOT_ABOVE_PERMISSIONS if os.geteuid() == 0 else []
        if before and shutil.which(before[0]) is None:
            raise SkipTest("root may write everywhere, and setpriv is not installed: apt-get install util-linux")
        plugins = self.checkout / "twisted" / "plugins"
        plugins.chmod(0o555)
        self.addCleanup(plugins.chmod, 0o755)
        try:
            run([*before, "touch", str(plugins / "probe")], self.folder)
        except AssertionError:
            pass
        else:
            raise SkipTest("this user writes in spite of permissions")
        variables = {"PYTHONPATH": str(self.checkout)}
        self.assert_one_plugin(environment, self.checkout, *before, **variables)
        self.assert_no_fault(self.assert_serves(environment, self.checkout, *before, **variables))
        self.assertEqual(
            {f"twisted/plugins/{path.name}" for path in plugins.iterdir() if path.name != "__pycache__"}, PLUGINS
        )

    def assert_no_fault(self, lines: list[str]) -> None:
        """Nothing to be afraid of in the log."""
        self.assertEqual([line for line in lines if COMPLAINT.search(line)], [])
