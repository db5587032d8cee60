"""Several sockets at one place, in a real kernel: whom it gives a client to, and what becomes of who waits."""

import errno
import os
import shutil
import socket
import subprocess
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Port
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.net.port_group import Division, PortGroup, adopt, let_go, open_group, set_option
from twistedmx.net.readers import Connection, Readers
from twistedmx.net.steering import worker_of

_SECONDS = 10  # longer than any of this takes
_ATTACH = 51
_random = Random(1)
# Each of 127.0.0.0/8 is this machine.
_NEIGHBOURS = [str(IPv4Address("127.0.0.1") + number) for number in range(100)]
_STRANGERS = [str(IPv4Address((127 << 24) + _random.randrange(1, (1 << 24) - 1))) for _ in range(200)]
if sys.platform != "linux":
    skip = "the kernel steers on Linux alone"


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Refusing:
    """A kernel without some options. `errors`: number of the option to errno."""

    def __init__(self, errors):
        self.errors = errors

    def __call__(self, opened, level, option, value):
        if option in self.errors:
            raise OSError(self.errors[option], os.strerror(self.errors[option]))
        set_option(opened, level, option, value)


class Base:
    def open(self, workers, host="127.0.0.1", port=0, **more) -> PortGroup:
        group = open_group(host, port, workers=workers, backlog=50, **more)
        self.addCleanup(group.close)
        return group

    def connect(self, group, source="127.0.0.1", to=None) -> socket.socket:
        """A client at `source`, connected to the group."""
        port = next(opened for opened in group.sockets if opened.fileno() >= 0).getsockname()[1]
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        client = socket.socket(family)
        self.addCleanup(client.close)
        client.settimeout(_SECONDS)
        client.bind((source, 0))
        client.connect((to or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), port))
        return client

    def accept(self, opened, client) -> socket.socket:
        """The other end of `client`, who must be the next one at this socket."""
        opened.settimeout(_SECONDS)
        accepted, address = opened.accept()
        opened.setblocking(False)
        self.addCleanup(accepted.close)
        self.assertEqual(address[1], client.getsockname()[1])
        return accepted

    def check(self, group, workers, hosts):
        """Each of `hosts` comes to his worker, and nobody else there does."""
        for host in hosts:
            client = self.connect(group, host)
            self.accept(group.socket_of(worker_of(host, workers)), client).close()
            client.close()
        for opened in group.sockets:
            self.assertRaises(BlockingIOError, opened.accept)


