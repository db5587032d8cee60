"""Places of a supervisor, and a worker that takes up the sockets there."""

import os
import socket

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from twistedmx.net.port_group import Division
from twistedmx.service.faults import Faults
from twistedmx.service.places import Place, place_of
from twistedmx.service.workers.adopted import Adopting
from twistedmx.service.workers.places import open_places
from twistedmx.service.workers.process import of_worker
from twistedmx.settings import Settings

LOOPBACK = "tcp:0:interface=127.0.0.1"


class TestPlaces(SynchronousTestCase):
    def open(self, *texts, workers=2, uid=1000, **settings):
        world = memory_world()
        places = {Place(text=text, secure=False): serverFromString(reactor, text) for text in texts}
        if uid != 1000:
            world = type(world)(reactor=world.reactor, disk=world.disk, uid=lambda: uid, environment={})
        opened = open_places(Settings(**settings), world, places, workers=workers, becomes="")
        for each in opened:
            self.addCleanup(each.stopListening)
        return opened

    def test_each_place_has_a_socket_for_each_worker(self):
        """IPv4 and IPv6, as Twisted's endpoints write them."""
        four, six = self.open(LOOPBACK, "tcp6:0:interface=\\:\\:1", workers=3)
        self.assertEqual(len(four.group.sockets), 3 if four.group.division is not Division.SHARED else 1)
        self.assertTrue(place_of(four).startswith("127.0.0.1:"))
        self.assertTrue(place_of(six).startswith("[::1]:"))

    def test_a_port_that_is_taken_is_told_as_ever_and_nothing_is_left_open(self):
        """In the words of a server without workers."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                free = probe.getsockname()[1]
            with self.assertRaises(Faults) as caught:
                self.open(f"tcp:{free}:interface=127.0.0.1", f"tcp:{port}:interface=127.0.0.1")
            (fault,) = caught.exception.faults
            self.assertTrue(fault.startswith(f"cannot listen on tcp:{port}:interface=127.0.0.1: "), fault)
            self.assertIn("Address already in use", fault)
            socket.create_server(("127.0.0.1", free)).close()

    def test_root_does_not_face_the_world(self):
        """Nor do workers of root's."""
        with self.assertRaises(Faults) as caught:
            self.open("tcp:0", uid=0)
        self.assertIn("started as root, with no user to become", caught.exception.faults[0])
        self.open(LOOPBACK, uid=0)

    def test_a_worker_takes_up_what_it_was_given_and_leaves_it_open(self):
        """A reload may take it up again; and whoever follows has the same socket."""
        (opened,) = self.open(LOOPBACK)
        descriptor = os.dup(opened.group.sockets[0].fileno())
        self.addCleanup(os.close, descriptor)
        endpoint = Adopting({opened.place: descriptor})(reactor, opened.place)
        for _ in range(2):
            port = self.successResultOf(endpoint.listen(Factory()))
            self.assertEqual(place_of(port), place_of(opened))
            port.stopReading()
            port.connectionLost(None)  # at once, and not in the next turn of the reactor
        self.assertTrue(opened.group.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def test_a_place_that_the_supervisor_has_not_opened_is_refused(self):
        """As an endpoint with bad words is."""
        self.assertRaises(ValueError, Adopting({}), reactor, Place(text=LOOPBACK, secure=False))

    def test_what_there_is_once_is_not_the_workers(self):
        """And each has a store of its own."""
        settings = of_worker(Settings(user="mail", workers=4), 2, 4)
        self.assertEqual((settings.user, settings.control.socket, settings.metrics.listen), ("", "", ""))
        self.assertEqual((settings.workers, settings.store.file), (1, "store-2-of-4.sqlite"))
