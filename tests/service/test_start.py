"""The command line, the building, the start and the stop: what an operator sees first."""

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path
from random import Random

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase, TestCase

import twistedmx
from twistedmx import demo
from twistedmx.delivery.disk import PosixDisk
from twistedmx.model.storage import Copy, Failed
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import TlsSettings
from twistedmx.report.log import LogSettings
from twistedmx.service import CannotStart, Options, World, build, interpreter, makeService
from twistedmx.service.check import findings
from twistedmx.service.room import Collecting
from twistedmx.settings import Settings
from twistedmx.settings.composed import MailboxSettings
from twistedmx.settings.paths import in_folder
from twistedmx.testing.disk import FakeDisk

NOW = 1_800_000_000.0


def memory_world():
    reactor = MemoryReactorClock()
    reactor.suggestThreadPoolSize = lambda most: None
    reactor.callFromThread = lambda call, *arguments: call(*arguments)
    return World(
        reactor=reactor,
        disk=FakeDisk(),
        now=lambda: NOW,
        pid=lambda: 1,
        chance=lambda: Random(1),
        uid=lambda: 1000,
        environment={},
    )


class TestOptions(SynchronousTestCase):
    def parsed(self, *words):
        options = Options()
        options.parseOptions(words)
        return options

    def test_nothing_is_needed(self):
        """The demo starts without a word."""
        options = self.parsed()
        self.assertEqual((options["config"], options["data"], options["ports"]), (None, None, []))

    def test_all_of_them(self):
        """Long and short; endpoints may be given several times."""
        options = self.parsed("--config", "mx.toml", "-d", "/var/mx", "-p", "tcp:25", "--port", "tcp6:25")
        self.assertEqual((options["config"], options["data"]), ("mx.toml", "/var/mx"))
        self.assertEqual(options["ports"], ["tcp:25", "tcp6:25"])

    def test_two_command_lines_do_not_share_their_ports(self):
        """A list in the class would be one for all."""
        self.parsed("-p", "tcp:25")
        self.assertEqual(self.parsed()["ports"], [])

    def test_what_is_not_known_is_refused(self):
        """A typing error must not start a demo on a mail server."""
        self.assertRaises(UsageError, self.parsed, "--confg", "x")
        self.assertRaises(UsageError, self.parsed, "mx.toml")


class TestPaths(SynchronousTestCase):
    def test_relative_paths_start_in_the_folder_of_the_settings_file(self):
        """Not where twistd was called: cron and systemd call it in /."""
        settings = in_folder(
            Settings(
                data="data",
                mailboxes=MailboxSettings(table="boxes"),
                tls=TlsSettings(certificate="../mx.pem"),
                log=LogSettings(file="log"),
            ),
            "/etc/mx",
        )
        self.assertEqual(
            (settings.data, settings.mailboxes.table, settings.tls.certificate, settings.log.file),
            ("/etc/mx/data", "/etc/mx/boxes", "/etc/mx/../mx.pem", "/etc/mx/log"),
        )

    def test_absolute_paths_standard_output_and_nothing_stay(self):
        """ "-" and "" are no paths."""
        settings = Settings(data="/srv", log=LogSettings(file="-"))
        self.assertEqual(in_folder(settings, "/etc/mx"), settings)


