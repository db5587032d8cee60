"""What backends are given of the world in these tests: a clock that stands, threads that are done at once, a list of events."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from twistedmx.mailbox.backend import Means
from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.model.event import Event

TEMPLATE = MaildirTemplate(text="/srv/made/{domain}/{local}")


class Told:
    """The port Events: a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        self.events.append(event)


@attrs.define
class Threads:
    """Threads that work when the test says so. `begun`: calls that wait."""

    begun: list[tuple[Callable[[], Any], Deferred[Any]]] = attrs.field(factory=list)

    def run(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        result: Deferred[Any] = Deferred()
        self.begun.append((lambda: call(*arguments), result))
        return result

    def work(self) -> None:
        """The first call that waits is done."""
        call, result = self.begun.pop(0)
        execute(call).chainDeferred(result)


def means(
    *,
    clock: Clock | None = None,
    now: Callable[[], float] = lambda: 1e9,
    run: Callable[..., Deferred[Any]] = execute,
    sensitive: Sequence[bytes] = (),
    template: MaildirTemplate = TEMPLATE,
) -> Means:
    """Means of a backend. `sensitive`: keys of domains in which case matters."""
    return Means(
        clock=Clock() if clock is None else clock,
        now=now,
        run_in_thread=run,
        events=Told(),
        template=template,
        case=CaseRules(sensitive=frozenset(sensitive)),
    )
