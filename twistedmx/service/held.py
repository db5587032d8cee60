"""Events of what may come to nothing: told when it did not."""

from twistedmx.model.event import Event
from twistedmx.ports import Events


class Held:
    """The port `Events` for parts that are made before anybody may hear of them, perhaps in a thread."""

    def __init__(self) -> None:
        self._kept: list[Event] = []
        self._to: Events | None = None

    def tell(self, event: Event) -> None:
        """Keep it, or pass it on once it is known to whom."""
        if self._to is None:
            self._kept.append(event)
        else:
            self._to.tell(event)

    def release(self, to: Events) -> None:
        """Tell what was kept, and from now on everything, to `to`. In the reactor's thread, and no other is telling."""
        self._to = to
        kept, self._kept = self._kept, []
        for event in kept:
            to.tell(event)