class TestBuild(SynchronousTestCase):
    def setUp(self):
        self.folder = os.path.abspath(self.mktemp())
        self.settings = demo.settings(self.folder, NOW)

    def faults(self, **changes):
        settings = attrs.evolve(self.settings, **changes)
        try:
            build(settings, memory_world())
        except CannotStart as cannot:
            return str(cannot).splitlines()
        return []

    def test_good_settings_have_no_faults(self):
        """The tests below look at what is changed, not at what is always wrong."""
        self.assertEqual(self.faults(), [])

    def test_all_faults_are_told_at_once_a_line_each(self):
        """And the program ends with status 1 and no traceback."""
        told = self.faults(
            host="not a name",
            bare_newline_from=("192.0.2.1/24",),
            tls=TlsSettings(certificate="/nowhere/mx.pem"),
            mailboxes=MailboxSettings(table="/nowhere/boxes"),
            listen=("what:25",),
        )
        for place in (
            "host: ",
            "bare_newline_from: ",
            "tls.certificate: /nowhere/mx.pem",
            "/nowhere/boxes",
            "listen: 'what:25'",
        ):
            self.assertEqual(len([line for line in told if place in line]), 1, (place, told))
        self.assertEqual(len(told), 5)
        for line in told:
            self.assertTrue(line.startswith("twistedmx: "), line)

    def test_each_fault_has_its_words(self):
        """Which key, what was found, what to do."""
        for changes, words in (
            ({"mailboxes": MailboxSettings()}, "mailboxes.table: name the file of your addresses"),
            ({"tls": TlsSettings(), "listen_tls": ("tcp:465",)}, "listen_tls: needs a certificate"),
            ({"listen": ()}, "listen: names no place"),
            ({"listen": ("tcp:x",)}, "listen: 'tcp:x' is no Twisted endpoint"),
            ({"listen_tls": ("what",)}, "listen"),
            ({"listen": ("ssl:465:privateKey=x",)}, 'is done by the server itself; write listen_tls = ["tcp:465"]'),
            ({"listen": ("haproxy:tcp:25",)}, "is done by the server itself; set [balancer] proxy_from"),
            ({"host": "a b"}, "host: domain is malformed: 'a b'"),
            ({"mailboxes": attrs.evolve(self.settings.mailboxes, maildir="x")}, "mailboxes.maildir: "),
        ):
            told = self.faults(**changes)
            self.assertEqual(len(told), 1, (changes, told))
            self.assertIn(words, told[0])

    def test_a_host_beyond_ascii_is_a_fault_with_words(self):
        """It stands in the greeting, which is ASCII (RFC 5321 4.2): U-labels have an A-label."""
        try:
            told = self.faults(host="bücher.example")
        except ValueError as error:
            self.fail(f"a traceback: {error}")
        self.assertEqual(len(told), 1, told)
        self.assertIn("host: ", told[0])

    def test_the_faults_of_a_table_are_told_with_their_lines(self):
        """All of them, beside those of the settings."""
        with open(self.settings.mailboxes.table, "w") as file:
            file.write("ann@example.org\nwhat is this\nand this?\n")
        told = self.faults(host="a b")
        for place in ("twistedmx: host: ", ":2: ", ":3: "):
            self.assertTrue(any(place in line for line in told), (place, told))
        self.assertFalse(any(":1: " in line for line in told), told)

    def test_building_touches_nothing(self):
        """twistd builds before it has dropped privileges, and --help builds nothing at all."""
        world = memory_world()
        build(self.settings, world)
        self.assertEqual(world.reactor.tcpServers, [])
        self.assertEqual(world.reactor.getDelayedCalls(), [])


class TestCannotStart(SynchronousTestCase):
    def test_it_ends_the_program_with_words_and_status_1(self):
        """Python prints the code of a SystemExit that is a string, and exits with 1."""
        cannot = CannotStart("one", "two")
        self.assertIsInstance(cannot, SystemExit)
        self.assertIsInstance(cannot, Exception)
        self.assertEqual(cannot.code, "twistedmx: one\ntwistedmx: two")
        self.assertEqual(str(cannot), cannot.code)


