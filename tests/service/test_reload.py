"""A running server takes up other settings: all of them or none, and no session notices."""

import os
import shutil
import socket
import struct
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, _SystemdParser, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.systemd import ListenFDs
from twisted.trial.unittest import TestCase

from twistedmx.delivery.disk import PosixDisk
from twistedmx.model.event import MailboxesLoaded, SettingsKept
from twistedmx.net.demo_certificate import make_demo_certificate
from twistedmx.service import CannotStart, World, build
from twistedmx.service.faults import Faults
from twistedmx.service.start import read_file

NOW = 1_800_000_000.0
SETTINGS = """\
host = "mx.example.org"
data = "data"
listen = ["tcp:0:interface=127.0.0.1"]
[mailboxes]
table = "boxes"
[log]
file = "log"
"""


def accept_queue(listening):
    """How many may wait there to be accepted. Linux tells it of a socket that listens as tcpi_sacked (net/ipv4/tcp.c)."""
    return struct.unpack_from("I", listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]


class Client(Protocol):
    """Collects what it hears; `said` fires at the next line end."""

    def __init__(self):
        self.heard = b""
        self.waiting = None
        self.gone = Deferred()

    def dataReceived(self, octets):
        self.heard += octets
        if self.heard.endswith(b"\n") and self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting.callback(None)

    def connectionLost(self, reason=connectionDone):
        self.gone.callback(None)

    async def line(self):
        """The last line heard, when one is there."""
        if not self.heard.endswith(b"\n"):
            self.waiting = Deferred()
            await self.waiting
        heard, self.heard = self.heard, b""
        return heard.splitlines()[-1].decode()

    async def ask(self, words):
        self.transport.write(words.encode() + b"\r\n")
        return await self.line()


class ReloadCase(TestCase):
    """A server on real sockets, from a real file."""

    def setUp(self):
        self.folder = os.path.abspath(self.mktemp())
        os.makedirs(self.folder)
        self.path = os.path.join(self.folder, "mx.toml")
        self.write("boxes", "ann@example.org\n")
        self.write("mx.toml", SETTINGS)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def build(self, uid=1000):
        world = World(
            reactor=reactor,
            disk=PosixDisk(now=lambda: NOW),
            now=lambda: NOW,
            chance=lambda: Random(1),
            uid=lambda: uid,
            environment={},
        )
        return build(read_file(self.path), world, source=self.path, read=lambda: read_file(self.path))

    def start(self, uid=1000):
        server = self.build(uid)
        self.told = []
        server.privilegedStartService()
        server.startService()
        self.addCleanup(server.stopService)
        self.listen_to(server)
        return server

    def listen_to(self, server):
        server.lasting.events.replace([self.told.append])

    async def client(self, server, number=0):
        address = server.ports[number].getHost()
        client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", address.port), Client())
        self.addCleanup(lambda: client.gone)
        self.addCleanup(client.transport.loseConnection)
        await client.line()
        await client.ask("EHLO client.example.org")
        return client

    def passed_by_systemd(self):
        """A socket that is, as `smtp`, when settings are read next."""
        passed = socket.socket()
        self.addCleanup(passed.close)
        passed.bind(("127.0.0.1", 0))
        daemon = _SystemdParser._sddaemon
        self.addCleanup(setattr, _SystemdParser, "_sddaemon", daemon)
        _SystemdParser._sddaemon = ListenFDs([passed.fileno()], ("smtp",))
        return passed

    async def until(self, there):
        """Turns of the reactor until `there` is true; the time limit of trial ends what never is."""
        while not there():
            turned = Deferred()
            reactor.callLater(0, turned.callback, None)
            await turned

    async def refused(self, server):
        """The faults of a reload that is not done."""
        try:
            await server.reload()
        except Faults as error:
            return list(error.faults)
        return []


