"""Attacks where several processes serve: workers sum what they see and tell it; the supervisor judges, and tells what is so.

Hashes are compared across processes: all workers must be given one key for Python's (`hash_environment`).
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.mailbox.keys import domain_key
from twistedmx.policy.attack_summing import AttackSumming
from twistedmx.policy.posture import Alertness
from twistedmx.policy.record import Known
from twistedmx.ports import Events
from twistedmx.service.looking import Looking
from twistedmx.service.watching import Watching, told
from twistedmx.service.workers.attack_words import Marks, marks_heard, said_marks, said_sums, sums_heard
from twistedmx.service.workers.channel import Channel, ChannelLost
from twistedmx.service.world import World
from twistedmx.settings import Settings

SUMS: Final = "attack-sums"
MARKS: Final = "attack-marks"
_SUMMED: Final = 0.25  # seconds, between two sums
_SEEDS: Final = 2**32


def hash_environment(chance: Random) -> dict[str, str]:
    """Variables of the environment that all workers of one supervisor are to be given, also those that are started later."""
    return {"PYTHONHASHSEED": str(chance.randrange(1, _SEEDS))}


class WatchingAll(Watching):
    """Of the supervisor: `attacks` is fed by workers."""

    def __init__(
        self,
        settings: Settings,
        world: World,
        events: Events,
        proven: Callable[[str], bool],
        known: Callable[[str], Known],
    ) -> None:
        super().__init__(settings, world, events, proven, known)
        self._workers: dict[int, Channel] = {}
        self._marks = Marks()

    def hear_sums(self, said: Any) -> None:
        """A worker's. Raises ValueError."""
        self.attacks.add(sums_heard(said))

    def joined(self, number: int, channel: Channel) -> None:
        """A worker has begun: it hears what is so."""
        self._workers[number] = channel
        channel.tell(MARKS, said_marks(self._marks))

    def left(self, number: int) -> None:
        """It is no more."""
        self._workers.pop(number, None)

    def _look(self) -> None:
        super()._look()
        self._tell_marks(Marks(*self.attacks.marked()))

    def _failed(self, failure: Failure) -> None:
        super()._failed(failure)
        self._tell_marks(Marks())

    def _tell_marks(self, marks: Marks) -> None:
        if marks == self._marks:
            return
        self._marks = marks
        for channel in self._workers.values():
            channel.tell(MARKS, said_marks(marks))


class WatchingHere(Looking):
    """Of a worker, in the place of `Watching`: `attacks` sums, and knows what is so of the supervisor."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        world: World,
        channel: Channel,
        proven: Callable[[str], bool],
        known: Callable[[str], Known],
    ) -> None:
        super().__init__(world.reactor, _SUMMED)
        self._now = world.now
        self.attacks = AttackSumming(settings.attacks, domain_key)
        self.attacks.proven = proven
        self.alertness = Alertness(attacks=self.attacks, proven=proven, known=known)
        self._channel = channel
        self._pieces: Iterator[dict[str, Any]] = iter(())
        self._under_way = False

    def told(self) -> dict[str, Any]:
        """As `Watching.told`: what is so is the supervisor's to tell."""
        return told(self.attacks, self.alertness, self._now())

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self.attacks.configure(settings.attacks)

    def hear_marks(self, said: Any) -> None:
        """The supervisor says what is under attack, and flooded. Raises ValueError."""
        self.attacks.mark(*marks_heard(said))

    def _look(self) -> None:
        if not self._under_way:  # else it is summed until the last piece was taken
            self._pieces = said_sums(self.attacks.take())
            self._tell_piece()

    def _tell_piece(self, answer: Any = None) -> None:
        piece = next(self._pieces, None)
        self._under_way = piece is not None
        if piece is not None:
            asked: Deferred[Any] = self._channel.ask(SUMS, piece)
            asked.addCallbacks(self._tell_piece, self._not_taken)

    def _not_taken(self, failure: Failure) -> None:
        self._under_way = False
        if not isinstance(failure.value, ChannelLost):
            self._log.failure("what was summed of attacks was not taken", failure)

    def _failed(self, failure: Failure) -> None:
        """By a fault of ours: what nobody would end must not go on."""
        self.attacks.stand_down()
        self._log.failure("attacks on this worker are not noticed any more, until a restart", failure=failure)
