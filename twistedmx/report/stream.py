"""The stream of facts: one teller, many subscribers, one way."""

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from twistedmx.model.event import Event

Subscriber = Callable[[Event], None]


class Stream:
    """The port `Events`. A subscriber that raises is dropped and reported; the others and the mail go on."""

    _log = Logger()

    def __init__(self, subscribers: Iterable[Subscriber]) -> None:
        self._subscribers = list(subscribers)

    def replace(self, subscribers: Iterable[Subscriber]) -> None:
        """From now on these are told, and no others."""
        self._subscribers = list(subscribers)

    def tell(self, event: Event) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:
                if subscriber in self._subscribers:  # it may have failed deeper down already, telling in its turn
                    self._subscribers.remove(subscriber)
                self._log.failure(
                    "a subscriber of events failed and hears no more: {subscriber}", subscriber=subscriber
                )
