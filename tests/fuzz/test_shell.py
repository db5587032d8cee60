"""A whole server on fakes: any octets, in any packets, while the world around is late, slow, broken or gone."""

from collections import Counter

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.grammar import HELLO, exchanges, transactions
from tests.fuzz.grammar import octets as smtp
from twistedmx.model.event import NobodyAccepted, SessionEnded, SessionOpened, TransactionEnded
from twistedmx.model.storage import Failed
from twistedmx.net.balancer import BalancerSettings
from twistedmx.net.turns import Turns
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.settings import Settings
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Phase
from twistedmx.testing.stage import Stage

with attrs.validators.disabled():
    SETTINGS = Settings(
        host="mx.example.org",
        limits=LimitSettings(
            command_line=512,
            text_line=60,
            recipients=3,
            size=300,
            errors=(8,) * 3,
            idle_commands=(20,) * 3,
            messages=(8,) * 3,
        ),
        balancer=BalancerSettings(xclient_from=("192.0.2.7",)),
    )
CLOSING = tuple(words.octets for words in vars(codes).values() if isinstance(words, Reply) and words.closes)


class NoTable(Exception):
    """What a look-up raises when the test says so; it is logged, and that is right."""


class Transport(StringTransport):
    """In memory. A handshake is pretended when the test says so."""

    def startTLS(self, context: object) -> None:
        pass

    def getHandle(self) -> "Transport":
        return self

    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"

    def get_cipher_name(self) -> str:
        return "TLS_FAKE"


class Play:
    """One connection to a Stage, and what may happen to it. `least`: commands that are answered at once in any case; so few that
    hardly a packet is answered in one turn."""

    def __init__(
        self, *, starttls: bool, settings: Settings = SETTINGS, least: int = 2, passwords: bool = False
    ) -> None:
        with attrs.validators.disabled():  # as above, for the settings of some
            self.stage = Stage(settings, starttls=starttls)
            if passwords:
                self.stage.act("passwords are asked for")
        self.stage.factory.turns = Turns(self.stage.clock, budget=3 * least, most=least + 1, least=least)
        self.transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.7", 1024))
        self.shell = self.stage.factory.buildProtocol(None)
        self.lost = False
        self.heard = b""
        self.shell.makeConnection(self.transport)

    def act(self, action: str | bytes) -> None:
        stage, transport = self.stage, self.transport
        if self.lost and (isinstance(action, bytes) or action in ("stall", "read", "handshake", "lose")):
            return
        match action:
            case bytes():
                if not transport.disconnecting:
                    self.heard += action
                    self.shell.dataReceived(action)
            case "turn":
                stage.settle()
            case "look-ups are late":
                stage.mailboxes.late = True
            case "look-ups are quick":
                stage.mailboxes.late = False
            case "look-ups fail":
                stage.mailboxes.failure = None if stage.mailboxes.failure else NoTable()
            case "disk is slow":
                stage.acceptance.hold = True
            case "disk is quick":
                stage.acceptance.hold = False
            case "disk is behind":
                stage.acceptance.full = True
            case "disk is broken":
                stage.acceptance.refusal = None if stage.acceptance.refusal else Failed(detail="EIO")
            case "passwords are late":
                stage.act(action)
            case "answer":
                stage.mailboxes.answer_all()
                stage.passwords.answer_all()
            case "release":
                stage.acceptance.release()
            case "drain":
                stage.acceptance.drain()
            case "stall":
                if not transport.disconnecting:
                    self.shell.pauseProducing()
            case "read":
                if not transport.disconnecting:
                    self.shell.resumeProducing()
            case "handshake":
                if self.shell._session.phase is Phase.SECURING and not transport.disconnecting:
                    self.shell.handshakeCompleted()
            case "wait a little":
                stage.wait(1.0)
            case "wait":
                stage.wait(60.0)
            case "shut down":
                stage.factory.shut_down()
            case "stop":
                stage.factory.shut_down(5.0)
            case "handshakes":
                stage.handshakes.admitting = not stage.handshakes.admitting
            case "lose":
                self.lost = True
                self.shell.connectionLost(connectionDone)
            case _:
                raise AssertionError(action)

    def settle(self) -> None:
        """All that is late or slow comes to its end, and the peer reads what was written."""
        self.act("disk is quick")
        self.act("look-ups are quick")
        for _ in range(200):
            before = self.transport.value(), len(self.stage.events)
            for action in ("answer", "release", "drain", "read", "turn"):
                self.act(action)
            if before == (self.transport.value(), len(self.stage.events)):
                return
        raise AssertionError("the session never comes to rest")

    def replies(self) -> list[bytes]:
        """Final lines of replies."""
        lines = self.transport.value().split(b"\r\n")[:-1]
        return [line for line in lines if line[3:4] == b" "]


_packets = st.one_of(transactions(max_size=2), transactions(max_size=1), smtp(max_size=2), st.binary(max_size=8))


def cut_in_two(octets: bytes, at: int) -> list[bytes]:
    """Most trouble is between the halves of a packet."""
    at = at % (len(octets) + 1)
    return [octets[:at], octets[at:]]


