"""A reputation with clients that do good or harm to it, one event after the other, and what it made of the blocklist."""

from random import Random

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import NOBODY, SESSION, TRANSACTION, UNKNOWN
from twistedmx.model.envelope import Refused
from twistedmx.model.network_event import NetworkWouldBeBlocked
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.smtp.path import parse_path

AT = 1_800_000_000.0
HOUR = 3600.0
DAY = 86_400.0
HOST = "203.0.114.9"


class Clients(SynchronousTestCase):
    """`now`: of the clock, seconds since the epoch."""

    settings = ReputationSettings()

    def setUp(self):
        self.now = AT
        self.facts = []
        self.sessions = 0
        self.blocklist = Blocklist(BlocklistSettings(), lambda: self.now, Random(1))
        self.reputation = Reputation(self.settings, self.blocklist, self.facts.append, self.now)

    @property
    def blocked(self):
        """Who is."""
        return [str(block.network) for block in self.blocklist]

    @property
    def would_be_blocked(self):
        return [str(event.network) for event in self.facts if isinstance(event, NetworkWouldBeBlocked)]

    def assertNear(self, value, wanted, apart):
        """Trial's own has no `delta`."""
        self.assertLessEqual(abs(value - wanted), apart, value)

    def wait(self, seconds):
        """As a server does: with a tick now and then."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + HOUR, until)
            self.reputation.tick(self.now)

    def ended(self, address=HOST, reason=Reason.QUIT, **fields):
        """A session ends."""
        values = {"at": self.now, "session": str(self.sessions), "peer": Peer(address=address, port=1), "messages": 0}
        self.reputation(attrs.evolve(SESSION, reason=reason, **values | fields))
        self.sessions += 1

    def hung_up(self, address=HOST, times=1, reason=Reason.BAD_RECIPIENTS):
        """Sessions are hung up on for their conduct."""
        for _ in range(times):
            self.ended(address, reason)

    def guesses(self, address=HOST, *names, sender="me@client.example", reason=Reason.QUIT, **fields):
        """A session that names recipients that are not here, and no others."""
        addresses = tuple(f"{name}@example.org".encode() for name in names or ("guess1",))
        self.reputation(
            attrs.evolve(
                NOBODY,
                at=self.now,
                session=str(self.sessions),
                peer=Peer(address=address, port=1),
                reverse_paths=(parse_path(sender.encode()),),
                refused=Refused(count=len(addresses), runs=((UNKNOWN, addresses),)),
                helo=fields.get("helo", "client.example"),
            )
        )
        self.ended(address, reason, refused_recipients=len(addresses), **fields)

    def sends(self, address=HOST, messages=1, **fields):
        """A session with messages that are accepted."""
        for _ in range(messages):
            self.message(address)
        self.ended(address, messages=messages, **fields)

    def message(self, address=HOST):
        """One, in a session that goes on."""
        self.reputation(
            attrs.evolve(
                TRANSACTION,
                at=self.now,
                session=str(self.sessions),
                peer=Peer(address=address, port=1),
                refused=Refused(),
            )
        )

    def is_proven(self, address=HOST):
        return self.reputation.proven(address)
