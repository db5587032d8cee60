"""What a policy is given of the world."""

from collections.abc import Callable
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twistedmx.ports import Mailboxes


@attrs.frozen(kw_only=True)
class Means:
    """`host`: our name. `clock`: timers and monotonic seconds. `now`: seconds since the epoch. `chance`: never for secrets.

    `mailboxes`: who is here. `is_ours`: has this machine the address (text)? `run_in_thread`: calls off the reactor's thread, as
    `twisted.internet.threads.deferToThread` does.
    """

    host: str
    clock: IReactorTime
    now: Callable[[], float]
    chance: Random
    mailboxes: Mailboxes
    is_ours: Callable[[str], bool]
    run_in_thread: Callable[..., Deferred[Any]]
