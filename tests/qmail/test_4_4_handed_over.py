"""In place of qmail-smtpd behind tcpserver or inetd: the connection comes with its environment, and no descriptor stays behind."""

import contextlib
import os
import select
import shutil
import socket
import stat
import struct
import subprocess
import tempfile

from twisted.internet import reactor
from twisted.internet.address import IPv6Address
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.qmail.hand_over import PROGRAM, Server, compiled, compose, connection, open_descriptors, send
from twistedmx.net.handed_over import bind
from twistedmx.net.readers import Connection

NOBODY = 65_534
ENVIRONMENT = {b"TCPREMOTEIP": b"192.0.2.7", b"RELAYCLIENT": b"", b"GREETING": b"you"}


class Base(TestCase):
    timeout = 60

    def connected(self):
        client, accepted = connection()
        self.addCleanup(client.close)
        self.addCleanup(accepted.close)
        return client, accepted

    def logging(self):
        """(where the log is read, where it is written)"""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(reader, False)
        return reader, writer


class TestHandingOver(Base):
    def setUp(self):
        self.server = Server(self)

    def handed_over(self, packet, *descriptors):
        """The answer to it, and what is said afterwards."""
        with send(self.server.path, packet, descriptors) as channel:
            self.server.port.doRead()
            return channel.recv(600), channel.recv(600)

    async def test_it_comes_with_its_environment_its_arguments_and_its_log(self):
        """RELAYCLIENT is there, though empty; the client is served, and the caller may end."""
        client, accepted = self.connected()
        log, writer = self.logging()
        packet = compose(ENVIRONMENT, [b"/bin/vchkpw", b""])
        self.assertEqual(self.handed_over(packet, accepted.fileno(), writer), (b"taken", b""))
        (handed,) = self.server.handed
        self.assertEqual((handed.environment, handed.arguments), (ENVIRONMENT, (b"/bin/vchkpw", b"")))
        self.assertEqual((handed.address.host, handed.waits), ("127.0.0.1", False))
        self.assertEqual(handed.address.port, client.getsockname()[1])
        (session,) = self.server.there
        self.assertIsInstance(session.transport, Connection)
        client.sendall(b"QUIT\r\n")
        await self.server.empty()
        self.assertEqual(client.makefile("rb").read(), b"220 you\r\n221 bye\r\n")
        self.assertEqual(os.read(log, 1000), b"session ended 0\n")

    async def test_who_waits_hears_how_the_session_ended(self):
        """The status of qmail-smtpd: 0 after QUIT, else 1. `taken` comes first."""
        for said, status in ((b"QUIT\r\n", b"0"), (b"NOOP\r\n", b"1")):
            client, accepted = self.connected()
            channel = send(self.server.path, compose({}, waits=True), [accepted.fileno()])
            self.server.port.doRead()
            self.assertEqual(channel.recv(600), b"taken")
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            await self.server.empty()
            self.assertEqual((channel.recv(600), channel.recv(600)), (status, b""))
            channel.close()

    async def test_the_end_is_one_though_others_have_the_connection_too(self):
        """A wrapper keeps it for a moment: the client must hear the end, and our epoll must not turn about it for ever."""
        client, accepted = self.connected()  # `accepted` stays open
        self.handed_over(compose({}), accepted.fileno())
        client.sendall(b"QUIT\r\n")
        await self.server.empty()
        self.assertEqual(client.makefile("rb").read(), b"220 here\r\n221 bye\r\n")
        with contextlib.suppress(ConnectionError):
            client.sendall(b"are you there?")
        self.assertEqual(select.select([self.server.readers.front.fileno()], [], [], 0)[0], [])

    def test_nothing_of_one_environment_reaches_another_session(self):
        """RELAYCLIENT of one host would make all others relay."""
        for environment in (ENVIRONMENT, {b"TCPREMOTEIP": b"192.0.2.8"}):
            _, accepted = self.connected()
            self.handed_over(compose(environment), accepted.fileno())
            self.assertEqual(self.server.handed[-1].environment, environment)

    def test_a_client_with_an_address_of_version_6(self):
        """Its family is that of the socket: an environment says what it will."""
        with socket.socket(socket.AF_INET6) as listening:
            try:
                listening.bind(("::1", 0))
            except OSError:
                raise SkipTest("this machine has no IPv6") from None
            listening.listen()
            client = socket.create_connection(listening.getsockname()[:2])
            accepted, _ = listening.accept()
        self.handed_over(compose({b"PROTO": b"TCP"}), accepted.fileno())
        accepted.close()
        self.assertEqual(self.server.handed[0].address, IPv6Address("TCP", "::1", client.getsockname()[1]))
        self.assertEqual(client.recv(100), b"220 here\r\n")
        client.close()

    def test_under_inetd_the_client_is_not_the_log(self):
        """inetd gives a program the connection as descriptors 0, 1 and 2: log lines would be read as replies."""
        client, accepted = self.connected()
        self.handed_over(compose({}), accepted.fileno(), accepted.fileno())
        self.assertIsNone(self.server.handed[0].lines)
        self.assertEqual(client.recv(100), b"220 here\r\n")

    def test_a_client_that_is_gone_is_nobodys_fault(self):
        """A scanner connects and resets: tcpserver logs it, and we say nothing."""
        client, accepted = self.connected()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.assertEqual(self.handed_over(compose({}, waits=True), accepted.fileno()), (b"taken", b"1"))
        self.assertEqual((self.server.handed, self.server.port.refused), ([], 0))

    def test_who_waited_too_long_speaks_himself(self):
        """He shuts his end before he says 421; from then on the connection cannot be taken. So no client hears both."""
        client, accepted = self.connected()
        with send(self.server.path, compose({}), [accepted.fileno()]) as channel:
            channel.shutdown(socket.SHUT_RD)
            self.server.port.doRead()
            self.assertEqual(channel.recv(600), b"")
        self.assertEqual((self.server.handed, client.setblocking(False)), ([], None))
        self.assertRaises(BlockingIOError, client.recv, 100)

    def test_a_fault_of_ours_is_a_421_and_a_traceback(self):
        """The caller has ended by then: nobody else can tell the client."""
        self.server.refusal = ZeroDivisionError()
        client, accepted = self.connected()
        self.assertEqual(self.handed_over(compose({}, waits=True), accepted.fileno()), (b"taken", b"1"))
        accepted.close()
        self.assertEqual(client.makefile("rb").read(), b"421 unable to serve you now (#4.3.0)\r\n")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_more_are_taken_while_none_are_accepted(self):
        """They wait in the backlog."""
        self.server.port.accept(False)
        _, accepted = self.connected()
        with send(self.server.path, compose({}), [accepted.fileno()]) as channel:
            self.assertNotIn(self.server.port, reactor.getReaders())
            self.server.port.accept(True)
            self.assertIn(self.server.port, reactor.getReaders())
            self.server.port.doRead()
            self.assertEqual(channel.recv(600), b"taken")


