"""Shares of networks, counted over all workers: each has an even part of a network's, until one of them has half of his in use.

    even       no worker has many sessions of it: nothing is known of it here
    dealt      it follows what they hold and miss (`policy.dealer`), so that their sum is never above the share
    levelled   few are left: everybody comes back to an even part, and when all have it, it is forgotten

BUGS: of a network all of whose hosts are at one worker, the others keep a little for who may come there (`policy.dealing`). Where
the limit has just become less, a network may have more for as long as its sessions last.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.policy.admission import most_of_networks
from twistedmx.policy.dealer import Dealer
from twistedmx.policy.shared_admission import Counted
from twistedmx.service.looking import Looking
from twistedmx.service.workers.channel import Channel, ChannelLost
from twistedmx.service.workers.outbox import Outbox
from twistedmx.service.workers.rounds import Rounds
from twistedmx.service.workers.share_words import Dealt, Use, dealt_heard, held_heard, list_heard, said_dealt, use_heard
from twistedmx.service.workers.shares_here import DEALT
from twistedmx.service.world import World
from twistedmx.settings import Settings

_MOST: Final = 20_000  # networks; others keep their even parts
_PIECE: Final = 1000


class SharesAll(Looking):
    """Of the supervisor. `processes`: how many workers there are, of which some may not be here. `limit`: of strangers, by now."""

    _log = Logger()

    def __init__(self, settings: Settings, world: World, processes: int, limit: Callable[[], int]) -> None:
        super().__init__(world.reactor, goes_on=True)
        self._rounds = Rounds()
        self._settings = settings.governor
        self._processes = processes
        self._limit = limit
        self._networks: dict[Counted, Dealer] = {}
        self._outboxes: dict[int, Outbox] = {}
        self._dealt_of: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        """Networks that are not even."""
        return len(self._networks)

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self._settings = settings.governor

    # -- of workers --------------------------------------------------------------------------------------------------

    def joined(self, number: int, channel: Channel) -> None:
        """One has begun: before it takes anybody it hears its part of what is not even."""
        all_ = []
        for key, dealer in self._networks.items():
            dealer.join(number)
            others = self._dealt(key, dealer)
            others.pop(number, None)
            self._tell(key, dealer, others)
            all_.append(_said(key, dealer, number))
        self._outboxes[number] = Outbox(channel, DEALT, piece=_PIECE, taken=partial(self._answered, number))
        if all_:
            asked: Deferred[Any] = channel.ask(DEALT, all_)
            asked.addCallback(partial(self._answered, number, all_)).addErrback(self._not_answered)

    def left(self, number: int) -> None:
        """It is no more: the others have its parts."""
        self._outboxes.pop(number, None)
        for key, dealer in self._networks.items():
            dealer.leave(number)
            self._deal(key, dealer)

    def hear_used(self, number: int, said: Any) -> list[bool]:
        """What a worker has of networks. Of each, whether anything is known of it here. Raises ValueError."""
        uses = [use_heard(one) for one in list_heard(said)]
        for use in uses:
            self._hear_use(number, use)
        return [use.key in self._networks for use in uses]

    def _hear_use(self, number: int, use: Use) -> None:
        dealer = self._networks.get(use.key)
        if dealer is None:
            if number not in self._outboxes or len(self._networks) >= _MOST or self._is_little(use):
                return
            dealer = self._networks[use.key] = self._even_one(use.key)
        dealer.need(number, held=use.held, wanted=max(dealer.wants(number), use.missed))
        if use.missed or dealer.is_short or use.held * 2 >= dealer.part(number):
            self._deal(use.key, dealer)

    def _is_little(self, use: Use) -> bool:
        """So little that an even part will do."""
        return not use.missed and use.held * 2 < self._whole(use.key) // self._processes

    def _even_one(self, key: Counted) -> Dealer:
        dealer, part = Dealer(), self._whole(key) // self._processes
        for number in self._outboxes:
            dealer.join(number, part=part)
        return dealer

    # -- deal --------------------------------------------------------------------------------------------------------

    def _whole(self, key: Counted) -> int:
        return most_of_networks(self._settings, self._limit())[key.is_wide]

    def _dealt(self, key: Counted, dealer: Dealer) -> dict[int, int]:
        whole = self._whole(key)
        few = not dealer.wanted and dealer.held * 2 <= whole // self._processes
        return dealer.level(whole, self._processes) if few else dealer.deal(whole)

    def _deal(self, key: Counted, dealer: Dealer) -> None:
        self._tell(key, dealer, self._dealt(key, dealer))

    def _tell(self, key: Counted, dealer: Dealer, others: Mapping[int, int]) -> None:
        for number in others:
            outbox = self._outboxes.get(number)
            if outbox is not None:
                outbox.put(key, _said(key, dealer, number))

    def _answered(self, number: int, said: Sequence[Any], answer: Any) -> None:
        """It keeps to what it was told, and holds so much by then."""
        for one, held in zip(map(dealt_heard, said), held_heard(answer, len(said)), strict=True):
            dealer = self._networks.get(one.key)
            if dealer is not None and one.part is not None:
                is_freed = dealer.kept(number, one.telling, held=held)
                if is_freed and self._rounds.another():
                    self._deal(one.key, dealer)

    def _not_answered(self, failure: Failure) -> None:
        if not isinstance(failure.value, ChannelLost):
            self._log.failure("a worker was told its parts of networks' shares, and did not take them", failure)

    def _look(self) -> None:
        self._rounds.begin()
        dealt_of = most_of_networks(self._settings, self._limit())
        has_moved, self._dealt_of = dealt_of != self._dealt_of, dealt_of
        for key, dealer in list(self._networks.items()):
            dealer.fade()
            whole = dealt_of[key.is_wide]
            if has_moved or dealer.is_short or dealer.held * 2 <= whole // self._processes:
                self._deal(key, dealer)
            if self._is_even(dealer, whole // self._processes):
                del self._networks[key]
                for outbox in self._outboxes.values():
                    outbox.put(key, said_dealt(Dealt(key=key, part=None, telling=0)))

    def _is_even(self, dealer: Dealer, part: int) -> bool:
        return (
            dealer.is_settled
            and not dealer.wanted
            and dealer.held * 2 <= part
            and all(dealer.part(number) == part for number in self._outboxes)
        )

    def _failed(self, failure: Failure) -> None:
        self._log.failure("shares of networks could not be dealt out", failure=failure)


def _said(key: Counted, dealer: Dealer, number: int) -> list[Any]:
    return said_dealt(Dealt(key=key, part=dealer.part(number), telling=dealer.told(number)))