class TestMakeService(SynchronousTestCase):
    def made(self, *words):
        options = Options()
        options.parseOptions(words)
        return makeService(options)

    def write(self, text):
        folder = self.mktemp()
        os.mkdir(folder)
        path = os.path.join(folder, "mx.toml")
        with open(path, "w") as file:
            file.write(text)
        return path

    def written(self):
        """The settings of a server that can be made, with the file of its addresses."""
        path = self.write('host = "mx.example.org"\nlisten = ["tcp:0"]\n[mailboxes]\ntable = "boxes"\n')
        with open(os.path.join(os.path.dirname(path), "boxes"), "w") as file:
            file.write("ann@example.org\n")
        return path

    def told(self, *words):
        try:
            self.made(*words)
        except CannotStart as cannot:
            return str(cannot)
        raise AssertionError("it can start")

    def test_the_faults_of_the_file_are_told_with_its_name(self):
        """The operator has several."""
        path = self.write('hots = "x"\n[limits]\nsize = 1\n')
        told = self.told("--config", path).splitlines()
        self.assertEqual(len(told), 2)
        for line in told:
            self.assertTrue(line.startswith(f"twistedmx: {os.path.abspath(path)}: "), line)

    def test_a_qmail_host_needs_a_python_that_starts_programs(self):
        """Told at the start, not with its first message."""
        path = self.write('data = "data"\nlisten = ["tcp:0"]\n[qmail]\nhome = "/nowhere/qmail"\n')
        self.patch(interpreter, "os", None)
        self.assertIn("run the server with CPython", self.told("--config", path))
        self.assertIn("run the server with CPython", " ".join(findings(path)[0]))

    def test_a_missing_file_is_told(self):
        """Not replaced by a demo."""
        self.assertIn("/nowhere/mx.toml: cannot be read", self.told("--config", "/nowhere/mx.toml"))

    def test_a_file_is_built_in_its_own_folder(self):
        """The whole way from a file to a server."""
        path = self.written()
        service = self.made("--config", path)
        self.assertEqual(
            service.parts.settings.mailboxes.table, os.path.abspath(os.path.join(os.path.dirname(path), "boxes"))
        )
        self.assertIn(Collecting, [type(one) for one in service])

    def test_the_lanes_know_when_the_disk_is_waited_for(self):
        """Then those who have only failed give way."""
        path = self.written()
        lasting = self.made("--config", path).lasting
        self.assertFalse(lasting.readers.is_awaited())
        committing = lasting.acceptance.open([Copy(maildir="/nowhere", trace=b"")]).commit()
        self.assertTrue(lasting.readers.is_awaited())
        self.successResultOf(lasting.acceptance.stop())
        self.assertIsInstance(self.successResultOf(committing), Failed)

    def test_a_demo_in_a_folder_that_cannot_be_made_is_told_in_words(self):
        """The first thing that a newcomer tries must not end in a traceback."""
        path = self.write("")
        try:
            told = self.told("--data", os.path.join(path, "x"))
        except OSError as error:
            self.fail(f"a traceback: {error!r}")
        self.assertIn(path, told)


class TestCodecs(SynchronousTestCase):
    """Of a server that gives up root, and may then not be able to read Python."""

    def test_those_that_our_code_names_are_loaded_before(self):
        """Python loads one when it is first asked for: a look-up then fails as if there were no such codec."""
        package = Path(twistedmx.__file__).parent
        named = set()
        for path in package.rglob("*.py"):
            named.update(re.findall(r'(?:encoding=|(?:en|de)code\()"([a-z0-9_-]+)"', path.read_text(encoding="utf-8")))
        self.assertIn("ascii", named)
        program = (
            "import codecs, encodings; from twistedmx.service.start import _load_codecs; "
            "_load_codecs(); encodings.__path__.clear(); "
            f"[codecs.lookup(name) for name in {sorted(named)}]"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)


class TestDemo(SynchronousTestCase):
    def test_the_folder_is_made_with_all_that_is_needed_for_us_alone(self):
        """Mail and a key lie in it."""
        folder = os.path.abspath(self.mktemp())
        settings = demo.settings(folder, NOW)
        for name in ("", "mail/localhost/demo/new", "mail/localhost/postmaster/tmp"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o700, name)
        self.assertEqual(stat.S_IMODE(os.stat(settings.tls.certificate).st_mode), 0o600)
        self.assertEqual((settings.host, settings.data), ("localhost", folder))
        self.assertEqual(settings.mailboxes.table, os.path.join(folder, "mailboxes"))

    def test_what_is_there_is_never_overwritten(self):
        """The newcomer has edited it, and mail is in it."""
        folder = os.path.abspath(self.mktemp())
        settings = demo.settings(folder, NOW)
        mail = os.path.join(folder, "mail/localhost/demo/new/1")
        for path in (settings.mailboxes.table, settings.tls.certificate, mail):
            with open(path, "w") as file:
                file.write("mine")
        self.assertEqual(demo.settings(folder, NOW + 1), settings)
        for path in (settings.mailboxes.table, settings.tls.certificate, mail):
            with open(path) as file:
                self.assertEqual(file.read(), "mine")

    def test_the_first_words_name_the_port_and_the_mailbox(self):
        """They are pasted into a terminal."""
        folder = os.path.abspath(self.mktemp())
        settings = demo.settings(folder, NOW)
        world = memory_world()
        service = build(settings, world, first_words=demo.words)
        service.privilegedStartService()
        said = "\n".join(demo.words(settings, service.ports[0]))
        self.assertIn(f"{folder}/mail/localhost/demo/new/", said)
        self.assertIn("smtplib.SMTP('", said)


class Client(Protocol):
    """Says everything at once, and keeps what it hears."""

    def __init__(self, octets):
        self.octets = octets
        self.heard = b""
        self.lost = Deferred()

    def connectionMade(self):
        self.transport.write(self.octets)

    def dataReceived(self, data):
        self.heard += data

    def connectionLost(self, reason=connectionDone):
        self.lost.callback(None)