class TestNothingStays(Base):
    """After thousands of requests that are none, not one descriptor more is open."""

    def setUp(self):
        self.clock = Clock()
        self.server = Server(self, clock=self.clock)

    def malformed(self):
        """(words of the refusal, packet, descriptors) of each kind."""
        _, accepted = self.connected()
        _, writer = self.logging()
        listening = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        pair = socket.socketpair()
        for one in (listening, datagrams, *pair):
            self.addCleanup(one.close)
        whole, good = compose(ENVIRONMENT), accepted.fileno()
        yield b"no descriptor came", whole, ()
        yield b"no socket", whole, (writer, writer)
        yield b"more than two", whole, (good, writer, writer)
        yield b"more than two", whole, (good,) * 200
        yield b"listens", whole, (listening.fileno(), writer)
        yield b"no TCP connection", whole, (datagrams.fileno(),)
        yield b"no TCP connection", whole, (pair[0].fileno(), writer)
        yield b"does not end", b"x", (good, writer)
        yield b"does not end", b"", (good, writer)
        yield b"does not end", whole[:-1], (good, writer)
        yield b"another version", whole.replace(b"smtpd 1", b"smtpd 2"), (good, writer)
        yield b"beginning", whole.replace(b"go", b"stay"), (good, writer)
        yield b"arguments", whole.replace(b"\x000\0", b"\x009\0"), (good, writer)
        yield b"no name", whole + b"=x\0", (good, writer)
        yield b"longer than 65536", compose({b"X": b"x" * 65_536}), (good, writer)

    def test_whatever_comes(self):
        """Refused with words that name the fault, and everything is closed."""
        kinds = list(self.malformed())
        before = open_descriptors()
        for _ in range(150):
            for words, packet, descriptors in kinds:
                with send(self.server.path, packet, descriptors) as channel:
                    self.server.port.doRead()
                    answer = channel.recv(600)
                    self.assertEqual((answer[:8], words in answer), (b"refused ", True), answer)
        self.assertEqual((open_descriptors(), self.server.port.refused), (before, 150 * len(kinds)))
        self.assertEqual((self.server.handed, len(self.server.port.sinks)), ([], 0))

    def test_who_hangs_up_at_any_moment(self):
        """Before it speaks, and behind what it says: the latter cannot hear that it was taken."""
        _, accepted = self.connected()
        _, writer = self.logging()
        before = open_descriptors()
        for _ in range(500):
            socket_ = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            socket_.connect(self.server.path)
            socket_.close()
            send(self.server.path, compose({}), [accepted.fileno(), writer]).close()
            self.server.port.doRead()
        self.assertEqual((open_descriptors(), self.server.handed, self.server.port.silent), (before, [], {}))

    async def test_sessions_leave_nothing(self):
        """Thousands a day, for months."""
        counts = []
        for number in range(501):
            client, accepted = connection()
            reader, writer = os.pipe()
            channel = send(self.server.path, compose({}, waits=True), [accepted.fileno(), writer])
            self.server.port.doRead()
            (session,) = self.server.there
            session.transport.abortConnection()
            await self.server.empty()
            self.assertEqual((channel.recv(9), channel.recv(9), channel.recv(9)), (b"taken", b"1", b""))
            for one in (client, accepted, channel):
                one.close()
            os.close(reader)
            os.close(writer)
            if number % 100 == 0:  # after the first, the reactor and the readers have theirs
                counts.append(open_descriptors())
        self.assertEqual((set(counts), len(self.server.port.sinks)), ({counts[0]}, 0))

    def silent(self, number):
        """So many who have come and say nothing; the port has looked at them all."""
        silent = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(number)]
        for one in silent:
            one.connect(self.server.path)
            one.settimeout(30)
            self.addCleanup(one.close)
        for _ in range(5):
            self.server.port.doRead()
        return silent

    def test_who_says_nothing_is_closed(self):
        """What it has to say, it says at once."""
        (silent,) = self.silent(1)
        port = self.server.port
        self.assertEqual((len(port.silent), port in reactor.getReaders()), (1, True))
        self.clock.pump([1.0] * 7)
        self.assertEqual((len(port.silent), silent.recv(100)), (0, b""))

    def test_silent_ones_of_a_user_do_not_close_the_port(self):
        """Sixteen of his may be silent; the first of them go, and who speaks is taken."""
        silent = self.silent(70)
        port = self.server.port
        self.assertEqual((len(port.silent), port in reactor.getReaders()), (16, True))
        self.assertEqual([one.recv(100) for one in silent[:54]], [b""] * 54)
        _, accepted = self.connected()
        silent[-1].sendmsg([compose({})], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", accepted.fileno()))])
        for channel in list(port.silent):
            channel.doRead()
        self.assertEqual((silent[-1].recv(600), len(self.server.handed)), (b"taken", 1))

    def test_silence_of_who_may_not_hand_over_starves_nobody(self):
        """Whoever is in the group of the socket gets to it: he is turned away when he comes, and not when he speaks."""
        if os.geteuid() != 0:
            raise SkipTest("root alone can be somebody else")
        os.chmod(os.path.dirname(self.server.path), 0o755)
        os.chmod(self.server.path, 0o666)
        before = open_descriptors()
        os.seteuid(NOBODY)
        try:
            strangers = self.silent(100)
            _, accepted = self.connected()
            speaks = send(self.server.path, compose(ENVIRONMENT), [accepted.fileno()])
        finally:
            os.seteuid(0)
        port = self.server.port
        port.doRead()
        self.assertEqual((port.silent, port in reactor.getReaders()), ({}, True))
        for one in (*strangers, speaks):
            self.assertEqual(one.recv(600)[:37], b"refused user 65534 may not hand over:")
            one.close()
        self.assertEqual((self.server.handed, port.refused), ([], 101))
        self.assertEqual(open_descriptors(), before + 2)  # those of `connected`
        with send(self.server.path, compose({}), [accepted.fileno()]) as channel:
            port.doRead()
            self.assertEqual(channel.recv(600), b"taken")

    def test_without_a_descriptor_for_it_nobody_is_accepted_for_a_second(self):
        """EMFILE would have us ask without end."""
        limits = _descriptors_at_most(open_descriptors() + 2)
        try:
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.addCleanup(channel.close)
            channel.connect(self.server.path)
            fillers = _all_descriptors()
            self.server.port.doRead()
            for one in fillers:
                os.close(one)
        finally:
            _descriptors_at_most(limits)
        self.assertNotIn(self.server.port, reactor.getReaders())
        self.clock.pump([1.0, 1.0])
        self.assertIn(self.server.port, reactor.getReaders())


def _descriptors_at_most(number):
    import resource

    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, most))
    return before


