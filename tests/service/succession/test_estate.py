"""What one process leaves to another is read as it was written, and whatever else is there is refused."""

import contextlib
import json
import socket

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.application.service import Service
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from twistedmx.net.port_group import Division
from twistedmx.service.faults import CannotStart
from twistedmx.service.places import Place
from twistedmx.service.reloading import Reloading
from twistedmx.service.succession.estate import VARIABLE, Estate, Left, read_estate
from twistedmx.service.succession.heir import Heir, Succeeding, heir_of
from twistedmx.settings import Settings

LEFT = st.builds(
    Left,
    place=st.builds(Place, text=st.text(), secure=st.booleans()),
    descriptors=st.lists(st.integers(0, 1 << 20), min_size=1).map(tuple),
    division=st.sampled_from(Division),
    why=st.text(),
)
ESTATES = st.builds(
    Estate,
    channel=st.integers(0, 1 << 20),
    places=st.lists(LEFT, max_size=3).map(tuple),
    metrics=st.none() | LEFT,
    workers=st.integers(1, 1000),
    user=st.text(),
    limit=st.integers(1, 1 << 30),
    pidfile=st.text(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


class TestEstate(SynchronousTestCase):
    @given(ESTATES)
    def test_it_is_read_as_it_was_written(self, estate):
        """Through an environment, which is text."""
        self.assertEqual(read_estate(estate.written()), estate)

    def test_what_another_version_says_more_is_passed_over(self):
        """It may be the older one that follows."""
        document = {**json.loads(Estate(channel=3).written()), "more": 1}
        self.assertEqual(read_estate(json.dumps(document)), Estate(channel=3))

    @given(st.text())
    def test_words_that_are_none_are_a_value_error(self, text):
        """And nothing else."""
        self.assertRaises(ValueError, read_estate, text)

    @given(JSON, st.sampled_from(sorted(json.loads(Estate(channel=3).written()))))
    def test_documents_that_are_none_are_a_value_error(self, value, key):
        """One key has another value than a server would write, or it is what one might."""
        document = {**json.loads(Estate(channel=3).written()), key: value}
        with contextlib.suppress(ValueError):
            self.assertIsInstance(read_estate(json.dumps(document)), Estate)


class Server(Service):
    """Cannot listen with `faults`."""

    def __init__(self, faults=()):
        self.faults = faults
        self.began_at = None
        self.served = lambda: None
        self.reloading = Reloading(lambda: None, source="", events=None, now=lambda: 0.0)

    def privilegedStartService(self):
        if self.faults:
            raise CannotStart(*self.faults)

    def begin_at(self, limit):
        self.began_at = limit


class TestHeir(SynchronousTestCase):
    def setUp(self):
        self.old, self.new = socket.socketpair()
        self.addCleanup(self.old.close)
        self.addCleanup(self.new.close)
        self.old.settimeout(60)

    def heir(self, **more):
        return Heir(Estate(channel=self.new.fileno(), **more), self.new, lambda: 9)

    def said(self):
        return [json.loads(line) for line in self.old.recv(65536).splitlines()]

    def test_who_was_not_started_by_a_server_follows_none(self):
        """As a rule."""
        self.assertIsNone(heir_of(memory_world()))

    def test_words_of_nobody_are_a_fault(self):
        """Somebody has set it by hand."""
        world = attrs.evolve(memory_world(), environment={VARIABLE: "x"})
        with self.assertRaises(CannotStart) as caught:
            heir_of(world)
        self.assertIn(f"unset {VARIABLE}", str(caught.exception))

    def test_it_serves_when_it_may(self):
        """And says what it does."""
        server, twistd = Server(), {}
        pidfile = self.mktemp()
        with open(pidfile, "w", encoding="ascii") as file:
            file.write("1234567")
        following = Succeeding(server, self.heir(limit=77, pidfile=pidfile), twistd, lambda: None)
        following.privilegedStartService()
        self.old.sendall(b"go\n")
        following.startService()
        self.assertEqual((self.said(), server.began_at, twistd), ([{"pid": 9, "is": "ready"}], 77, {}))
        self.assertIn("does not serve yet", server.reloading.held)  # nobody is to follow who does not serve
        server.served()
        self.assertEqual(server.reloading.held, "")
        self.assertEqual(self.said(), [{"pid": 9, "is": "serves", "notes": []}])
        self.assertEqual(twistd, {"pidfile": pidfile})
        with open(pidfile, encoding="ascii") as file:
            self.assertEqual(file.read(), "9")

    def test_a_pid_file_that_is_roots_is_a_note(self):
        """The server serves all the same."""
        server, twistd = Server(), {}
        Succeeding(server, self.heir(pidfile="/nowhere/at/all"), twistd, lambda: None)
        server.served()
        ((note,),) = (message["notes"] for message in self.said())
        self.assertIn("write 9 into it", note)
        self.assertEqual(twistd, {})

    def test_faults_are_told_at_each_step(self):
        """Whatever they are."""
        following = Succeeding(Server(["a: x", "b: y"]), self.heir(), {}, lambda: None)
        self.assertRaises(CannotStart, following.privilegedStartService)
        self.assertEqual(self.said(), [{"faults": ["a: x", "b: y"]}])
        with self.assertRaises(ZeroDivisionError), self.heir().telling():
            1 / 0  # noqa: B018
        ((fault,),) = (message["faults"] for message in self.said())
        self.assertIn("a fault of the new program: ZeroDivisionError", fault)

    def test_who_finds_a_fault_later_tells_it_and_ends(self):
        """As workers do."""
        ended = []
        server = Server()
        Succeeding(server, self.heir(), {}, lambda: ended.append(True))
        server.refused(["worker 0: x"])
        server.refused(["worker 1: x"])
        self.assertEqual((self.said(), ended), ([{"faults": ["worker 0: x"]}], [True]))

    def test_without_the_old_process_it_does_not_serve(self):
        """Nobody has said that it may: the old one may live, and have given up."""
        self.old.close()
        following = Succeeding(Server(), self.heir(), {}, lambda: None)
        self.assertRaises(CannotStart, following.startService)

    def test_what_a_restart_alone_can_change_is_a_fault(self):
        """All of it at once."""
        heir = self.heir(workers=2, user="mail")
        heir.judge(Settings(user="mail"), 2)
        with self.assertRaises(CannotStart) as caught:
            heir.judge(Settings(), 3)
        self.assertEqual(len(caught.exception.faults), 2)
