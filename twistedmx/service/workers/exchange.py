"""Other settings for all workers: each makes ready, then all take them up; where one cannot, nobody does."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet import defer

from twistedmx.service.faults import Faults
from twistedmx.service.reloading import cannot_change
from twistedmx.service.source import Source
from twistedmx.service.workers.crew import Crew
from twistedmx.service.workers.post import Post
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.difference import beyond_reload, changed

# Beside what no server can: the sockets of a group are made by who we were.
_FIXED: Final = ("listen", "listen_tls")


class Exchange:
    """`octets`: the file of the settings that hold, as workers are told of it; `settings`: what it comes to. `heed`: is told of
    others. A worker that began with those before is made to follow, or is followed."""

    def __init__(
        self,
        source: Source,
        octets: bytes,
        settings: Settings,
        crew: Callable[[], Crew],
        heed: Callable[[Settings], None],
    ) -> None:
        self.octets = text_of(octets)
        self.settings = settings
        self._source, self._crew, self._heed = source, crew, heed

    @defer.inlineCallbacks
    def at_once(self) -> Any:
        """Fires with the keys that changed. Fails with Faults, and then nothing has changed."""
        crew, before = self._crew(), self.settings
        try:
            octets = self._source.octets()
            after = self._source.settings(octets)
        except BadSettings as error:
            raise Faults(error.faults) from None
        fixed = beyond_reload(before, after)
        fixed += [key for key in changed(before, after) if key in _FIXED]
        if fixed:
            raise cannot_change(fixed)
        answers = yield crew.ask("prepare", text_of(octets), within=None)
        refused = [answer.refused for answer in answers if answer.refused is not None]
        if refused or not answers:
            crew.tell("drop")
            lines = [line for words in refused for line in words.splitlines()]
            raise Faults(list(dict.fromkeys(lines)) or ["no worker serves just now: try again in a moment"])
        self.octets, self.settings = text_of(octets), after
        self._heed(after)
        taken = yield crew.ask("take", of=[crew.posts[answer.number] for answer in answers], within=None)
        for answer in taken:
            if answer.refused is not None:  # it was started meanwhile, or has failed
                crew.posts[answer.number].kill()
        return changed(before, after)

    @defer.inlineCallbacks
    def catch_up(self, post: Post) -> Any:
        """Its worker serves: by the settings that hold, or soon."""
        if post.begun_with["octets"] == self.octets:
            return
        for kind, value in (("prepare", self.octets), ("take", None)):
            (answer,) = (yield self._crew().ask(kind, value, of=[post], within=None)) or (None,)
            if answer is None or answer.refused is not None:
                post.kill()
                return


def text_of(octets: bytes) -> str:
    """As JSON can say them, whatever they are."""
    return octets.decode("utf-8", "surrogateescape")