class TestRunning(TestCase):
    """With the real reactor, disk and clock; trial says so if anything of it is left."""

    timeout = 20

    def setUp(self):
        self.folder = os.path.abspath(self.mktemp())
        self.settings = attrs.evolve(demo.settings(self.folder, NOW), listen=("tcp:0:interface=127.0.0.1",))

    def build(self, **changes):
        world = World(reactor=reactor, disk=PosixDisk(now=lambda: NOW), now=lambda: NOW)
        return build(attrs.evolve(self.settings, **changes), world)

    async def started(self, **changes):
        service = self.build(**changes)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(lambda: service.stopService() if service.running else None)
        return service

    async def talk(self, service, octets):
        client = Client(octets)
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", service.ports[0].getHost().port), client)
        return client

    async def test_a_message_is_in_the_maildir_and_a_stop_leaves_nothing(self):
        """The whole of it, once."""
        service = await self.started()
        client = await self.talk(
            service,
            b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<demo@localhost>\r\n"
            b"BDAT 23 LAST\r\nSubject: hello\r\n\r\nHi!\r\nQUIT\r\n",
        )
        await client.lost
        self.assertIn(b"250 2.0.0 Ok: queued as ", client.heard)
        self.assertTrue(client.heard.endswith(b"221 2.0.0 Closing, good-bye\r\n"), client.heard)
        new = os.path.join(self.folder, "mail/localhost/demo/new")
        (name,) = os.listdir(new)
        with open(os.path.join(new, name), "rb") as file:
            message = file.read()
        self.assertTrue(
            message.startswith(b"Return-Path: <a@client.example>\nDelivered-To: demo@localhost\nReceived: from")
        )
        self.assertTrue(message.endswith(b"\nSubject: hello\n\nHi!\n"), message)
        await service.stopService()
        self.assertEqual(service.ports, [])

    async def test_a_stop_says_421_to_who_is_there_and_refuses_who_comes(self):
        """RFC 5321 3.8."""
        service = await self.started(timeouts=Timeouts(grace=0.0))
        address = service.ports[0].getHost()
        client = await self.talk(service, b"EHLO client.example\r\n")
        while b"250 LIMITS" not in client.heard:
            await self.turn()
        stopped = service.stopService()
        await client.lost
        await stopped
        self.assertTrue(client.heard.endswith(b"421 4.3.2 Shutting down; try again shortly\r\n"), client.heard)
        refused = connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), Client(b""))
        await self.assertFailure(refused, ConnectionRefusedError)

    async def test_a_stop_while_a_connection_is_closing_comes_to_its_end(self):
        """Who has just been told off is still there for some seconds; a restart must not wait for ever."""
        service = await self.started()
        client = await self.talk(service, b"GET / HTTP/1.1\r\n")
        client.transport.pauseProducing()
        while not any(connection._closed for connection in service.factory.connections):
            await self.turn()
        stopped = service.stopService()
        client.transport.resumeProducing()
        await client.lost
        patience = reactor.seconds() + 3
        while not stopped.called and reactor.seconds() < patience:
            await self.turn()
        self.assertTrue(stopped.called, "the stop waits for a session that has ended already")

    async def test_it_can_be_started_without_privileges_and_stopped_without_a_session(self):
        """As a part of somebody's own service, or in a test of theirs."""
        service = self.build()
        service.startService()
        self.assertEqual(len(service.ports), 1)
        await service.stopService()

    async def test_a_busy_port_is_told_in_words(self):
        """The most frequent fault of all: another mail server is running."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            text = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            service = self.build(listen=(text,))
            cannot = self.assertRaises(CannotStart, service.privilegedStartService)
        self.assertIn(f"cannot listen on {text}", str(cannot))
        self.assertIn("in use", str(cannot))
        self.assertNotIn("Traceback", str(cannot))

    async def test_a_busy_port_leaves_no_other_port_open(self):
        """A server that could not start must not take mail."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            text = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            service = self.build(listen=("tcp:0:interface=127.0.0.1", text))
            self.assertRaises(CannotStart, service.privilegedStartService)
        left = list(service.ports)
        for port in left:
            await port.stopListening()
        self.assertEqual(left, [])

    def turn(self):
        turned = Deferred()
        reactor.callLater(0, turned.callback, None)
        return turned