def _all_descriptors():
    """Those that are left, opened."""
    opened = []
    with contextlib.suppress(OSError):
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    return opened


class TestTheSocket(Base):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "smtpd.sock")
        self.addCleanup(shutil.rmtree, self.folder)

    def bound(self, **options):
        listening = bind(self.path, **options)
        self.addCleanup(listening.close)
        return listening

    def fault(self, **options):
        return self.assertRaises(OSError, bind, self.path, **options)

    def test_it_is_our_users_and_of_a_group_that_is_named(self):
        """An environment that comes here says who may relay."""
        self.bound()
        status = os.stat(self.path)
        self.assertEqual((stat.S_IMODE(status.st_mode), status.st_uid), (0o600, os.geteuid()))
        os.unlink(self.path)
        self.bound(group=os.getegid())
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o660)

    def test_that_of_a_killed_server_is_replaced(self):
        """SIGKILL leaves it behind."""
        bind(self.path).close()
        self.bound()

    def test_that_of_a_server_that_lives_is_not(self):
        """Two servers by mistake: the first goes on."""
        self.bound()
        self.assertIn("another server answers there: " + repr(self.path), str(self.fault()))

    def test_a_file_is_not_removed(self):
        """Somebody mistyped."""
        with open(self.path, "w"):
            pass
        self.assertIn(self.path, str(self.fault()))
        self.assertTrue(os.path.exists(self.path))

    def test_a_fault_names_the_path(self):
        """Of a folder that is missing, and of a path that is too long."""
        self.path = os.path.join(self.folder, "run", "smtpd.sock")
        self.assertIn(self.path, str(self.fault()))
        self.path = "/" + "x" * 200
        self.assertIn(self.path, str(self.fault()))

    def test_it_is_gone_with_the_server(self):
        """So twistedmx-smtpd says at once that there is none."""
        server = Server(self)
        server.port.stop()
        server.port.stop()
        self.assertFalse(os.path.exists(server.path))


