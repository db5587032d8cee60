"""Shares of networks at a worker: it says how many of their sessions are here, of those that have many, and keeps within its parts.

Said some hundredths of a second after it has changed, all that has, once: a crowd costs few lines. Where the supervisor is silent,
it keeps what it had.
"""

from collections.abc import Sequence
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall

from twistedmx.policy.admission import Admission
from twistedmx.policy.shared_admission import Counted, SharedAdmission
from twistedmx.service.workers.channel import Channel
from twistedmx.service.workers.outbox import Outbox
from twistedmx.service.workers.share_words import Use, dealt_heard, flags_heard, list_heard, said_use, use_heard
from twistedmx.service.world import World

USED: Final = "shares-used"
DEALT: Final = "shares-dealt"
_SOON: Final = 0.02  # seconds
_PIECE: Final = 1000


class SharesHere(Service):
    """`processes`: how many workers there are."""

    def __init__(self, world: World, channel: Channel, processes: int) -> None:
        self._clock = world.reactor
        self.processes = processes
        # What is held is said as it is then: a line that waited behind another one would take back what was answered meanwhile.
        self._outbox = Outbox(channel, USED, piece=_PIECE, say=self._use_of, taken=self._heard)
        self._admission: SharedAdmission | None = None
        self._changed: set[Counted] = set()
        self._later: IDelayedCall | None = None

    def in_place_of(self, admission: Admission) -> SharedAdmission:
        """One with its settings, to which nobody has come yet."""
        self._admission = SharedAdmission(
            admission.settings, limit=admission.limit, processes=self.processes, changed=self._has_changed
        )
        return self._admission

    def hear_dealt(self, said: Any) -> list[int]:
        """From now on these parts hold. How much is held of each, at this moment. Raises ValueError."""
        dealt = [dealt_heard(one) for one in list_heard(said)]
        admission = self._admission
        return [0 if admission is None else admission.deal(one.key, one.part) for one in dealt]

    def stopService(self) -> None:
        """Say no more."""
        super().stopService()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _has_changed(self, key: Counted) -> None:
        self._changed.add(key)
        if self._later is None and self.running:
            self._later = self._clock.callLater(_SOON, self._say)

    def _say(self) -> None:
        self._later = None
        changed, self._changed = self._changed, set()
        for key in changed:
            self._outbox.put(key, key)

    def _heard(self, said: Sequence[Any], answer: Any) -> None:
        """Of whom nothing is known there, nothing more need be said until there are many."""
        if self._admission is not None:
            for one, is_known in zip(said, flags_heard(answer, len(said)), strict=True):
                if not is_known:
                    self._admission.forget(use_heard(one).key)

    def _use_of(self, key: Counted) -> list[Any]:
        held, missed = (0, 0) if self._admission is None else self._admission.take_use(key)
        return said_use(Use(key=key, held=held, missed=missed))
