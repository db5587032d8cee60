"""What of a receiver on a qmail host is about programs that are asked: waiting for them, and their words around ours."""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from twistedmx.qmail.at_once import at_once
from twistedmx.qmail.content import QmailContent
from twistedmx.qmail.speech import QmailSite
from twistedmx.qmail.spp import Answer as Plugged
from twistedmx.smtp.reply import Reply

Answer = Reply | Deferred[Reply]


class Asking(QmailContent):
    """Part of `receiver`."""

    __slots__ = ()

    def _plugged(self, answered: Plugged, said: Reply) -> Answer:
        """`said`, unless a plugin refuses."""
        if answered.reply is None:
            return self._around(answered, said)
        return self._error(self._house.said(answered.around(answered.reply)), None)

    def _around(self, answered: Plugged, said: Answer) -> Answer:
        """With what plugins have printed, in the words that the peer hears."""
        if not answered.printed or not isinstance(said, Reply):
            return said
        return answered.around(self._site.words.get(said, said) if isinstance(self._site, QmailSite) else said)

    def _when(self, judging: Coroutine[Any, Any, Any], then: Callable[..., Answer], *arguments: Any) -> Answer:
        """What `then` says of what `judging` finds: at once, where nobody is waited for."""
        found = at_once(judging)
        if not isinstance(found, Deferred):
            return then(found, *arguments)
        self._asking = found

        def judged(result: Any) -> Any:
            self._asking = None
            return then(result, *arguments)

        late: Deferred[Reply] = found.addCallback(judged)
        return late.addErrback(self._cancelled)