class OfAProgram(Base):
    """Runs `twistedmx-smtpd` as tcpserver does. `program`: its path."""

    program = PROGRAM

    def run_it(self, *arguments, environment, stdin, stdout=None, **options):
        """Its end: (status, what it wrote into its log). The log is a file: the server has it until the session ends."""
        with tempfile.TemporaryFile() as log:
            done = subprocess.run(
                [self.program, *arguments],
                env={"PATH": "/usr/bin:/bin", **environment},
                stdin=stdin,
                stdout=stdin if stdout is None else stdout,
                stderr=log,
                timeout=50,
                **options,
            )
            log.seek(0)
            return done.returncode, log.read()


class TestTheProgram(OfAProgram):
    """What stands in the run script, in Python."""

    def setUp(self):
        self.server = Server(self)
        self.client, self.accepted = self.connected()

    def ended(self, *arguments, environment=None, **options):
        """A Deferred of its end. Nobody but it and the server has the connection."""
        environment = {"TWISTEDMX_SOCKET": self.server.path, **(environment or {})}
        ending = deferToThread(self.run_it, *arguments, environment=environment, stdin=self.accepted, **options)
        return ending.addBoth(self._let_go)

    def _let_go(self, result):
        self.accepted.close()
        return result

    def heard(self):
        return deferToThread(self.client.makefile("rb").read)

    async def test_it_hands_over_and_ends(self):
        """All of its environment, whatever octets are in it, and its arguments."""
        environment = {b"TCPREMOTEIP": b"192.0.2.7", b"TCPREMOTEINFO": b"\xff\xe9=\n", b"EMPTY": b"", b"GREETING": b"a"}
        status = await self.ended(
            b"/bin/v\xff", "", environment={os.fsdecode(k): os.fsdecode(v) for k, v in environment.items()}
        )
        self.assertEqual(status, (0, b""))
        (handed,) = self.server.handed
        self.assertEqual({name: handed.environment[name] for name in environment}, environment)
        self.assertEqual((handed.arguments, handed.waits), ((b"/bin/v\xff", b""), False))
        self.assertIsNotNone(handed.lines)
        self.client.sendall(b"QUIT\r\n")
        self.assertEqual(await self.heard(), b"220 a\r\n221 bye\r\n")

    async def test_with_TWISTEDMX_WAIT_it_ends_with_the_session(self):
        """So that tcpserver counts sessions, and its `end` lines tell how they ended; the client hears the end at once."""
        for said, status, replies in ((b"QUIT\r\n", 0, b"221 bye\r\n"), (b"NOOP\r\n", 1, b"250 NOOP\r\n")):
            ending = self.ended(environment={"TWISTEDMX_WAIT": "1"})
            await self.server.something()
            self.accepted.close()
            self.client.sendall(said)
            self.client.shutdown(socket.SHUT_WR)
            self.assertEqual(await self.heard(), b"220 here\r\n" + replies)
            self.assertEqual(await ending, (status, b"session ended %d\n" % status))
            self.client, self.accepted = self.connected()

    async def assert_421(self, words, **options):
        status, log = await self.ended(**options)
        self.assertEqual((status, log[:17], log.count(b"\n")), (1, b"twistedmx-smtpd: ", 1), log)
        self.assertIn(words, log)
        self.assertEqual(await self.heard(), b"421 unable to reach the mail server (#4.3.0)\r\n")

    async def test_without_a_server_it_says_421(self):
        """The client comes again; the log names the socket and what to do."""
        await self.assert_421(
            b"no server at /nowhere/smtpd.sock", environment={"TWISTEDMX_SOCKET": "/nowhere/smtpd.sock"}
        )

    async def test_the_words_of_a_refusal_are_logged(self):
        """The server knows better what is wrong."""
        environment = {f"A{number}": "x" * 60_000 for number in range(2)}
        await self.assert_421(b"octets", environment=environment)

    async def test_a_server_that_has_ended_is_said_so(self):
        """Its socket was left behind."""
        os.unlink(self.server.path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
            left.bind(self.server.path)
        await self.assert_421(b"start twistedmx", environment={})

    async def test_behind_what_copies_it_says_421(self):
        """recordio and spamdyke give it pipes: the server would talk to a pipe's end that nobody reads."""
        ours, theirs = os.pipe()
        for stdin, stdout in ((ours, self.accepted), (self.accepted, theirs)):
            status, log = await deferToThread(self.run_it, environment={}, stdin=stdin, stdout=stdout)
            self.assertEqual((status, b"not one socket" in log), (1, True))
        self.assertEqual(os.read(ours, 100), b"421 unable to reach the mail server (#4.3.0)\r\n")
        self.accepted.close()
        self.assertEqual(await self.heard(), b"421 unable to reach the mail server (#4.3.0)\r\n")
        os.close(ours)
        os.close(theirs)

    async def test_who_may_hand_over(self):
        """The socket lets in a group, and the settings a user; each alone is not enough."""
        if os.geteuid() != 0:
            raise SkipTest("root alone can be somebody else")
        own = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, own)
        self.program = shutil.copy(self.program, own)
        os.chmod(own, 0o755)
        os.chmod(self.program, 0o755)
        for options, words in (
            ({}, b"may not reach"),
            ({"group": NOBODY}, b"user 65534 may not hand over"),
            ({"group": NOBODY, "users": frozenset({NOBODY})}, None),
        ):
            self.server = Server(self, **options)
            os.chmod(os.path.dirname(self.server.path), 0o755)
            self.client, self.accepted = self.connected()
            if words:
                await self.assert_421(words, user=NOBODY, group=NOBODY, extra_groups=[])
            else:
                self.assertEqual((await self.ended(user=NOBODY, group=NOBODY, extra_groups=[]))[0], 0)
                self.assertEqual(len(self.server.there), 1)


