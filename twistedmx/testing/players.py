"""The players of a Dialogue. Each returns what was really said and what really happened, to be compared with the file.

play_session   the bare session and receiver: no transport
play_shell     the Twisted shell on a transport in memory
play_socket    the same over a real TCP connection, with a real handshake at T:, or under TLS from the beginning
"""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.model.peer import Peer, Tls
from twistedmx.net.server import ImplicitTls
from twistedmx.net.tls import ServerTls
from twistedmx.policy.asking import receiver_of
from twistedmx.policy.waiting import deferred_of
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Block, Need, Phase
from twistedmx.testing.dialogue import CLOSED, Act, Dialogue, Hear, Send, Step, masked
from twistedmx.testing.stage import CLIENT, CLIENT_OVER_LOOPBACK, Stage, Staged

_STARTTLS = "250-STARTTLS"
_PATIENCE = 20.0  # seconds, for a reply that never comes


@attrs.frozen(kw_only=True)
class Played:
    """What a client heard, line by line with CLOSED at the end if the server hung up, and what was told."""

    replies: list[str]
    events: list[str]


def expected(dialogue: Dialogue, *, secure: bool = False) -> Played:
    """What the file says. `secure`: under TLS from the beginning, where a handshake is told and STARTTLS not offered."""
    closed = any(isinstance(step, Hear) and step.closed for step in dialogue.steps)
    replies = [line for line in dialogue.replies if not (secure and line == _STARTTLS)]
    return Played(
        replies=[*replies, *([CLOSED] if closed else [])],
        events=[*(["E: tls"] if secure else []), *dialogue.events],
    )


def needs_shell(dialogue: Dialogue) -> bool:
    """Whether it speaks of time, of the end of the server, or of what comes before the greeting: the bare session knows none."""
    if dialogue.settings.balancer.proxy_from:
        return True
    return any(
        isinstance(step, Act) and (step.kind == "W" or step.words.startswith(("server s", "host is blocked")))
        for step in dialogue.steps
    )


def needs_plain(dialogue: Dialogue) -> bool:
    """Whether it begins in plain text by its nature: who is turned away at the door hears nothing under TLS."""
    if dialogue.settings.balancer.proxy_from or "host is blocked" in dialogue.before:
        return True
    return any(
        (isinstance(step, Act) and step.kind == "T") or (isinstance(step, Send) and b"STARTTLS" in step.octets.upper())
        for step in dialogue.steps
    )


def _begun(dialogue: Dialogue, stage: Stage) -> Sequence[Step]:
    """What is before it has happened; the steps that are left."""
    for words in dialogue.before:
        stage.act(words)
    return dialogue.steps[len(dialogue.before) :]


def _played(octets: bytes, closed: bool, stage: Stage) -> Played:
    text = masked(octets.decode("ascii")).replace(CLIENT_OVER_LOOPBACK, CLIENT)
    if text and not text.endswith("\r\n"):
        raise AssertionError(f"the last reply is cut: {text!r}")
    return Played(replies=[*text.split("\r\n")[:-1], *([CLOSED] if closed else [])], events=stage.told)


def _pieces(octets: bytes, *, whole: bool) -> Iterator[bytes]:
    if whole:
        yield octets
    else:
        for index in range(len(octets)):
            yield octets[index : index + 1]


def play_session(dialogue: Dialogue, *, whole: bool) -> Played:
    """Against the bare session and receiver: not for a dialogue that `needs_shell`."""
    stage = Stage(dialogue.settings)
    steps = _begun(dialogue, stage)
    peer = Peer(address=CLIENT, port=1024)
    session = stage.factory.session(peer, secure=False)
    receiver = receiver_of(stage.site, session, peer)
    out: list[bytes] = []
    last: list[Reply] = []
    gone = False

    def answered(answer: Reply) -> None:
        if not (last or gone):
            out.append(session.reply(answer))
            if answer.closes:
                last.append(answer)
                receiver.ended(answer)

    def turn() -> None:
        while not (last or gone):
            input_ = session.next_input()
            if isinstance(input_, Need):
                return
            if isinstance(input_, Block):
                receiver.take(input_)
                continue
            answer_with(receiver.answer(input_))

    def answer_with(answer: Reply | Deferred[Reply]) -> None:
        if isinstance(answer, Reply):
            answered(answer)
        else:
            deferred_of(answer).addCallback(answered)

    answer_with(receiver.greeting())
    for step in steps:
        match step:
            case Send(octets=octets):
                early = receiver.talks_early() if session.phase is Phase.CONNECTED else None
                if early is not None:
                    session.close()
                    out.append(early.octets)
                    last.append(early)
                    receiver.ended(early)
                for piece in _pieces(octets, whole=whole):
                    session.receive(piece)
                    turn()
            case Act(kind="T"):
                receiver.secured(Tls(protocol="TLSv1.3", cipher="TLS_FAKE"))
                session.secured()
            case Act(kind="A", words=words):
                stage.act(words)
                turn()
            case Act(kind="L") if not last:
                gone = True
                receiver.ended(None)
    if not (last or gone):
        receiver.ended(None)
    return _played(b"".join(out), bool(last), stage)


class _Transport(StringTransport):
    """In memory, and able to pretend a handshake. It has no half close: the shell closes at once."""

    protocol: Any = None

    def startTLS(self, context: object) -> None:
        """The client makes it go on at T:."""

    def getHandle(self) -> Any:
        """What a completed handshake is asked for."""
        return _Handshake()

    def loseConnection(self) -> None:
        if not self.disconnecting:
            super().loseConnection()

    def abortConnection(self) -> None:
        super().abortConnection()
        self.disconnecting = True


