"""The sieges that can be replayed: who comes, how many, how fast, and which innocents stand beside them.

The figures are those of the stories (docs/sieges.md), held down so that a machine of two cores which has both sides on it is
a fair place: some tenths of a core for the attackers, which leave the server as much again as it needs.
"""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from twistedmx.drill import attackers, innocents
from twistedmx.drill.script import Errand, Script, Visit


@attrs.frozen(kw_only=True)
class Habit:
    """One of those that send mail. `of_attacker`: it comes from the address of a mail server that takes part in the attack."""

    name: str
    script: Callable[[Errand], Script]
    of_attacker: bool = False


@attrs.frozen(kw_only=True)
class Siege:
    """`hosts`, `sessions` (at once), `rate` (new connections a second): unless the operator says otherwise. `per_host`: sessions
    that one may hold; `burst`: how many it opens when it comes. `pace`: seconds, between which a peer takes to answer: its
    network, and itself. `habits`: who sends mail beside, in turns.
    """

    number: int
    title: str
    hosts: int
    sessions: int
    rate: float
    per_host: int
    burst: tuple[int, int]
    pace: tuple[float, float]
    attacker: Callable[[Visit], Script]
    habits: tuple[Habit, ...]


_PLAIN: Final = Habit(name="message", script=innocents.plain)
_BOUNCE: Final = Habit(name="bounce", script=innocents.bounce)

SIEGES: Final[Mapping[int, Siege]] = {
    siege.number: siege
    for siege in (
        Siege(
            number=1,
            title="RSET dictionary",
            hosts=2000,
            sessions=400,
            rate=200.0,
            per_host=20,
            burst=(1, 20),
            pace=(0.02, 0.2),
            attacker=attackers.dictionary,
            habits=(
                _PLAIN,
                Habit(name="eudora", script=innocents.eudora),
                _PLAIN,
                Habit(name="newsletter", script=innocents.newsletter),
            ),
        ),
        Siege(
            number=2,
            title="bot posse",
            hosts=200,
            sessions=580,
            rate=200.0,
            per_host=20,
            burst=(1, 1),
            pace=(0.5, 2.0),
            attacker=attackers.bot,
            habits=(_PLAIN, _BOUNCE),
        ),
        Siege(
            number=3,
            title="backscatter flood",
            hosts=2000,
            sessions=400,
            rate=200.0,
            per_host=10,
            burst=(1, 3),
            pace=(0.02, 0.3),
            attacker=attackers.backscatter,
            habits=(
                _PLAIN,
                Habit(name="message of a bouncing server", script=innocents.plain, of_attacker=True),
                Habit(name="bounce", script=innocents.bounce, of_attacker=True),
            ),
        ),
    )
}
