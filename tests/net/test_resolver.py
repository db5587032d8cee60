"""What Twisted's resolver lacks: whole answers, short connections, resolv.conf when it is needed."""

import os

from twisted.internet.defer import DeferredQueue
from twisted.internet.error import CannotListenError, ConnectionLost
from twisted.names import dns
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from tests.net.name_server import NameServer, NetClock, a_turn
from twistedmx.net.resolver import Resolver, is_whole, servers_in

RECORDS = {
    name: [dns.Record_MX(10, b"mx.example", ttl=60)]
    for name in (b"yes.example", b"long.example", b"longer.example", b"cut.example", b"dropped.example")
}


class TestQuestions(TestCase):
    """Of a name server on the loopback."""

    def setUp(self) -> None:
        self.server = NameServer(RECORDS)
        address = self.server.open()
        self.addCleanup(self.server.close)
        self.clock = NetClock()
        self.resolver = Resolver(reactor=self.clock, servers=[address])
        self.addCleanup(self.resolver.close)

    async def test_an_answer_has_its_records(self) -> None:
        """And leaves no timer."""
        message = await self.resolver.ask(b"yes.example", dns.MX)
        self.assertEqual([record.type for record in message.answers], [dns.MX])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_a_server_may_have_an_ipv6_address(self) -> None:
        """Its answers come from the address as it was asked."""
        server = NameServer(RECORDS)
        try:
            address = server.open("::1")
        except CannotListenError as error:
            raise SkipTest(f"no IPv6 here: {error}") from None
        self.addCleanup(server.close)
        message = await Resolver(reactor=self.clock, servers=[address]).ask(b"yes.example", dns.MX)
        self.assertEqual(len(message.answers), 1)

    async def test_an_answer_that_is_too_long_is_asked_for_by_tcp(self) -> None:
        """RFC 1123 6.1.3.2. The connection ends with its questions."""
        for _ in range(2):
            message = await self.resolver.ask(b"long.example", dns.MX)
            self.assertEqual([record.type for record in message.answers], [dns.MX])
            await self._all_is_closed()
        self.assertEqual([how for _, _, how in self.server.asked], ["udp", "tcp"] * 2)

    async def test_a_record_in_a_truncated_answer_is_enough(self) -> None:
        """Where a firewall forbids TCP, mail must come in."""
        message = await self.resolver.ask(b"longer.example", dns.MX)
        self.assertEqual(len(message.answers), 1)
        self.assertEqual([how for _, _, how in self.server.asked], ["udp"])

    async def test_a_connection_that_breaks_fails_its_question_at_once(self) -> None:
        """Not when its time is over. No timer is left."""
        with self.assertRaises(ConnectionLost):
            await self.resolver.ask(b"dropped.example", dns.MX)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_a_connection_that_went_dead_has_no_other_questions(self) -> None:
        """It is given up after ten seconds, and a new one is made."""
        came: DeferredQueue[None] = DeferredQueue()
        self.server.on_question = lambda: came.put(None)
        asking = self.resolver.ask(b"stuck.example", dns.MX)
        for _ in ("udp", "tcp"):
            await came.get()
        self.clock.advance(10)
        self.failureResultOf(asking)
        await self._all_is_closed()
        self.assertEqual(len((await self.resolver.ask(b"long.example", dns.MX)).answers), 1)

    async def test_an_answer_that_was_cut_off_is_none(self) -> None:
        """The next one might be whole: the question is sent again."""
        came: DeferredQueue[None] = DeferredQueue()
        self.server.on_question = lambda: came.put(None)
        asking = self.resolver.ask(b"cut.example", dns.MX)
        await came.get()
        self.clock.advance(1)
        await came.get()
        self.assertNoResult(asking)
        asking.addErrback(lambda failure: None)
        asking.cancel()
        await a_turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_no_socket_is_a_failure_and_nothing_worse(self) -> None:
        """When descriptors run out for a moment, the name can be asked for again later."""
        self.clock.no_socket = CannotListenError("", 0, OSError(24, "Too many open files"))
        with self.assertRaises(CannotListenError):
            await self.resolver.ask(b"yes.example", dns.MX)
        self.clock.no_socket = None
        self.assertEqual(len((await self.resolver.ask(b"yes.example", dns.MX)).answers), 1)

    async def _all_is_closed(self) -> None:
        """Returns when no connection and no timer is left; a fault is a test that does not end."""
        while self.resolver.connections or self.clock.getDelayedCalls():
            await a_turn()


class TestWhole(SynchronousTestCase):
    def test_a_question_is_no_answer(self) -> None:
        """A server that sends back what it gets has said nothing."""
        message = dns.Message(id=1, answer=0)
        self.assertFalse(is_whole(message.toStr()))
        message.answer = 1
        self.assertTrue(is_whole(message.toStr()))


class TestResolvConf(SynchronousTestCase):
    def test_what_names_a_server_is_taken_and_the_rest_passed_over(self) -> None:
        """resolv.conf(5). An address is told in the form that answers have."""
        text = b"# no\nnameserver\nnameserver x\nnameserver 192.0.2.1\nsearch example\n nameserver 2001:DB8:0::1 # it\n"
        self.assertEqual(servers_in(text.splitlines()), [("192.0.2.1", 53), ("2001:db8::1", 53)])

    def test_three_at_most_and_this_machine_for_none(self) -> None:
        """As the C library has it."""
        lines = [b"nameserver 192.0.2.%d" % number for number in range(5)]
        self.assertEqual(len(servers_in(lines)), 3)
        self.assertEqual(servers_in([]), [("127.0.0.1", 53)])

    def test_the_file_is_read_again_after_a_minute(self) -> None:
        """A change needs no reload; a file that is gone means this machine, one that cannot be read changes nothing."""
        path = self.mktemp()
        clock = NetClock()
        clock.no_socket = CannotListenError("", 0, OSError(24, ""))
        resolver = Resolver(reactor=clock, resolv_conf=path)

        def servers() -> object:
            self.failureResultOf(resolver.ask(b"yes.example", dns.MX), CannotListenError)
            return resolver.servers

        self.assertEqual(servers(), [("127.0.0.1", 53)])
        with open(path, "wb") as file:
            file.write(b"nameserver 192.0.2.1\n")
        clock.advance(59)
        self.assertEqual(servers(), [("127.0.0.1", 53)])
        clock.advance(1)
        self.assertEqual(servers(), [("192.0.2.1", 53)])
        os.remove(path)
        os.mkdir(path)
        clock.advance(60)
        self.assertEqual(servers(), [("192.0.2.1", 53)])