class _Handshake:
    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"

    def get_cipher_name(self) -> str:
        return "TLS_FAKE"


def play_shell(dialogue: Dialogue, *, whole: bool, build: Staged = Stage) -> Played:
    """Through the Twisted shell, on a transport in memory. `build`: makes the server."""
    stage = build(dialogue.settings)
    steps = _begun(dialogue, stage)
    transport = _Transport(peerAddress=IPv4Address("TCP", CLIENT, 1024))
    transport.protocol = stage.factory.buildProtocol(transport.getPeer())
    transport.protocol.makeConnection(transport)
    for step in steps:
        match step:
            case Send(octets=octets):
                for piece in _pieces(octets, whole=whole):
                    if not transport.disconnecting:
                        transport.protocol.dataReceived(piece)
                        stage.settle()
            case Act(kind="T"):
                transport.protocol.handshakeCompleted()
            case Act(kind="W", words=words):
                stage.wait(float(words))
            case Act(kind="A", words=words):
                stage.act(words)
            case Act(kind="L"):
                transport.protocol.connectionLost(connectionDone)
    closed = transport.disconnecting
    if stage.factory.connections:
        transport.protocol.connectionLost(connectionDone)
    stage.wheel.stop()
    return _played(transport.value(), closed, stage)


@implementer(IHandshakeListener)
class _Client(Protocol):
    """Keeps what it hears, and tells when enough has come."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.closed = False
        self._awaited: tuple[int, bool, Deferred[None]] | None = None
        self._handshake: Deferred[None] | None = None
        self.secured = False

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # else the kernel keeps small writes back for longer than a W: takes

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self._check()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        self._check()

    def handshakeCompleted(self) -> None:
        self.secured = True
        if self._handshake is not None:
            self._handshake.callback(None)

    def start_tls(self) -> Deferred[None]:
        self._handshake = Deferred()
        self.transport.startTLS(CertificateOptions())
        return self._handshake

    def hear(self, lines: int, closed: bool) -> Deferred[None]:
        """Fires when so many lines have come in all, or the connection is over."""
        done: Deferred[None] = Deferred()
        self._awaited = (lines, closed, done)
        self._check()
        return done

    def _check(self) -> None:
        if self._awaited is not None:
            lines, closed, done = self._awaited
            if self.closed or (not closed and self.heard.count(b"\r\n") >= lines):
                self._awaited = None
                done.callback(None)


class _Only(Factory):
    """Makes one client, already there."""

    noisy = False

    def __init__(self, client: _Client) -> None:
        self._client = client

    def buildProtocol(self, address: object) -> _Client:
        return self._client


async def _turns(reactor: Any, stage: Stage) -> None:
    """The reactor turns until what is on its way over loopback has arrived."""
    for _ in range(10):
        await deferLater(reactor, 0)
        stage.settle()


async def _left(reactor: Any, stage: Stage, client: _Client) -> None:
    """The client goes away, as one that has crashed: it will read no more answers. Both sides notice."""
    await _turns(reactor, stage)  # what is on its way to it still arrives
    if not client.closed:
        client.transport.abortConnection()
    while stage.factory.connections or not client.closed:
        await _turns(reactor, stage)


async def play_socket(
    dialogue: Dialogue, reactor: Any, tls: ServerTls | None, *, secure: bool = False, build: Staged = Stage
) -> Played:
    """Over a real connection on 127.0.0.1.

    `tls`: the server's. `secure`: TLS from the beginning, not for a dialogue that `needs_plain`. `build`: as in
    `play_shell`.
    """
    stage = build(dialogue.settings, tls, starttls=not secure)
    steps = _begun(dialogue, stage)
    gone = False
    factory = ImplicitTls(stage.factory) if secure else stage.factory
    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    client = _Client()
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    if secure:
        wrapped = TLSMemoryBIOFactory(CertificateOptions(), True, _Only(client))
        await endpoint.connect(wrapped)
        while not (client.secured or client.closed):
            await _turns(reactor, stage)
    else:
        await connectProtocol(endpoint, client)
    try:
        for step in steps:
            match step:
                case Send(octets=octets):
                    client.transport.write(octets)
                case Act(kind="T"):
                    await client.start_tls()
                case Act(kind="W", words=words):
                    await _turns(reactor, stage)
                    stage.wait(float(words))
                case Act(kind="A", words=words):
                    await _turns(reactor, stage)
                    stage.act(words)
                case Act(kind="L"):
                    gone = True
                    await _left(reactor, stage, client)
                case Hear(lines=lines, closed=closed):
                    lines -= dialogue.replies[:lines].count(_STARTTLS) if secure else 0
                    hearing = client.hear(lines, closed)
                    until = reactor.seconds() + _PATIENCE
                    while not hearing.called and reactor.seconds() < until:
                        await _turns(reactor, stage)
                    if not hearing.called:
                        raise AssertionError(f"{dialogue.name}: {lines} lines were to come: {client.heard!r}")
        closed_by_server = client.closed and not gone
        await _left(reactor, stage, client)
    finally:
        if not client.closed:
            client.transport.abortConnection()
        await port.stopListening()
        stage.wheel.stop()
    return _played(client.heard, closed_by_server, stage)
