"""The stream of facts: one teller, many subscribers, one way."""

from collections.abc import Callable, Iterable, Sequence

from twisted.logger import Logger

from twistedmx.model.event import Event, SubscriberDropped

Subscriber = Callable[[Event], None]


class Stream:
    """The port `Events`. A subscriber that raises is dropped and told about; the others and the mail go on.

    `dropped`: the names of those, since the subscribers were last replaced.

    Between `hold` and `release` events are kept, and then each subscriber hears all of them before the next one does: one that
    has just run runs fast (benchmarks, churn: a twelfth of a connection's cost).
    """

    _log = Logger()

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self._subscribers = tuple(subscribers)
        self.dropped: tuple[str, ...] = ()
        self._held: list[Event] | None = None

    def hold(self) -> None:
        """What is told from now on is heard at `release`."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Tell what was held, and what subscribers tell thereupon."""
        try:
            while self._held:
                events, self._held = self._held, []
                self._tell(events)
        finally:
            self._held = None

    def replace(self, subscribers: Iterable[Subscriber]) -> None:
        """From now on these are told, and no others. One that stays goes on where it is: a log changes, counters count on."""
        self._subscribers = tuple(subscribers)
        self.dropped = ()

    def tell(self, event: Event) -> None:
        if self._held is None:
            self._tell((event,))
        else:
            self._held.append(event)

    def _tell(self, events: Sequence[Event]) -> None:
        news: list[SubscriberDropped] = []
        for subscriber in self._subscribers:
            event = events[0]
            try:
                for event in events:
                    subscriber(event)
            except Exception as error:
                self._log.failure(
                    "a subscriber of events failed and hears no more: {subscriber}", subscriber=subscriber
                )
                name = getattr(subscriber, "__qualname__", type(subscriber).__qualname__)
                if self._drop(subscriber, name):
                    fault = f"{type(error).__name__}: {error}"
                    news.append(SubscriberDropped(at=event.at, subscriber=name, fault=fault))
        for dropped in news:  # when all have heard what it failed at
            self.tell(dropped)

    def _drop(self, subscriber: Subscriber, name: str) -> bool:
        """Whether it was there: it may have failed deeper down already, telling in its turn."""
        remaining = list(self._subscribers)
        if subscriber not in remaining:
            return False
        remaining.remove(subscriber)
        self._subscribers = tuple(remaining)
        self.dropped += (name,)
        return True
