"""A supervisor and its workers in one process, all real, on one clock, over channels in memory: what one says the other hears when
it is pumped. Stores are files, whose threads answer when the test looks."""

import os
from queue import Empty, SimpleQueue
from random import Random

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import NOBODY, SESSION, TRANSACTION, UNKNOWN
from tests.service.workers.pair import Pair
from twistedmx.model.envelope import Envelope, Recipient, Refused
from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.model.vitals import Vitals
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.policy.tarpit import Tarpit
from twistedmx.report.stream import Stream
from twistedmx.service.workers.supervisor_side import SupervisorSide
from twistedmx.service.workers.worker_side import WorkerSide
from twistedmx.service.world import World
from twistedmx.settings import settings_from
from twistedmx.smtp.path import parse_path
from twistedmx.testing.stage import Stage

EPOCH = 1_800_000_000
_LONGEST = 30.0  # seconds until a thread that does not answer is a fault


class Reactor(Clock):
    """Time, and what threads have called."""

    def __init__(self):
        super().__init__()
        self.said = SimpleQueue()

    def callFromThread(self, function, *arguments):
        self.said.put(lambda: function(*arguments))

    def hear_threads(self):
        """What they have said by now."""
        while True:
            try:
                self.said.get_nowait()()
            except Empty:
                return

    def finish(self, deferred):
        """Hear the threads until it has fired."""
        results = []
        deferred.addCallback(results.append)
        while not results:
            self.said.get(timeout=_LONGEST)()


class Worker:
    """One of `machine`. `told`: its own events. `hung_up`: networks whose sessions were looked for."""

    def __init__(self, machine, number):
        store = attrs.evolve(machine.settings.store, file=f"store-{number}-of-{machine.number}.sqlite")
        settings, world = attrs.evolve(machine.settings, store=store), machine.world
        self.number = number
        self.side = WorkerSide(machine.number)
        self.pair = Pair(machine.side.hear_from(number), self.side.hear)
        self.side.channel = self.pair.other
        self.told, self.hung_up = [], []
        self.events = Stream([])
        self.blocking = self.side.blocking(settings, world, self.events)
        reputation = self.blocking.reputation
        self.watching = self.side.watching(settings, world, self.events, reputation.proven, reputation.known)
        alertness = self.watching.alertness
        self.governing = self.side.governing(settings, world, self.events, alertness, Tarpit(world.reactor))
        self.governing.door = Stage(settings).factory.door
        self.handshakes = self.side.handshakes(settings, world)
        self.blocking.hang_up = lambda network: self.hung_up.append(str(network))
        self.events.replace([self.told.append, reputation, self.watching.attacks])
        self.blocking.configure(settings)
        self.blocking.start()
        self.watching.startService()
        self.governing.startService()
        for service in self.side.services:
            service.startService()

    @property
    def admission(self):
        return self.governing.door.admission

    @property
    def blocked(self):
        return sorted(str(block.network) for block in self.blocking.blocklist)

    def stop(self):
        self.watching.stopService()
        self.governing.stopService()
        for service in self.side.services:
            service.stopService()
        return self.blocking.stop()


class Machine(SynchronousTestCase):
    """`told`: the supervisor's events. `step`: seconds, of the clock."""

    number = 4
    step = 0.25
    document = {}

    def setUp(self):
        self.reactor = Reactor()
        self.reactor.advance(EPOCH)
        self.settings = settings_from({"data": os.path.abspath(self.mktemp()), **self.document}, "x")
        self.seeds = self.joined = 0
        self.vitals = Vitals()
        self.world = World(
            reactor=self.reactor,
            disk=None,
            now=self.reactor.seconds,
            chance=self.chance,
            vitals=lambda time: self.vitals_at(time),
            environment={},
        )
        self.told = []
        self.sessions = 0
        events = Stream([])
        self.side = SupervisorSide(self.settings, self.world, events, self.number)
        events.replace([self.told.append, *self.side.subscribers])
        self.side.configure(self.settings)
        self.side.startService()
        self.addCleanup(lambda: self.reactor.finish(self.side.stopService()))
        self.workers = []
        for _ in range(self.number):
            self.join()

    def chance(self):
        self.seeds += 1
        return Random(self.seeds)

    def vitals_at(self, time):
        return self.vitals

    def join(self):
        """One more worker."""
        worker = Worker(self, self.joined)
        self.joined += 1
        self.addCleanup(lambda: self.reactor.finish(worker.stop()))
        self.workers.append(worker)
        self.side.joined(worker.number, worker.pair.one)
        self.pump()
        return worker

    def kill(self, worker):
        """Without a word."""
        worker.pair.cut()
        self.side.left(worker.number)
        self.workers.remove(worker)
        self.pump()

    def pump(self):
        """All that was said is heard, and what is said thereupon."""
        self.reactor.hear_threads()
        for _ in range(4):
            for worker in self.workers:
                worker.pair.pump()

    def wait(self, seconds, step=None):
        """Time goes on, in steps, and all is heard."""
        step = step or self.step
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            self.pump()

    def heard(self, kind):
        """Told by the supervisor."""
        return [event for event in self.told if type(event) is kind]

    @property
    def blocked(self):
        return sorted(str(block.network) for block in self.side.blocking.blocklist)

    # What clients do at a worker

    def hung_up(self, worker, address, times=1):
        """Sessions that it ends for their conduct."""
        for _ in range(times):
            self.sessions += 1
            worker.events.tell(
                attrs.evolve(
                    SESSION,
                    at=self.reactor.seconds(),
                    session=str(self.sessions),
                    peer=Peer(address=address, port=1),
                    reason=Reason.BAD_RECIPIENTS,
                    messages=0,
                )
            )

    def sends(self, worker, address, mailbox=b"ann@example.org"):
        """One message, in a session of its own."""
        self.sessions += 1
        destination = Destination(address=mailbox, maildir="/mail/x")
        recipient = Recipient(path=parse_path(mailbox), verdict=ACCEPTED, destinations=(destination,))
        peer = Peer(address=address, port=1)
        common = {"at": self.reactor.seconds(), "session": str(self.sessions), "peer": peer}
        envelope = Envelope(reverse_path=parse_path(b"a@client.example"), recipients=(recipient,))
        worker.events.tell(attrs.evolve(TRANSACTION, envelope=envelope, refused=Refused(), **common))
        worker.events.tell(attrs.evolve(SESSION, messages=1, **common))

    def refuses(self, worker, addresses, host="192.0.2.7"):
        """Unknown names of one session, told together."""
        refused = Refused(count=len(addresses), runs=((UNKNOWN, tuple(addresses)),))
        peer = Peer(address=host, port=1)
        worker.events.tell(attrs.evolve(NOBODY, at=self.reactor.seconds(), peer=peer, refused=refused))