class TestTheProgramInC(TestTheProgram):
    """The same, of the one that is compiled."""

    def setUp(self):
        program = compiled(self.mktemp_folder())
        if program is None:
            raise SkipTest("there is no C compiler: apt-get install gcc libc6-dev")
        self.program = program
        super().setUp()

    def mktemp_folder(self):
        folder = self.mktemp()
        os.mkdir(folder)
        return os.path.abspath(folder)


class TestTheInterpreter(OfAProgram):
    def test_without_a_python_the_client_hears_421_too(self):
        """A Python was taken away by an upgrade of the system."""
        client, accepted = self.connected()
        status, log = self.run_it(environment={"TWISTEDMX_PYTHON": "/nowhere/python3"}, stdin=accepted)
        accepted.close()
        self.assertEqual((status, b"/nowhere/python3" in log), (1, True))
        self.assertEqual(client.makefile("rb").read(), b"421 unable to reach the mail server (#4.3.0)\r\n")

    def test_it_imports_nothing_that_takes_time(self):
        """`import socket` alone takes longer than all of it."""
        with open(PROGRAM) as file:
            lines = file.read().splitlines()
        imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
        self.assertEqual(imported, {"posix", "sys", "_socket"})
        self.assertEqual(lines[0], "#!/bin/sh")
