"""What a receiver knows of its session whatever is said: who is there, how he behaves, and how an error is answered."""

from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from twistedmx.model.peer import Peer
from twistedmx.policy.account import Account
from twistedmx.policy.conduct import Conduct, LastWords
from twistedmx.policy.posture import Posture
from twistedmx.policy.site import Site
from twistedmx.smtp.reply import Reply, with_id
from twistedmx.smtp.session import Session

_CALM: Final = Posture.CALM


class Attending:
    """`session`: whose counts are told, and who has the limits of the posture towards its client."""

    __slots__ = (
        "_account",
        "_asking",
        "_conduct",
        "_ending",
        "_hardest",
        "_held",
        "_proven",
        "_session",
        "_signed",
        "_site",
    )

    def __init__(self, site: Site, session: Session, peer: Peer) -> None:
        self._site = site
        self._session = session
        self._account = Account(site.ports, site.untold, peer)
        self._conduct: Conduct | None = None
        self._ending: LastWords | None = None  # what conduct, a policy or the blocklist has said
        self._hardest = _CALM  # posture towards this client
        self._held = _CALM  # the one whose limits the session has
        self._proven: bool | None = None  # once it was asked
        self._asking: Deferred[Any] | None = None  # what is waited for: a look-up, a delay
        # The refusal that was said last, without the session's id and with it.
        self._signed: tuple[Reply, Reply] | None = None

    @property
    def id(self) -> str:
        """The session's name."""
        return self._account.id

    @property
    def peer(self) -> Peer:
        """Who is there, as far as it is known by now."""
        return self._account.peer

    @property
    def seconds(self) -> float:
        """How long the session has been there."""
        return self._account.seconds

    @property
    def transactions(self) -> int:
        """MAILs that were accepted."""
        return self._account.transactions

    def _with_id(self, words: Reply) -> Reply:
        """A refusal as the peer hears it: who reads it there can ask here, `twistedmx why ID`. Of the words that were said last it
        is the same object again."""
        signed = self._signed
        if signed is None or signed[0] is not words:
            self._signed = signed = words, with_id(words, self._account.id)
        return signed[1]

    def _error(self, words: Reply, last: LastWords | None) -> Reply | Deferred[Reply]:
        """`words`, as late as conduct has it; or its last ones."""
        if last is not None:
            return self._hang_up(last) or words
        conduct = self._site.conduct
        seconds = self._behaviour().delay(self._posture()) if conduct.delay else 0.0
        return self._later(words, seconds, most=conduct.delayed) if seconds else words

    def _later(self, words: Reply, seconds: float, *, most: int | None) -> Reply | Deferred[Reply]:
        """`most`: as in `Tarpit.hold`."""
        held = self._site.tarpit.hold(words, seconds, most)
        if isinstance(held, Reply):
            return held
        self._asking = held
        return held.addCallback(self._let_go, held).addErrback(self._cancelled)

    def _let_go(self, words: Reply, held: Deferred[Reply]) -> Reply:
        if self._asking is held:
            self._asking = None
        return words

    def _hang_up(self, last: LastWords | None) -> Reply | None:
        if last is None:
            return None
        self._ending = last
        return last.reply

    def _behaviour(self) -> Conduct:
        """Made when something is done: ten thousand idle sessions need none."""
        if self._conduct is None:
            account = self._account
            self._conduct = Conduct(self._site.conduct, self._site.ports.clock, account.id, account.tell_shadow)
        return self._conduct

    def _posture(self) -> Posture:
        """Towards this client, whatever it asks for: as hard as it was when it asked for a domain under attack."""
        alertness = self._site.alertness
        if not (alertness.under_load or alertness.attacks.any or alertness.attacks.any_flooded) or self._is_proven():
            return _CALM  # as is_calm has it, without a call: a flood asks twice for each packet (benchmarks, reject)
        return self._hardest or alertness.posture_to_stranger(None)

    def _hold(self, posture: Posture) -> None:
        """The session has its limits from now on: from the next command, for this one was let in by the old ones."""
        self._held = posture
        self._session.limits = self._site.session_limits[posture]

    def _posture_held(self) -> Posture:
        """As `_posture`, and the session has its limits."""
        posture = self._posture()
        if posture is not self._held:
            self._hold(posture)
        return posture

    def _posture_for(self, domain: bytes) -> Posture:
        """Towards this client, who asks for `domain`; b"": for one that is not ours. The session has its limits."""
        if self._is_proven():
            return _CALM
        posture = self._site.alertness.posture_to_stranger(domain.lower())
        if posture > self._hardest:
            self._hardest = posture
            self._hold(posture)
        return posture

    @property
    def proven(self) -> bool:
        """Whether the client has a good record."""
        return self._is_proven()

    def _is_proven(self) -> bool:
        """Whether the client has a good record; as it was when the session asked first."""
        if self._proven is None:
            self._proven = self._site.alertness.proven(self._account.peer.address)
        return self._proven

    def _cancelled(self, failure: Failure) -> Deferred[Reply]:
        """The session ended meanwhile, or other words came in the place of these: nobody is to hear of it, and `ended` is not to
        cancel it once more."""
        failure.trap(CancelledError)
        self._asking = None
        return Deferred()
