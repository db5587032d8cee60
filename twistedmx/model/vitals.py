"""How the machine is, and how we are, at one moment: what a limit that follows the load is judged by."""

from typing import Any

import attrs
from attrs.validators import and_, ge, le, optional

_POSITIVE = optional(ge(0))
_SHARE = optional(and_(ge(0), le(1)))


def _vital(validator: Any) -> Any:
    return attrs.field(default=None, validator=validator)


@attrs.frozen(kw_only=True)
class Vitals:
    """None, wherever it stands: could not be read, and is left out of the judgement.

    `load`: tasks that run, wait for a CPU or wait uninterruptibly (for a disk) at present, for each CPU of the machine.
    `runnable`: tasks that run or wait for a CPU without ourselves, for each CPU: the mean of a few samples, quick and rough.
    `lag`: seconds that the event loop is late. `free_memory`: share of the memory that is available, where it is scarcest: of the
    machine, or of what our cgroup or one above it may have. `throttled`: share of the time since the last reading in which a quota
    of CPU time held us back; None without a quota as well, for then nothing is to be judged. `free_descriptors`: that the process
    may open still.
    """

    load: float | None = _vital(_POSITIVE)
    runnable: float | None = _vital(_POSITIVE)
    lag: float | None = _vital(_POSITIVE)
    free_memory: float | None = _vital(_SHARE)
    throttled: float | None = _vital(_SHARE)
    free_descriptors: int | None = _vital(_POSITIVE)
