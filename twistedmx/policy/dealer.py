"""One number dealt out to processes that hear of it late: what one loses another has when the first is known to keep to less.

    dealer.join(number)                     a process has begun,
    dealer.need(number, held=, wanted=)     what it says
    dealer.deal(whole)                      the parts, to be told where they are others; each telling has a number, `told(number)`
    dealer.kept(number, telling, held=)     it keeps to the part that it was told then, and holds so much at that moment;
                                            whether that made something free for who is short
    dealer.leave(number)                    it is no more, and holds nothing

A process takes nothing beyond its part, so all together never hold more than the whole, however late each hears; but for what they
held before, where the whole has become less. Of one that says nothing, the most that it may have is taken to be held.
"""

import attrs

from twistedmx.policy.dealing import Need, deal


@attrs.define
class _Share:
    """`most`: what it may hold by now, for all that is known. `told`: how often it was told a part; `kept_to`: the last of these
    that it is known to keep to."""

    part: int = 0
    most: int = 0
    held: int = 0
    wanted: int = 0
    told: int = 0
    kept_to: int = 0

    @property
    def reserved(self) -> int:
        """What nobody else may have."""
        return max(self.most, self.part)

    def settle(self) -> None:
        if self.kept_to == self.told:
            self.most = max(self.part, self.held)


class Dealer:
    """`is_short`: somebody is to have more than is free by now; to be dealt anew whenever that may have changed."""

    def __init__(self) -> None:
        self.is_short = False
        self._shares: dict[int, _Share] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._shares

    @property
    def held(self) -> int:
        """By all, as they said it."""
        return sum(share.held for share in self._shares.values())

    @property
    def wanted(self) -> int:
        """By all; lately."""
        return sum(share.wanted for share in self._shares.values())

    def join(self, number: int, *, part: int = 0) -> None:
        """`part`: that it has without having been told."""
        self._shares[number] = _Share(part=part, most=part)

    def leave(self, number: int) -> None:
        """What it had is free."""
        self._shares.pop(number, None)

    def need(self, number: int, *, held: int, wanted: int) -> None:
        """What it says that it holds, and how much more it would. Of one that is not here, nothing."""
        share = self._shares.get(number)
        if share is not None:
            share.held, share.wanted = held, wanted
            share.settle()

    def wants(self, number: int) -> int:
        """How much more it would hold, as it was told last."""
        share = self._shares.get(number)
        return 0 if share is None else share.wanted

    def fade(self) -> None:
        """What was wanted is half of it: to be called every second, where nobody says that he wants less."""
        for share in self._shares.values():
            share.wanted //= 2

    def part(self, number: int) -> int:
        """As it was dealt last."""
        share = self._shares.get(number)
        return 0 if share is None else share.part

    def told(self, number: int) -> int:
        """The telling of its part: another number for each other part."""
        share = self._shares.get(number)
        return 0 if share is None else share.told

    def kept(self, number: int, telling: int, *, held: int) -> bool:
        """From now on it keeps to what it was told by `telling`. Whether there is more to be dealt now, and somebody who is short.

        Else nothing is to be dealt: what is held may depend on what was told, as with numbers that are rounded, and who dealt
        after every answer would do nothing else.
        """
        share = self._shares.get(number)
        if share is None or telling > share.told:
            return False
        before = share.reserved
        share.kept_to = max(share.kept_to, telling)
        share.held = held
        share.settle()
        return self.is_short and share.reserved < before

    @property
    def is_settled(self) -> bool:
        """Everybody keeps to what he was told last, and nobody is to have more."""
        return not self.is_short and all(share.kept_to == share.told for share in self._shares.values())

    def deal(self, whole: int) -> dict[int, int]:
        """By its number, the part of each that has another one now."""
        needs = [Need(held=share.held, wanted=min(share.wanted, whole)) for share in self._shares.values()]
        return self._approach(whole, deal(whole, needs))

    def level(self, whole: int, of: int) -> dict[int, int]:
        """The same towards an even part for each, of `of` processes, of which some may not be here."""
        return self._approach(whole, [whole // of] * len(self._shares))

    def _approach(self, whole: int, parts: list[int]) -> dict[int, int]:
        """As near to `parts` as what is free allows."""
        free = max(whole - sum(share.reserved for share in self._shares.values()), 0)
        others: dict[int, int] = {}
        self.is_short = False
        for (number, share), part in zip(self._shares.items(), parts, strict=True):
            more = max(part - share.part, 0)
            # What it is known to hold beyond its part counts as its own.
            own = max(share.most - share.part, 0)
            given = min(more, free + own)
            self.is_short |= given < more
            part -= more - given
            free -= max(given - own, 0)
            if part != share.part:
                share.part = others[number] = part
                share.most = max(share.most, part)
                share.told += 1
        return others