class TestReload(ReloadCase):
    async def test_the_log_of_a_new_session_is_that_of_the_new_settings(self):
        """What is told after a reload goes where the new settings say; nothing is told in between to nobody."""
        server = self.start()
        self.write("mx.toml", SETTINGS.replace('"log"', '"other"'))
        self.assertEqual(await server.reload(), ["log.file"])
        await self.client(server)
        client = await self.client(server)
        await client.ask("QUIT")
        await client.gone
        server.parts.log.close()
        with open(os.path.join(self.folder, "other")) as log:
            self.assertIn(" session session=", log.read())

    async def test_new_limits_hold_for_new_sessions_and_the_old_ones_go_on(self):
        """Nobody loses a connection, or a message that is half sent, because an operator mends a number."""
        server = self.start()
        old = await self.client(server)
        await old.ask("MAIL FROM:<a@example.net>")
        self.write("mx.toml", SETTINGS + "[limits]\nsize = 70000\n")
        self.assertEqual(await server.reload(), ["limits.size"])
        self.assertTrue((await old.ask("RCPT TO:<ann@example.org>")).startswith("250"))
        self.assertTrue((await old.ask("DATA")).startswith("354"))
        self.assertTrue((await old.ask("Subject: x\r\n\r\nx\r\n.")).startswith("250"))
        new = await self.client(server)
        self.assertTrue((await new.ask("MAIL FROM:<a@example.net> SIZE=70001")).startswith("552"))

    async def test_new_mailboxes_hold_for_old_sessions_as_well(self):
        """Whoever connects and waits must not find a mailbox that is gone."""
        server = self.start()
        old = await self.client(server)
        self.write("others", "bob@example.org\n")
        self.write("mx.toml", SETTINGS.replace('"boxes"', '"others"'))
        await server.reload()
        await old.ask("MAIL FROM:<a@example.net>")
        self.assertTrue((await old.ask("RCPT TO:<ann@example.org>")).startswith("550"))
        self.assertTrue((await old.ask("RCPT TO:<bob@example.org>")).startswith("250"))

    async def test_a_fault_anywhere_leaves_everything_as_it_was(self):
        """Half a reload is a state that nobody has ever tested."""
        server = self.start()
        self.write("others", "bob@example.org\n")
        self.write(
            "mx.toml",
            SETTINGS.replace('"boxes"', '"others"') + '[limits]\nsize = 70000\n[tls]\ncertificate = "none.pem"\n',
        )
        (fault,) = await self.refused(server)
        self.assertIn("none.pem: cannot be read", fault)
        client = await self.client(server)
        await client.ask("MAIL FROM:<a@example.net> SIZE=70001")
        self.assertTrue((await client.ask("RCPT TO:<ann@example.org>")).startswith("250"))
        kept = [event for event in self.told if isinstance(event, SettingsKept)]
        self.assertEqual([event.faults for event in kept], [(fault,)])
        self.assertEqual([event for event in self.told if isinstance(event, MailboxesLoaded)], [])

    async def test_all_faults_are_told_at_once(self):
        """Of the file, or, when it can be read, of what it describes."""
        server = self.start()
        self.write("mx.toml", 'hots = "x"\nlisten = 25\n')
        self.assertEqual(len(await self.refused(server)), 2)
        self.write("mx.toml", SETTINGS.replace("mx.example.org", "not a name") + '[tls]\ncertificate = "none.pem"\n')
        self.assertEqual(len(await self.refused(server)), 2)

    async def test_a_certificate_is_read_again(self):
        """That is what a renewal needs: the same file, another certificate."""
        certificate = os.path.join(self.folder, "mx.pem")
        make_demo_certificate(certificate, "mx.example.org", NOW)
        self.write("mx.toml", SETTINGS + '[tls]\ncertificate = "mx.pem"\n')
        server = self.start()
        before = server.factory.tls
        os.unlink(certificate)
        make_demo_certificate(certificate, "mx.example.org", NOW + 86_400 * 30)
        self.assertEqual(await server.reload(), [])
        self.assertIsNot(server.factory.tls, before)
        (shown,) = server.parts.tls.certificates()
        self.assertGreater(shown.expires, NOW + 86_400 * 3000)

    async def test_a_port_that_is_new_is_bound_and_one_that_is_gone_is_closed(self):
        """Those that stay are never closed: no connection is refused meanwhile."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            number = free.getsockname()[1]
        server = self.start()
        (first,) = server.ports
        self.write("mx.toml", SETTINGS.replace('listen = ["', f'listen = ["tcp:{number}:interface=127.0.0.1", "'))
        self.assertEqual(await server.reload(), ["listen"])
        self.assertIn(first, server.ports)
        self.assertEqual(len(server.ports), 2)
        self.write("mx.toml", SETTINGS)
        await server.reload()
        self.assertEqual(server.ports, [first])

    async def test_a_port_that_cannot_be_bound_leaves_everything_as_it_was(self):
        """Also the ports that could."""
        server = self.start()
        (first,) = server.ports
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            number = taken.getsockname()[1]
            self.write(
                "mx.toml",
                SETTINGS.replace(
                    'listen = ["', f'listen = ["tcp:0:interface=127.0.0.2", "tcp:{number}:interface=127.0.0.1", "'
                ),
            )
            (fault,) = await self.refused(server)
        self.assertIn(f"cannot listen on tcp:{number}", fault)
        self.assertEqual(server.ports, [first])

    async def test_what_only_a_restart_can_change_is_refused_by_name(self):
        """Silence would leave an operator with a server that is not what its file says."""
        server = self.start()
        self.write("mx.toml", SETTINGS.replace('"data"', '"elsewhere"'))
        (fault,) = await self.refused(server)
        self.assertEqual(fault, "data: cannot change while the server runs: restart it")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "elsewhere")))

    async def test_the_accept_queue_has_its_new_length_at_once(self):
        """Siege 3: a longer one is needed while they stand at the door, and who waits in it must not be lost for that."""
        server = self.start()
        (port,) = server.ports
        self.assertEqual(accept_queue(port.socket), 1024)
        port.stopReading()  # nobody is accepted meanwhile
        waiting = socket.create_connection(port.socket.getsockname())
        self.addCleanup(waiting.close)
        self.write("mx.toml", "backlog = 7\n" + SETTINGS)
        self.assertEqual(await server.reload(), ["backlog"])
        self.assertEqual(accept_queue(port.socket), 7)
        port.startReading()
        await self.until(lambda: len(server.factory.connections) == 1)
        self.assertEqual(waiting.recv(3), b"220")

    async def test_a_place_that_says_how_many_may_wait_keeps_its_number(self):
        """It was written for this port alone."""
        settings = SETTINGS.replace("tcp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.1:backlog=9")
        self.write("mx.toml", settings)
        server = self.start()
        self.write("mx.toml", "backlog = 7\n" + settings)
        await server.reload()
        self.assertEqual(accept_queue(server.ports[0].socket), 9)

    async def test_a_socket_of_systemd_is_treated_alike(self):
        """What was its Backlog= until we came is the file's number from then on: there is one place to look."""
        passed = self.passed_by_systemd()
        passed.listen(5)
        settings = SETTINGS.replace("tcp:0:interface=127.0.0.1", "systemd:domain=INET:name=smtp")
        self.write("mx.toml", "backlog = 6\n" + settings)
        server = self.start()
        passed.detach()  # the endpoint has closed it, and goes on with a copy
        (port,) = server.ports
        self.assertEqual(accept_queue(port.socket), 6)
        self.write("mx.toml", "backlog = 7\n" + settings)
        self.assertEqual(await server.reload(), ["backlog"])
        self.assertEqual(server.ports, [port])
        self.assertEqual(accept_queue(port.socket), 7)

    async def test_two_at_once_are_not_done(self):
        """The second would compare itself with what the first is about to change."""
        server = self.start()
        first = server.reload()
        self.assertEqual(await self.refused(server), ["a reload is under way: wait for it"])
        await first

    async def test_a_hangup_during_a_reload_is_not_lost(self):
        """What the first one has read may be older than what the second hangup is for."""
        server = self.start()
        first = server.reload()
        server.reload_by_signal()
        server.reload_by_signal()
        await first
        await self.until(lambda: server.lasting.counters.reloads["taken"] == 2)
        self.assertFalse(server.reloading.under_way)

    async def test_a_stop_during_a_reload_takes_nothing_up(self):
        """What were opened then would be closed by nobody."""
        server = self.start()
        self.write("mx.toml", SETTINGS.replace('listen = ["', 'listen = ["tcp:0:interface=127.0.0.2", "'))
        before = server.parts
        reload = server.reload()
        stopped = server.stopService()
        await self.assertFailure(reload, Faults)
        await stopped
        self.assertIs(server.parts, before)
        self.assertEqual(server.ports, [])
        self.assertEqual(await self.refused(server), ["the server stops"])

    async def test_a_socket_of_systemd_is_not_taken_up_later(self):
        """Its number may be that of somebody's connection by now."""
        server = self.start()
        self.passed_by_systemd()
        self.write("mx.toml", SETTINGS.replace('listen = ["', 'listen = ["systemd:domain=INET:name=smtp", "'))
        (fault,) = await self.refused(server)
        self.assertEqual(fault, "systemd:domain=INET:name=smtp: cannot change while the server runs: restart it")
        self.assertEqual(len(server.ports), 1)

    async def test_it_is_told_with_what_changed(self):
        """Who reads the log later wants to know since when which number held."""
        self.write("mx.toml", SETTINGS)
        server = self.start()
        self.write("mx.toml", SETTINGS + "[limits]\nsize = 70000\n")
        counters = server.lasting.counters
        await server.reload()
        self.assertEqual(counters.reloads["taken"], 1)
        server.parts.log.close()
        with open(os.path.join(self.folder, "log")) as log:
            lines = log.read().splitlines()
        self.assertEqual(len([line for line in lines if "limits.size" in line]), 1, lines)


