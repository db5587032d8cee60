"""What is set for a while, of all workers and of their supervisor: the command `set` (service.adjusting)."""

from typing import TYPE_CHECKING, Any

from twistedmx.model.event import SettingsReloaded
from twistedmx.service.adjusting import SOURCE
from twistedmx.service.workers.post import Post
from twistedmx.settings import Settings

if TYPE_CHECKING:
    from twistedmx.service.workers.supervisor import Supervisor


class OfAll:
    """Of one server; `settings`: those that hold. What was set is told to whoever begins later, until a reload takes it back."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._set: dict[str, Any] = {}
        self.settings = self.written = supervisor.settings

    def reloaded(self, settings: Settings) -> None:
        """What is written holds again; workers know that by themselves."""
        self._set.clear()
        self.settings = self.written = settings

    def hold(self, settings: Settings, key: str, value: Any) -> None:
        """As `Adjustable` has it. The sockets are the workers' too: the length of their queue is set by them."""
        self._set[key] = value
        self.settings = settings
        self._supervisor.side.configure(settings)
        self._say(key, None)

    def tell(self, key: str) -> None:
        """As `Adjustable` has it: once, for all."""
        now = self._supervisor.now()
        self._supervisor.events.tell(SettingsReloaded(at=now, source=SOURCE, changed=(key,)))

    def catch_up(self, post: Post) -> None:
        """Its worker has begun with what is written."""
        for key in self._set:
            self._say(key, [post])

    def _say(self, key: str, of: list[Post] | None) -> None:
        told = {"command": "set", "arguments": {"key": key, "value": self._set[key], "told": True}}
        self._supervisor.crew.ask("command", told, of=of)
