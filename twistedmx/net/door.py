"""Who is let in: what meets a connection once it is known who its client is.

    blocked                                      `TurnedAway`: a line or none (`policy.blocklist`)
    its shares are used up                       `TurnedAway`: 421
    no place, or hung up on lately, or too often `Waiting`, in the anteroom; 421 where there is no room either, or nobody is to wait
    else                                         `Shell`: a session

Who is new is let in beyond the limit, to be heard out (`policy.admission`).

Whoever speaks for many (XCLIENT), or comes by a Unix socket, is as of good record and has no shares. Whoever is never blocked has
none either, and nothing that he did is held against him; places are everybody's.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from twistedmx.model.block import Block
from twistedmx.model.peer import Peer
from twistedmx.net.anteroom import Anteroom
from twistedmx.net.doorstep import Doorstep
from twistedmx.net.shell import Shell
from twistedmx.net.turned_away import TurnedAway
from twistedmx.net.waiting import Waiting
from twistedmx.policy import record
from twistedmx.policy.admission import Admission, Full, Place
from twistedmx.policy.blocklist import LOOPBACK, Blocklist
from twistedmx.policy.comings import Comings
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.host_key import host_key
from twistedmx.policy.record import Known, Record, Terms
from twistedmx.policy.returns import Returns
from twistedmx.smtp.reply import reply

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

Met = Shell | Waiting | TurnedAway
# Of the descriptors, left for files that are written, look-ups, and connections that are closed but not gone.
_RESERVE: Final = 8
_MOST_RESERVE: Final = 1000
_OURS: Final = Terms(record.PROVEN, shared=False, spared=True)
# Made once: each session holds its own (benchmarks, idle).
_FAMILIAR: Final = (record.RETURNED, *record.FAMILIAR)
_ALL: Final = (record.PROVEN, *_FAMILIAR, record.NOTHING_KNOWN, *record.STRANGERS, record.FAILED, record.HUNG_UP)
_SHARED: Final = {known: Terms(known) for known in _ALL}
_SPARED: Final = {known: Terms(known, shared=False, spared=True) for known in _ALL}
_OF_LOOPBACK: Final = {known: Terms(known, shared=False) for known in _ALL}
_TOO_OFTEN: Final = Terms(record.HUNG_UP)


class Door:
    """Of one server. `descriptors`: that the process may have. `turned_away`: connections of blocked hosts, since the start, of
    which some wait at the `doorstep`, in a fourth of the descriptors at most; as many in the `anteroom`. `admission`: who is in.
    `accept`: called with False where nobody more is to be accepted, and with True when that is over."""

    _log = Logger()

    def __init__(self, factory: "ServerFactory", settings: GovernorSettings, descriptors: int) -> None:
        clock = factory.site.ports.clock
        self._factory = factory
        self._descriptors = descriptors - min(descriptors // _RESERVE, _MOST_RESERVE)
        self._spare = (descriptors - self._descriptors) // 2  # for those who linger when they were displaced
        self._places = descriptors // 4
        self.admission = Admission(settings, limit=settings.start)
        self.doorstep = Doorstep(clock, self._places)
        self.anteroom = Anteroom(clock, self._places, partial(self.make_place, waits=True), self._accept_again)
        self.accept: Callable[[bool], None] = lambda on: None
        self._accepts = True
        self._clock = clock
        self._closed = False
        self._shedding: IDelayedCall | None = None
        self._to_shed = 0
        self._comings = Comings()
        self._returns = Returns()
        self._told = False  # to come again, anybody: until then it is no look-up for each who comes (benchmarks, churn)
        self._seconds = clock.seconds
        self.turned_away = 0
        self.configure(settings)

    def configure(self, settings: GovernorSettings) -> None:
        """For who comes from now on."""
        self.admission.settings = settings
        self.keep(settings.kept)
        self._words = {full: reply(421, "4.3.2", settings.words) for full in Full}
        for full in (Full.HOST, Full.NETWORK):
            self._words[full] = reply(421, "4.7.0", settings.share_words)

    def keep(self, descriptors: int) -> None:
        """So many are left alone by strangers, or a fourth of all: as the settings have it, or a part of that where several
        processes serve."""
        self._kept = min(descriptors, self._descriptors // 4)

    @property
    def patience(self) -> float:
        """Seconds that one waits at most."""
        return self.admission.settings.patience

    @property
    def left(self) -> int:
        """Descriptors for connections, beside those that are kept for hosts of good record. May be below 0."""
        return self._descriptors - self._kept - len(self._factory.connections) - len(self.doorstep)

    # -- who comes ---------------------------------------------------------------------------------------------------

    def meet(self, peer: Peer, *, secure: bool, has_waited: Waiting | None = None) -> Met:
        """What meets `peer`, which is known to be the client. `has_waited`: in the anteroom, and has a
        place."""
        blocklist = self._factory.site.blocklist
        block = blocklist.find(peer.address) if blocklist is not None else None
        if blocklist is not None and block is not None:
            return self._turn_away(blocklist, block, peer, secure=secure)
        if has_waited is not None:
            return self._let_in(peer, has_waited.terms, secure=secure)
        terms = self._terms(peer)
        known = terms.known
        if terms.shared:
            host = host_key(peer.address)
            full = self.admission.share_used_up(host, known, self._factory.connections.number_of(host))
            if full is not None:
                return self.refuse(full, secure=secure)
        has_room = self.anteroom.has_room and self.left > 0
        if known.record is Record.HUNG_UP:
            if has_room:
                return Waiting(self._factory, peer, terms, secure=secure)
            return self.refuse(Full.STRANGERS, secure=secure)  # else who comes in a crowd would not wait
        has_turn = not (has_room and self._may_wait and self.anteroom.goes_before(known.record))
        if has_turn and self.make_place(known):
            return self._let_in(peer, terms, secure=secure)
        return self._without_place(peer, terms, secure=secure)

    @property
    def _may_wait(self) -> bool:
        """Whether anybody may who finds no place."""
        settings = self.admission.settings
        return settings.over != "refuse" and settings.patience > 0

    def _let_in(self, peer: Peer, terms: Terms, *, secure: bool) -> Shell:
        if self._told and not terms.known.mail:
            self._returns.spend(host_key(peer.address))
        return Shell(self._factory, secure=secure, peer=peer, terms=terms)

    def _terms(self, peer: Peer) -> Terms:
        """Of a client, once each time that it comes. Who comes too often, without any mail that is known, is as one that was hung
        up on."""
        site = self._factory.site
        host = host_key(peer.address)
        if not host or (site.xclient_from and peer.among(site.xclient_from)):
            return _OURS
        known = site.alertness.known(peer.address)
        if known.record is Record.PROVEN:
            return _SHARED[known]
        never = site.blocklist.never.find(peer.address) if site.blocklist is not None else None
        if never is not None and never.source != LOOPBACK:
            return _SPARED[self._perhaps_again(host, record.NOTHING_KNOWN if known.record > Record.STRANGER else known)]
        if never is not None:  # whoever comes from loopback is judged by what he does there, as drills want it
            known = record.NOTHING_KNOWN if known.record is Record.HUNG_UP else known
            return _OF_LOOPBACK[self._perhaps_again(host, known)]
        often = self.admission.settings.comings
        if often and not known.mail and self._comings.count(host, self._seconds()) > often:
            return _TOO_OFTEN
        return _SHARED[self._perhaps_again(host, known)]

    def _perhaps_again(self, host: bytes, known: Known) -> Known:
        """What is known of a host, if that it was told to come again and does is more than nothing. Its first connection does."""
        after = self.admission.settings.comes_again
        if known is not record.NOTHING_KNOWN or not (after and self._told) or self._factory.connections.number_of(host):
            return known
        return record.RETURNED if self._returns.comes(host, self._seconds(), after) else known

    def make_place(self, known: Known, *, waits: bool = False) -> bool:
        """Whether there is one, or somebody of worse record has given up his. `waits`: it has a descriptor already."""
        full = self._full(known, waits=waits)
        if full is None:
            return True
        if full is Full.DESCRIPTORS and self._none_to_lend(known):
            return False
        worse = self.admission.worse_than(known.record)
        if worse is None:
            return False
        self.displace(worse)
        return True

    def _full(self, known: Known, *, waits: bool = False) -> Full | None:
        least = -self._kept if known.record is Record.PROVEN else 0
        if self.left + waits <= least:
            return Full.DESCRIPTORS
        return self.admission.no_place(known)

    def _none_to_lend(self, known: Known) -> bool:
        """Whether no descriptor is left for who comes while the one that he is given is not free yet: who goes for him has it for
        some seconds more. Those that are kept are lent to hosts of good record alone."""
        return self.left <= -(self._spare + (self._kept if known.record is Record.PROVEN else 0))

    def _without_place(self, peer: Peer, terms: Terms, *, secure: bool) -> Waiting | TurnedAway:
        admission, anteroom, known = self.admission, self.anteroom, terms.known
        full = self._full(known) or Full.STRANGERS
        admission.missed()
        if not self._may_wait:
            return self.send_away(peer, known, full, secure=secure)
        if full is Full.DESCRIPTORS or not anteroom.has_room:
            other = anteroom.gives_way_to(known.record)
            if other is None or self._none_to_lend(known):
                return self.send_away(peer, known, full, secure=secure)
            other.give_up()
        if admission.settings.over == "queue" and self._accepts:
            self._accepts = False
            self.accept(False)
        return Waiting(self._factory, peer, terms, secure=secure, full=full)

    def send_away(self, peer: Peer, known: Known, full: Full, *, secure: bool) -> TurnedAway:
        """Who finds no place is told to come again, and remembered if he has done nothing wrong."""
        if known is record.NOTHING_KNOWN or known is record.RETURNED:
            self._told = True
            self._returns.tell(host_key(peer.address), self._seconds())
        return self.refuse(full, secure=secure)

    def refuse(self, full: Full, *, secure: bool) -> TurnedAway:
        """Who is not let in is told so. Where TLS comes first, words in plain text would be none."""
        self.admission.refused[full] += 1
        return TurnedAway(None if secure else self._words[full], self.doorstep, 0, 0)

    def _turn_away(self, blocklist: Blocklist, block: Block, peer: Peer, *, secure: bool) -> TurnedAway:
        """`block` is about `peer`."""
        self.turned_away += 1
        words = None if secure else blocklist.refusal(block, peer.address)
        return TurnedAway(words, self.doorstep, blocklist.hold, blocklist.held)

    # -- who is in ---------------------------------------------------------------------------------------------------

    def displace(self, session: Shell) -> None:
        """It gives its place up, and hears why."""
        self.admission.stays(session)
        self.admission.displaced += 1
        try:
            session.displace(self._words[Full.STRANGERS])
        except Exception:
            self._log.failure("a session failed when it was displaced")

    def hear_out(self, most: int, more: int) -> None:
        """As `Admission.hear_out`; a fourth of the descriptors at most, and nobody more where no more than that are left: those are
        for who waits, and for who was displaced and has not gone yet."""
        self.admission.hear_out(min(most, self._places), more if self.left > self._places else 0)

    def count(self, place: Place) -> Place:
        """A session has had a recipient accepted, or has failed, and counts from now on: where there are too many then, one that
        has failed goes, as soon as this one has answered. The place that it has now."""
        place = self.admission.count(place)
        if self.admission.over and not self._closed:
            self._to_shed += 1
            if self._shedding is None:
                self._shedding = self._clock.callLater(0, self._shed_later)
        return place

    def _shed_later(self) -> None:
        self._shedding = None
        self.shed_counted()

    def shed_counted(self) -> None:
        """As many go as were too many when they were counted."""
        most, self._to_shed = self._to_shed, 0
        self.shed(most)

    def shed(self, most: int) -> None:
        """Where strangers are more than the limit, by now: those of worst record go, `most` at a time."""
        for _ in range(0 if self._closed else min(self.admission.over, most)):
            worst = self.admission.worse_than(Record.STRANGER)
            if worst is None:
                return
            self.displace(worst)

    # -- when the server stops ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Nobody waits any more, and nobody goes for others."""
        self._closed = True
        if self._shedding is not None:
            self._shedding.cancel()
            self._shedding = None
        self.doorstep.let_all_go()
        self.anteroom.close()

    def _accept_again(self) -> None:
        if not self._accepts:
            self._accepts = True
            self.accept(True)