class TestSteering(Base, SynchronousTestCase):
    def test_each_host_comes_to_the_worker_that_worker_of_names(self):
        """Each time, whatever his port."""
        for workers in (2, 3, 8):
            group = self.open(workers)
            self.assertEqual((group.division, group.why), (Division.STEERED, ""))
            self.check(group, workers, _NEIGHBOURS + _STRANGERS)
            self.check(group, workers, ["127.0.0.1"] * 20)

    def test_an_ipv4_client_of_an_ipv6_socket_comes_to_the_same(self):
        """tcp6: takes both: the program must look at what the packet is, not the socket."""
        group = self.open(3, "::")
        self.check(group, 3, [*_NEIGHBOURS, *_STRANGERS[:50], "::1"])

    def test_each_address_of_this_machine_comes_to_its_worker(self):
        """IPv6 as far as it is there without privileges."""
        hosts = []
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            octets, _, _, scope, *_ = line.split()
            if scope != "20":  # link-local: would need a zone
                hosts.append(str(IPv6Address(bytes.fromhex(octets))))
        group = self.open(5, "::")
        for host in hosts:
            client = self.connect(group, host, to=host)
            self.accept(group.socket_of(worker_of(host, 5)), client)

    def test_a_64_comes_to_one_worker(self):
        """In a network of its own, where 2001:db8::/32 is this machine; nobody's privileges are needed for that."""
        tools = [shutil.which(name) for name in ("unshare", "ip")]
        if not all(tools):
            self.skipTest("needs unshare and ip")
        unshare, ip = tools
        alone = [unshare, "--user", "--map-root-user", "--net"]
        if subprocess.run([*alone, ip, "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
            self.skipTest("this kernel gives no user a network of his own")
        script = f"{ip} link set lo up && {ip} -6 route add local 2001:db8::/32 dev lo && exec {sys.executable} -c '{_STEERED_64}'"
        done = subprocess.run(
            [*alone, "sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "ignore"},
        )
        self.assertEqual((done.stdout, done.stderr), ("400 [0, 1, 2, 3]\n", ""))

    def test_a_program_attached_anew_holds_at_once(self):
        """As many sockets as before, but fewer workers; and back."""
        group = self.open(4)
        self.check(group.steer(2), 2, _NEIGHBOURS)
        self.check(group.steer(4), 4, _NEIGHBOURS)
        self.assertRaises(ValueError, group.steer, 5)
        self.assertRaises(ValueError, group.steer, 0)

    def test_a_program_that_is_refused_leaves_the_one_before(self):
        group = self.open(4)
        with self.assertRaises(OSError):
            group.steer(2, set_option=Refusing({_ATTACH: errno.ENOMEM}))
        self.check(group, 4, _NEIGHBOURS)

    def test_the_last_socket_can_be_closed_once_nobody_is_sent_there(self):
        """So a group gets smaller: steer, accept who waits, close the last one."""
        group = self.open(3)
        host = next(host for host in _NEIGHBOURS if worker_of(host, 3) == 2)
        early = self.connect(group, host)
        group.steer(2)
        self.accept(group.sockets[2], early)
        group.sockets[2].close()
        for host in _NEIGHBOURS:
            self.accept(group.sockets[worker_of(host, 2)], self.connect(group, host))


# What `unshare` runs: two addresses of each of 200 /64s.
_STEERED_64 = """
import socket
from twistedmx.net.port_group import open_group
from twistedmx.net.steering import worker_of
group = open_group("::", 0, workers=4, backlog=9)
port = group.sockets[0].getsockname()[1]
right, seen = 0, set()
for number in range(200):
    for host in (f"2001:db8:{number:x}:{number * 7:x}::1", f"2001:db8:{number:x}:{number * 7:x}:{number:x}:2:3:4"):
        client = socket.socket(socket.AF_INET6)
        client.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
        client.bind((host, 0))
        client.connect(("2001:db8::25", port))
        worker = worker_of(host.rpartition("::")[0] + "::9" if "::" in host else host, 4)
        opened = group.socket_of(worker)
        opened.settimeout(10)
        accepted, address = opened.accept()
        right += address[0] == client.getsockname()[0]
        seen.add(worker)
print(right, sorted(seen))
"""


class TestOpening(Base, SynchronousTestCase):
    def test_all_listen_at_the_port_that_the_kernel_chose(self):
        for host in ("", "127.0.0.1", "::", "::1"):
            group = self.open(4, host)
            (place,) = {opened.getsockname() for opened in group.sockets}
            self.assertGreater(place[1], 0)
            self.assertEqual(place[0], host or "0.0.0.0")

    def test_a_second_server_of_the_same_user_hears_that_the_address_is_in_use(self):
        """He could join, and would take a share of the clients: what they are here for is to share."""
        group = self.open(2)
        port = group.sockets[0].getsockname()[1]
        before = open_descriptors()
        for host in ("127.0.0.1", "", "::"):
            with self.assertRaises(OSError) as caught:
                open_group(host, port, workers=2, backlog=5)
            self.assertEqual(caught.exception.strerror, "Address already in use")
        self.assertEqual(open_descriptors(), before)
        self.check(group, 2, _NEIGHBOURS)

    def test_another_user_cannot_join(self):
        """With the very same options: else anyone could read a share of the mail."""
        if os.geteuid() != 0:
            self.skipTest("only root can be two users")
        group = self.open(2, "")
        port = group.sockets[0].getsockname()[1]
        os.seteuid(65_534)
        self.addCleanup(os.seteuid, 0)
        for host in ("", "127.0.0.1"):
            with socket.socket() as other:
                for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                    other.setsockopt(socket.SOL_SOCKET, option, 1)
                with self.assertRaises(OSError) as caught:
                    other.bind((host, port))
                self.assertEqual(caught.exception.errno, errno.EADDRINUSE)

    def test_what_a_server_before_has_left_is_no_hindrance(self):
        """Connections of his may wait for their end for a minute (RFC 9293 3.5: TIME-WAIT)."""
        group = self.open(2)
        client = self.connect(group)
        accepted = self.accept(group.socket_of(worker_of("127.0.0.1", 2)), client)
        port = group.sockets[0].getsockname()[1]
        group.close()
        accepted.close()
        self.assertEqual(client.recv(1), b"")
        client.close()
        self.check(self.open(2, port=port), 2, _NEIGHBOURS[:20])

    def test_an_address_that_is_not_there_leaves_nothing_open(self):
        before = open_descriptors()
        for host in ("192.0.2.77", "2001:db8::77", "fe80::1%nothing"):
            self.assertRaises(OSError, open_group, host, 0, workers=2, backlog=5)
        self.assertEqual(open_descriptors(), before)

    def test_a_fault_in_the_middle_leaves_nothing_open(self):
        """Of the third socket: the first two are closed, and the port can be had again."""
        left = 2

        def failing(opened, level, option, value):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            set_option(opened, level, option, value)

        before = open_descriptors()
        self.assertRaises(OSError, open_group, "127.0.0.1", 0, workers=3, backlog=5, set_option=failing)
        self.assertEqual(open_descriptors(), before)

    def test_no_workers_are_no_group(self):
        self.assertRaises(ValueError, open_group, "127.0.0.1", 0, workers=0, backlog=5)

    def test_one_worker_has_one_socket(self):
        group = self.open(1)
        self.assertEqual((len(group.sockets), group.division), (1, Division.STEERED))
        self.check(group, 1, _NEIGHBOURS[:10])


class TestRefusal(Base, SynchronousTestCase):
    """What an old kernel or a sandbox refuses: the next best is taken, and the operator is told why."""

    def test_without_the_program_clients_are_spread(self):
        for refused in (errno.ENOPROTOOPT, errno.EINVAL, errno.EPERM):
            group = self.open(2, set_option=Refusing({_ATTACH: refused}))
            self.assertEqual(group.division, Division.SPREAD)
            self.assertEqual(group.why, f"SO_ATTACH_REUSEPORT_CBPF: {os.strerror(refused)}")
            for _ in range(64):
                self.connect(group)
            for opened in group.sockets:
                opened.settimeout(_SECONDS)
                opened.accept()[0].close()

    def test_a_spread_group_can_be_steered_later(self):
        group = self.open(2, set_option=Refusing({_ATTACH: errno.ENOMEM})).steer(2)
        self.assertEqual((group.division, group.why), (Division.STEERED, ""))
        self.check(group, 2, _NEIGHBOURS)

    def test_without_a_group_all_share_one_socket(self):
        for refused in (errno.ENOPROTOOPT, errno.EINVAL, errno.EPERM):
            group = self.open(3, set_option=Refusing({socket.SO_REUSEPORT: refused}))
            self.assertEqual(group.division, Division.SHARED)
            self.assertEqual(group.why, f"SO_REUSEPORT: {os.strerror(refused)}")
            self.assertEqual(len({group.socket_of(worker) for worker in range(3)}), 1)
            self.accept(group.socket_of(2), self.connect(group))
            self.assertRaises(OSError, group.steer, 1)


class TestSuccession(Base, SynchronousTestCase):
    def test_who_comes_while_a_worker_is_away_is_served_by_its_successor(self):
        """The parent keeps the sockets: a worker that dies takes nobody with it, and his hosts come to his successor."""
        group = self.open(3)
        of_first = [host for host in _NEIGHBOURS if worker_of(host, 3) == 1]
        worker = group.sockets[1].dup()
        before = self.connect(group, of_first[0])
        self.accept(worker, before)
        worker.close()
        waiting = [self.connect(group, host) for host in of_first]
        for client in waiting:
            client.sendall(b"EHLO")
        successor = group.sockets[1].dup()
        self.addCleanup(successor.close)
        for client in waiting:
            accepted = self.accept(successor, client)
            accepted.settimeout(_SECONDS)
            self.assertEqual(accepted.recv(4), b"EHLO")
        self.check(group, 3, _NEIGHBOURS)

    def test_a_socket_that_is_closed_loses_who_waits_and_its_number_goes_to_the_last_one(self):
        """Why the parent keeps them: this is what it would cost."""
        group = self.open(3)
        lost = self.connect(group, next(host for host in _NEIGHBOURS if worker_of(host, 3) == 0))
        group.sockets[0].close()
        self.assertRaises(ConnectionResetError, lost.recv, 1)
        for host in _NEIGHBOURS:
            worker = worker_of(host, 3)
            if worker < 2:
                self.accept(group.sockets[(2, 1)[worker]], self.connect(group, host))


class Greeting(Protocol):
    """Greets and is gone; then `ended` of its factory fires with it."""

    def connectionMade(self):
        self.transport.write(b"220 ")
        self.transport.loseConnection()

    def connectionLost(self, reason):
        ended, self.factory.ended = self.factory.ended, Deferred()
        ended.callback(self)


class TestAdoption(Base, TestCase):
    """A worker, as far as the reactor goes."""

    timeout = 30

    def adopt(self, group, worker):
        """The port and its factory."""
        factory = Factory.forProtocol(Greeting)
        factory.noisy, factory.ended = False, Deferred()
        descriptor = os.dup(group.socket_of(worker).fileno())
        port = adopt(reactor, descriptor, factory)
        self.assertRaises(OSError, os.fstat, descriptor)
        return port, factory

    @inlineCallbacks
    def test_readers_serve_it(self):
        """It is a port as any other to them, IPv4 and IPv6."""
        for host, client in (("127.0.0.1", "127.0.0.1"), ("::", "::1"), ("::", "127.0.0.1")):
            readers = Readers(reactor)
            group = self.open(2, host)
            worker = worker_of(client, 2)
            port, factory = self.adopt(group, worker)
            self.assertIs(type(port), Port)
            self.assertEqual(port.getHost().port, group.sockets[0].getsockname()[1])
            readers.serve(port)
            greeted = self.connect(group, client)
            protocol = yield factory.ended
            self.assertIsInstance(protocol.transport, Connection)
            self.assertEqual(protocol.transport.getPeer().port, greeted.getsockname()[1])
            self.assertEqual((greeted.recv(9), greeted.recv(9)), (b"220 ", b""))
            yield port.stopListening()
            readers.stop()

    @inlineCallbacks
    def test_when_it_stops_the_next_one_serves_who_came_meanwhile(self):
        """The end of a port must not shut the socket down: that would be its end in all processes."""
        group = self.open(2)
        worker = worker_of("127.0.0.1", 2)
        port, _ = self.adopt(group, worker)
        yield port.stopListening()
        waiting = self.connect(group)
        port, factory = self.adopt(group, worker)
        yield factory.ended
        self.assertEqual(waiting.recv(9), b"220 ")
        yield port.stopListening()
        self.check(group, 2, _NEIGHBOURS[:20])

    @inlineCallbacks
    def test_a_port_that_is_let_go_is_whose_copy_listens(self):
        """Twisted's own end would end it for him as well: who waits would hear a reset."""
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        copy = port.socket.dup()
        self.addCleanup(copy.close)
        client = socket.create_connection(copy.getsockname(), _SECONDS)
        self.addCleanup(client.close)
        yield let_go(port)
        accepted, address = copy.accept()
        self.addCleanup(accepted.close)
        self.assertEqual(address, client.getsockname())

    def test_what_is_no_socket_is_refused_and_stays_open(self):
        reading, writing = os.pipe()
        for descriptor in (reading, writing):
            self.assertRaises(OSError, adopt, reactor, descriptor, Factory())
            os.close(descriptor)
