"""What every backend of mailboxes is, beside the port, and what it is given of the world."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.ports import Events, Mailboxes


class Backend(Mailboxes, Protocol):
    """One source of mailboxes, for the domains that it serves. `name`: as the operator finds it in the settings.

    The postmaster without a domain, and the names that every domain must have (RFC 5321 4.5.1, RFC 2142) where it does not,
    are no matter of a backend: `MailboxesByDomain` answers for these.
    """

    name: str

    def domains(self) -> Sequence[bytes]:
        """Keys of the domains that it serves, the first one first; none while it cannot know."""

    def state(self) -> str:
        """How it is, in one line for the operator: what it holds, since when, what is wrong."""

    def close(self) -> None:
        """Give back what it holds open. Look-ups under way may fail; none comes after. Never waits, never raises."""


@attrs.frozen(kw_only=True)
class Means:
    """`clock`: timers and monotonic seconds. `now`: seconds since the epoch. `run_in_thread`: calls off the reactor's thread,
    as `twisted.internet.threads.deferToThread` does. `template`: where a mailbox has its Maildir when nothing else says so.
    """

    clock: IReactorTime
    now: Callable[[], float]
    run_in_thread: Callable[..., Deferred[Any]]
    events: Events
    template: MaildirTemplate
    case: CaseRules
