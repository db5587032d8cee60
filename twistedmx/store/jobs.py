"""What the database is asked to do, and how that ended."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import attrs
from twisted.internet.defer import Deferred

Row = tuple[str | int | float | bytes | None, ...]


@attrs.frozen(kw_only=True)
class Done:
    """It was done, and what was written survives a power cut."""


@attrs.frozen(kw_only=True)
class NotDone:
    """It was not done, and will not be. `detail`: for the operator alone."""

    detail: str


Outcome = Done | NotDone


@attrs.frozen(kw_only=True, eq=False)
class Write:
    """Execute `statement` for each of `rows`: for all, or for none. It must bear being done twice: a disk may err after it."""

    statement: str
    rows: Sequence[Row]
    done: "Deferred[Outcome]"


@attrs.frozen(kw_only=True, eq=False)
class Read:
    """Hand on what `statement` finds, piece by piece. `make`: of rows, in the thread. `take`: what was made, in the reactor's."""

    statement: str
    values: Row
    make: Callable[[Sequence[Any]], Any]
    take: Callable[[Any], None]
    done: "Deferred[Outcome]"


class Word(Enum):
    """What is queued beside jobs."""

    AGAIN = "try what failed again"
    STOP = "try it a last time, and end"


Job = Write | Read
Answers = Sequence[tuple[Job, Outcome]]