class TestRoot(ReloadCase):
    """Root with nobody to become serves this machine alone."""

    def outside(self):
        """Every address of this machine."""
        return SETTINGS.replace(":interface=127.0.0.1", "")

    def test_it_does_not_start_for_others(self):
        """Whoever finds a way into a server that faces the world must not be root."""
        self.write("mx.toml", self.outside())
        server = self.build(uid=0)
        cannot = self.assertRaises(CannotStart, server.privilegedStartService)
        self.assertIn("started as root, with no user to become, and 0.0.0.0:", str(cannot))
        self.assertEqual(server.ports, [])

    def test_its_metrics_are_not_for_others_either(self):
        """An HTTP server of root's is no better than a mail server."""
        self.write("mx.toml", SETTINGS + '[metrics]\nlisten = "tcp:0"\n')
        server = self.build(uid=0)
        cannot = self.assertRaises(CannotStart, server.privilegedStartService)
        self.assertIn("started as root, with no user to become, and 0.0.0.0:", str(cannot))
        self.assertEqual(server.ports, [])

    async def test_a_reload_does_not_open_it_to_others(self):
        """The start has looked; the settings are others now."""
        server = self.start(uid=0)
        before = server.ports
        self.write("mx.toml", self.outside())
        (fault,) = await self.refused(server)
        self.assertIn("started as root, with no user to become, and 0.0.0.0:", fault)
        self.assertEqual(server.ports, before)

    async def test_it_starts_for_this_machine(self):
        """The demo in a container."""
        server = self.start(uid=0)
        await self.client(server)


class TestControl(ReloadCase):
    async def test_a_second_server_cannot_have_the_same_data_folder(self):
        """They would write the same files, and answer on the same socket."""
        self.start()
        world = World(reactor=reactor, disk=PosixDisk(now=lambda: NOW), uid=lambda: 1000, environment={})
        second = build(read_file(self.path), world)
        second.privilegedStartService()
        self.addCleanup(second.stopService)
        error = self.assertRaises(CannotStart, second.startService)
        self.assertIn("another server runs with this data folder", str(error))

    def test_the_socket_is_gone_when_the_server_is(self):
        """What is left behind would have to be told from one that answers."""
        server = self.start()
        path = os.path.join(self.folder, "data", "control.sock")
        self.assertTrue(os.path.exists(path))
        return server.stopService().addCallback(lambda _: self.assertFalse(os.path.exists(path)))

    def tearDown(self):
        shutil.rmtree(os.path.join(self.folder, "data"), ignore_errors=True)
