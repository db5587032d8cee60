"""Recipients that were refused, as a transaction gathers them, and as several transactions are told together."""

from collections.abc import Iterable

from twistedmx.model.envelope import Refused
from twistedmx.model.verdict import Action, Reason, Verdict

# Recipients of a transaction that are remembered by name; the rest is counted. A peer cannot make us hold more.
_REMEMBERED = 100


class Refusals:
    """Those of one transaction. `count`: all of them. Guesses come by thousands, so that only their addresses are held, and each
    verdict once for a run of them."""

    __slots__ = ("_others", "_runs", "_verdict", "count")

    def __init__(self) -> None:
        self.count = 0
        self._verdict: Verdict | None = None  # of the last run
        self._runs: list[tuple[Verdict, list[bytes]]] = []
        self._others: dict[tuple[Action, Reason], int] | None = None

    def add(self, verdict: Verdict, address: bytes) -> None:
        """One more."""
        self.count += 1
        if self.count > _REMEMBERED:
            decided = (verdict.action, verdict.reason)
            if self._others is None:
                self._others = {}
            self._others[decided] = self._others.get(decided, 0) + 1
        elif verdict is self._verdict:
            self._runs[-1][1].append(address)
        else:
            self._verdict = verdict
            self._runs.append((verdict, [address]))

    def add_run(self, verdict: Verdict, addresses: list[bytes]) -> None:
        """One more for each of `addresses`, which this keeps."""
        if self.count + len(addresses) > _REMEMBERED:
            for address in addresses:
                self.add(verdict, address)
            return
        self.count += len(addresses)
        if verdict is self._verdict:
            self._runs[-1][1].extend(addresses)
        else:
            self._verdict = verdict
            self._runs.append((verdict, addresses))

    def add_another(self, addresses: list[bytes]) -> None:
        """What was refused as the last run was, in another transaction: that one's limit does not count."""
        self.count += len(addresses)
        self._runs[-1][1].extend(addresses)

    def add_unheard(self) -> None:
        """One more than the limit of recipients: it was not looked up (RFC 5321 4.5.3.1.10)."""
        self.count += 1


def refused(transactions: Iterable[Refusals]) -> Refused:
    """What was refused in all of them, as it stands."""
    count = 0
    runs: list[tuple[Verdict, list[bytes]]] = []
    others: dict[tuple[Action, Reason], int] = {}
    for refusals in transactions:
        count += refusals.count
        for verdict, addresses in refusals._runs:
            if runs and runs[-1][0] is verdict:
                runs[-1][1].extend(addresses)
            else:
                runs.append((verdict, list(addresses)))
        for decided, number in (refusals._others or {}).items():
            others[decided] = others.get(decided, 0) + number
    return Refused(
        count=count,
        runs=tuple((verdict, tuple(addresses)) for verdict, addresses in runs),
        others=tuple((*decided, number) for decided, number in others.items()),
    )