_halves = st.builds(cut_in_two, transactions(max_size=2), st.integers(0, 200))
_gentle = st.sampled_from(
    [
        "look-ups are late",
        "look-ups are quick",
        "disk is slow",
        "disk is quick",
        "disk is behind",
        "answer",
        "release",
        "drain",
        "stall",
        "read",
        "turn",
        "wait a little",
    ]
)
_gently = st.lists(
    st.one_of(_packets.map(lambda octets: [octets]), _halves, _gentle.map(lambda action: [action])), max_size=12
)
_rough = st.sampled_from(
    ["look-ups fail", "disk is broken", b"STARTTLS\r\n", "handshake", "wait", "shut down", "lose", "stop", "handshakes"]
)


class TestShell(SynchronousTestCase):
    def check_books(self, play: Play) -> None:
        """What was begun has ended, once."""
        events = play.stage.events
        kinds = Counter(map(type, events))
        self.assertEqual((kinds[SessionOpened], kinds[SessionEnded]), (1, 1))
        replies = play.replies()
        begun = replies.count(codes.SENDER_OK.octets.rstrip())
        ended = [event.queue_id for event in events if isinstance(event, TransactionEnded)]
        fruitless = sum(event.transactions for event in events if isinstance(event, NobodyAccepted))
        self.assertEqual(len(ended) + fruitless, begun, play.transport.value())
        self.assertEqual(len(set(ended)), len(ended), "a transaction ended twice")
        for message in play.stage.acceptance.messages:
            self.assertIn(message.ending, ("commit", "abort"))
        for number, words in enumerate(replies[:-1]):
            self.assertNotIn(words + b"\r\n", CLOSING, f"{len(replies) - 1 - number} replies after the last words")
        self.assertEqual(play.stage.factory.connections, set())
        self.assertEqual(play.stage.handshakes.under_way, 0)
        self.flushLoggedErrors(NoTable)
        self.assertEqual(self.flushLoggedErrors(), [])

    @EXAMPLES
    @given(_gently)
    def test_late_answers_change_nothing_but_the_time(self, parts: list[list[str | bytes]]) -> None:
        """However late look-ups, disk and the peer's reading are: the same replies, in the same order, as without any delay."""
        actions = [HELLO, *(action for part in parts for action in part)]
        late, prompt = Play(starttls=False), Play(starttls=False)
        for action in actions:
            late.act(action)
        late.settle()
        for action in actions:
            if isinstance(action, bytes):
                prompt.act(action)
                prompt.act("turn")
        self.assertEqual(late.transport.value(), prompt.transport.value())
        self.assertEqual(late.transport.disconnecting, prompt.transport.disconnecting)
        commands = late.shell._session.commands
        texts = sum(reply.startswith(b"354") for reply in late.replies())
        unfinished = late.shell._session.phase in (Phase.DATA, Phase.CHUNK)
        self.assertEqual(len(late.replies()), 1 + commands + texts - unfinished)
        late.act("lose")
        late.settle()
        late.stage.wheel.stop()
        self.check_books(late)
        self.assertEqual(
            [message.content for message in late.stage.acceptance.messages if message.ending == "commit"],
            [message.content for message in prompt.stage.acceptance.messages if message.ending == "commit"],
        )

    @EXAMPLES
    @given(
        st.lists(_packets, min_size=1, max_size=4).map(b"".join), st.lists(st.integers(1, 60), min_size=1, max_size=9)
    )
    def test_the_cut_changes_nothing(self, octets: bytes, lengths: list[int]) -> None:
        """Packets of any length get the replies of one packet."""
        octets = HELLO + octets
        cut, prompt = Play(starttls=False), Play(starttls=False)
        prompt.act(octets)
        at = number = 0
        while at < len(octets):
            length = lengths[number % len(lengths)]
            cut.act(octets[at : at + length])
            at, number = at + length, number + 1
        cut.act("turn")
        prompt.act("turn")
        self.assertEqual(cut.transport.value(), prompt.transport.value())
        for play in (cut, prompt):
            play.act("lose")
            self.check_books(play)

    @EXAMPLES
    @given(st.lists(_gently | _rough.map(lambda action: [[action]]), max_size=5))
    def test_whatever_happens_the_books_are_right(self, acts: list[list[list[str | bytes]]]) -> None:
        """No exception; every message committed or aborted; one end for each MAIL that was taken, and one for the session."""
        play = Play(starttls=True)
        actions = [HELLO, *(action for parts in acts for part in parts for action in part)]
        for action in actions:
            play.act(action)
        play.act("lose")
        play.settle()
        play.stage.wait(1000.0)
        self.check_books(play)

    @EXAMPLES
    @given(
        st.lists(exchanges().map(lambda octets: [octets]) | _gentle.map(lambda action: [action]) | _halves, max_size=5),
        st.booleans(),
    )
    def test_authentication_whatever_happens(self, parts: list[list[str | bytes]], late: bool) -> None:
        """The books are right, and passwords are in none of them."""
        play = Play(starttls=True, passwords=True)
        if late:
            play.act("passwords are late")
        for part in parts:
            for action in (HELLO, *part):
                play.act(action)
        play.act("lose")
        play.settle()
        play.stage.wait(1000.0)
        self.check_books(play)
        self.assertNotIn("secret", repr(play.stage.events))
