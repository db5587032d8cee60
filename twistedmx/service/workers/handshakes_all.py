"""Limits of handshakes of all workers: `[handshakes] under_way`, `burst` and `rate` hold for the machine, and are dealt out.

Two numbers are: how many are under way, and the tokens of the bucket. Who holds tokens is who has spent them; of the rate each has
as much as of the bucket, so that it is never more than the whole either. What one loses another has when the first keeps to it
(`policy.dealer`).

BUGS: what a worker had spent is forgotten with its process.
"""

from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.policy.dealer import Dealer
from twistedmx.policy.handshakes import Part
from twistedmx.service.looking import Looking
from twistedmx.service.workers.channel import Channel, ChannelLost
from twistedmx.service.workers.handshake_words import asked_heard, held_heard, said_part
from twistedmx.service.workers.handshakes_here import PART
from twistedmx.service.workers.rounds import Rounds
from twistedmx.service.world import World
from twistedmx.settings import Settings

_MANY: Final = 0.8  # of a part in use: it is to be dealt anew before somebody is refused


@attrs.define
class _Worker:
    """`part`: as it was told last."""

    channel: Channel
    part: Part | None = None


class HandshakesAll(Looking):
    """Of the supervisor."""

    _log = Logger()

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(world.reactor, goes_on=True)
        self._rounds = Rounds()
        self._settings = settings.handshakes
        self._workers: dict[int, _Worker] = {}
        self._under_way, self._tokens = Dealer(), Dealer()

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self._settings = settings.handshakes
        self._deal()

    def joined(self, number: int, channel: Channel) -> None:
        """One has begun: it hears its part before it takes anybody."""
        self._workers[number] = _Worker(channel)
        for dealer in (self._under_way, self._tokens):
            dealer.join(number)
        self._deal()

    def left(self, number: int) -> None:
        """It is no more: the others have its part."""
        self._workers.pop(number, None)
        for dealer in (self._under_way, self._tokens):
            dealer.leave(number)
        self._deal()

    def hear_asked(self, number: int, said: Any) -> None:
        """A worker's. Raises ValueError."""
        asked = asked_heard(said)
        is_to_be_dealt = False
        for dealer, held, refused in (
            (self._under_way, asked.under_way, asked.beyond),
            (self._tokens, asked.spent, asked.too_fast),
        ):
            dealer.need(number, held=held, wanted=max(dealer.wants(number), refused))
            is_to_be_dealt |= bool(refused) or dealer.is_short or held > dealer.part(number) * _MANY
        if is_to_be_dealt:
            self._deal()

    def _look(self) -> None:
        self._rounds.begin()
        self._deal()
        self._under_way.fade()
        self._tokens.fade()

    def _deal(self) -> None:
        settings = self._settings
        self._under_way.deal(settings.under_way)
        self._tokens.deal(settings.burst)
        for number, worker in self._workers.items():
            tokens = self._tokens.part(number)
            part = Part(self._under_way.part(number), tokens, settings.rate * tokens / settings.burst)
            if part != worker.part:
                worker.part = part
                asked: Deferred[Any] = worker.channel.ask(PART, said_part(part))
                asked.addCallback(
                    self._answered, number, self._under_way.told(number), self._tokens.told(number)
                ).addErrback(self._not_answered)

    def _answered(self, held: Any, number: int, under_way: int, tokens: int) -> None:
        """It keeps to what it was told, and holds so much by then."""
        of_under_way, of_tokens = held_heard(held)
        is_freed = self._under_way.kept(number, under_way, held=of_under_way)
        is_freed |= self._tokens.kept(number, tokens, held=of_tokens)
        if is_freed and self._rounds.another():
            self._deal()

    def _not_answered(self, failure: Failure) -> None:
        if not isinstance(failure.value, ChannelLost):
            self._log.failure("a worker was told its part of handshakes, and did not take it", failure)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("handshakes could not be dealt out", failure=failure)
