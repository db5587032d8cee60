"""One look at the server before a drill: does it greet, take a real recipient, and refuse one that is none?"""

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twistedmx.drill.connecting import Connect
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.hosts import innocent
from twistedmx.drill.innocents import look
from twistedmx.drill.plan import Plan
from twistedmx.drill.script import Errand
from twistedmx.drill.sender import HOSTS
from twistedmx.drill.speaking import Ending, Speaker
from twistedmx.smtp.client import Answer

_PATIENCE: Final = 10.0  # seconds


def look_at(plan: Plan, connect: Connect, clock: IReactorTime) -> Deferred[None]:
    """Fires when all is as it should be; fails with CannotDrill."""
    looker = _Looker(plan)
    errand = Errand(
        host=innocent(HOSTS),
        siege=plan.siege,
        number=0,
        recipients=tuple(recipient.encode() for recipient in plan.recipients),
        unknown=plan.unknown.encode(),
    )
    speaker = Speaker(look(errand), looker, clock, patience=_PATIENCE)
    connect(errand.host.address, speaker).addErrback(looker.not_connected)
    return looker.done


class _Looker:
    def __init__(self, plan: Plan) -> None:
        self.done: Deferred[Any] = Deferred()
        self._place = f"{plan.host}:{plan.port}"

    def not_connected(self, failure: Failure) -> None:
        words = failure.getErrorMessage()
        self._fail(f"no connection: {words}; start the server, or name its port with --target")

    def heard(self, speaker: Speaker, said: bytes, answer: Answer) -> None:
        """The script knows what it wants to hear."""

    def ended(self, speaker: Speaker, ending: Ending, words: str, again: bool) -> None:
        if ending is Ending.LEFT:
            self.done.callback(None)
        elif ending is Ending.FAILED:
            self._fail(words)
        elif ending is Ending.TURNED_AWAY:
            hint = (
                "it is blocked there: twistedmx list 127.0.0.0/8, twistedmx unban"
                if words[:3] == "554"
                else "see its log"
            )
            self._fail(f"a sender is turned away: {words}; {hint}")
        else:
            hint = "is that a port where TLS or a PROXY header comes first? Name another one with --target"
            self._fail(f"{words or ending.value}; {hint}")

    def _fail(self, words: str) -> None:
        if not self.done.called:
            self.done.errback(CannotDrill(f"{self._place}: {words}"))
