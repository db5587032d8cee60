"""In which lane a session is read, how much at once, and what place it has: whether it counts, and may be asked to give it up."""

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol

from twistedmx.net.eager import EagerWriter
from twistedmx.net.readers import READ, READ_OF_CONTENT
from twistedmx.policy.admission import Place
from twistedmx.policy.receiver import Receiver
from twistedmx.policy.record import Record, Terms
from twistedmx.smtp.session import Session

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory


class InLane(Protocol):
    """The part of one connection that `net.readers` and `net.door` see. `may_go`: its client has only failed so far, in
    this session or lately: it may be asked to give its place up."""

    transport: Any  # ITCPTransport, or what stands for it in tests
    _session: Session  # these three from connectionMade on
    _receiver: Receiver
    _out: EagerWriter
    _terms: Terms  # on which it was let in

    def __init__(self, factory: "ServerFactory") -> None:
        self._factory = factory
        self._behind = False  # it was judged to belong into the back lane
        self._large = False  # what it sends is content: more is read at once
        self.may_go = False
        self._place: Place | None = None  # from when it begins

    def _fall_behind(self) -> None:
        """Nothing but errors so far: it is read after the others, unless its client has a good record, or speaks for many."""
        session = self._session
        if session.served or session.xclient:
            return
        self._behind = True
        self._count()
        if not self._receiver.proven:
            self._out.fall_behind()
            self._let_go()

    def _catch_up(self) -> None:
        """A recipient was accepted: it belongs in front for good."""
        self._behind = False
        self._out.catch_up()
        if self.may_go:
            self.may_go = False
            self._factory.door.admission.stays(self)

    def _count(self) -> None:
        """A recipient was accepted, or it has failed: from now on it counts among those who have a place."""
        if self._place is not None and self._place.unheard:
            self._place = self._factory.door.count(self._place)

    def _let_go(self) -> None:
        """Where others find no place, it is asked to give up its own before those who have not failed."""
        terms = self._terms
        if not terms.spared and terms.known.record is not Record.PROVEN:
            self.may_go = True
            self._factory.door.admission.has_failed(self, terms.known.record)

    def _read_content(self, large: bool) -> None:
        """So much is read at once, where it is us who say that (net.readers)."""
        self._large = large
        self.transport.most = READ_OF_CONTENT if large else READ
