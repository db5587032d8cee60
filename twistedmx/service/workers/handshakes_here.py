"""Limits of handshakes at a worker: it says what it has of them and what it is asked for, and keeps within its part of what holds
for all hosts together. Where the supervisor is silent, it keeps what it had."""

import math
from typing import Any, Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.policy.handshakes import Handshakes, Refusal
from twistedmx.service.looking import Looking
from twistedmx.service.workers.channel import Channel
from twistedmx.service.workers.handshake_words import Asked, part_heard, said_asked
from twistedmx.service.world import World
from twistedmx.settings import Settings

ASKED: Final = "handshakes-asked"
PART: Final = "handshakes-part"
_SAID: Final = 0.2  # seconds, between two


class HandshakesHere(Looking):
    """`handshakes`: whose part it is. What it says is asked of their counts, so that nothing is to be done for each of them."""

    _log = Logger()

    def __init__(self, settings: Settings, world: World, channel: Channel) -> None:
        super().__init__(world.reactor, _SAID, goes_on=True)
        self.handshakes = Handshakes(settings.handshakes, world.reactor.seconds)
        self._channel = channel
        self._refused = dict(self.handshakes.refused)
        self._said = Asked()

    def hear_part(self, said: Any) -> list[int]:
        """From now on this one holds. What is held of it at this moment. Raises ValueError."""
        self.handshakes.part = part_heard(said)
        return [self.handshakes.under_way, self._spent()]

    def _spent(self) -> int:
        return math.ceil(self.handshakes.spent)

    def _look(self) -> None:
        refused, before = dict(self.handshakes.refused), self._refused
        self._refused = refused
        asked = Asked(
            under_way=self.handshakes.under_way,
            spent=self._spent(),
            beyond=refused[Refusal.UNDER_WAY] - before[Refusal.UNDER_WAY],
            too_fast=refused[Refusal.RATE] - before[Refusal.RATE],
        )
        if asked != self._said or asked.beyond or asked.too_fast:
            self._said = asked
            self._channel.tell(ASKED, said_asked(asked))

    def _failed(self, failure: Failure) -> None:
        self._log.failure("what is asked for of handshakes could not be said", failure=failure)
