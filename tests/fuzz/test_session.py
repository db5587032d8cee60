"""Any octets, in any cut, to the bare session."""

from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import at_random, one_by_one, whole
from tests.fuzz.grammar import HELLO, exchanges
from tests.fuzz.grammar import octets as smtp
from twistedmx.smtp import codes
from twistedmx.smtp.auth import AuthSession
from twistedmx.smtp.command import Auth, Data, Mail, Quit, Rcpt, Refusal, StartTls
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.phase import AuthLine
from twistedmx.smtp.reply import Reply, reply
from twistedmx.smtp.sasl import MECHANISMS
from twistedmx.smtp.session import Block, EndOfChunk, EndOfData, Need, Phase, Session

with attrs.validators.disabled():  # smaller than an operator may set: what takes megabytes then takes an example
    LIMITS = Limits(
        command_line=512,
        text_line=60,
        recipients=3,
        null_sender_recipients=1,
        size=150,
        errors=6,
        idle_commands=5,
        messages=3,
    )
    WIDE = Limits(command_line=512, size=100_000, errors=1000, idle_commands=1000)
OK = reply(250, "2.0.0", "Ok")
MORE = reply(334, "", "VXNlcm5hbWU6")
GREETING = codes.greeting("mx.example.org")


class Peer:
    """Drives a session: answers each input as `seed` has it, whatever the cut, and looks on."""

    def __init__(self, test: SynchronousTestCase, limits: Limits, seed: int, *, tolerant: bool) -> None:
        self._test = test
        self._chance = Random(seed)
        self._tolerant = tolerant
        self._content = b""
        how = {"limits": limits, "starttls": True, "secure": False, "tolerant": tolerant, "xclient": seed % 2 == 0}
        auth = {"mechanisms": MECHANISMS, "plain_text": seed % 4 > 0}
        self.session = AuthSession(**auth, **how) if seed % 3 else Session(**how)
        self.story: list[object] = []  # inputs and replies, in order
        test.assertIs(self.session.next_input(), Need.REPLY)
        self._reply(GREETING)

    def hear(self, piece: bytes) -> None:
        session, test = self.session, self._test
        session.receive(piece)
        while True:
            input_ = session.next_input()
            if isinstance(input_, Need):
                test.assertIs(input_, Need.OCTETS, "no reply is owed to anything that came out")
                return
            test.assertIsNot(session.phase, Phase.ENDED, "an input after the end")
            if isinstance(input_, Block):
                test.assertTrue(input_.octets, "an empty block")
                self._content += input_.octets
                continue
            test.assertIs(session.next_input(), Need.REPLY, "an input while a reply is owed")
            self._tell(input_)
            self._reply(self._answer(input_))

    def _tell(self, input_: object) -> None:
        if isinstance(input_, EndOfData | EndOfChunk):
            if input_.fault is None:
                if not self._tolerant:
                    self._test.assertNotIn(b"\r", self._content)
                self.story.append((input_, self._content))
            elif input_.fault is codes.ENDLESS:
                self.story.append((type(input_), input_.fault))  # how much had come then depends on the cut
            else:
                self.story.append(input_)
            if isinstance(input_, EndOfData) or input_.fault is not None:
                self._content = b""
        else:
            self.story.append(input_)

    def _answer(self, input_: object) -> Reply:
        chance = self._chance.random()
        match input_:
            case Refusal(reply=words):
                return words
            case EndOfData(fault=fault) | EndOfChunk(fault=fault) if fault is not None:
                return fault
            case EndOfData():
                return OK if chance < 0.7 else codes.NO_SPACE if chance < 0.9 else codes.LOOPING
            case Rcpt():
                return OK if chance < 0.7 else codes.NO_SUCH_MAILBOX if chance < 0.9 else codes.LOOKUP_FAILED
            case Mail():
                self._content = b""
                return OK if chance < 0.9 else codes.NO_SPACE
            case Data():
                return codes.START_CONTENT if chance < 0.9 else codes.NO_SPACE
            case AuthLine(fault=fault) if fault is not None:
                return fault
            case Auth() | AuthLine():
                self._test.assertTrue(self.session.offers_auth and not self.session.authenticated)
                failed = codes.NOT_AUTHENTICATED if chance < 0.8 else codes.AUTH_FAILED
                return MORE if chance < 0.5 else codes.AUTHENTICATED if chance < 0.6 else failed
            case StartTls():
                return codes.START_TLS
            case Quit():
                return codes.CLOSING
            case _:
                return OK

    def _reply(self, words: Reply) -> None:
        session, test = self.session, self._test
        test.assertEqual(session.reply(words), words.octets)
        test.assertRaises(RuntimeError, session.reply, words)
        self.story.append(words)
        if words.closes:
            test.assertIs(session.phase, Phase.ENDED)

    @property
    def counts(self) -> tuple[object, ...]:
        session = self.session
        return session.phase, session.commands, session.messages, session.errors


class TestSession(SynchronousTestCase):
    def check(self, packets: list[bytes], seed: int, limits: Limits, *, tolerant: bool = False) -> None:
        """Each of `packets` is heard in several cuts; between two of them a handshake comes to its end, if there is one."""
        stories = []
        for cut in (whole, one_by_one, lambda octets: at_random(octets, seed)):
            peer = Peer(self, limits, seed, tolerant=tolerant)
            for packet in packets:
                for piece in cut(packet):
                    peer.hear(piece)
                if peer.session.phase is Phase.SECURING:
                    peer.session.secured()
            stories.append((peer.story, peer.counts))
        self.assertEqual(stories[0], stories[1])
        self.assertEqual(stories[0], stories[2])

    @EXAMPLES
    @given(st.lists(st.binary(max_size=200), max_size=4), st.integers(0, 1000))
    def test_noise(self, packets: list[bytes], seed: int) -> None:
        """Whatever octets come, in whatever cut: the same inputs, the same replies, never an exception."""
        self.check(packets, seed, LIMITS)

    @EXAMPLES
    @given(st.lists(smtp(starttls=True), min_size=1, max_size=3), st.integers(0, 1000), st.booleans())
    def test_plausible_smtp_under_small_limits(self, packets: list[bytes], seed: int, tolerant: bool) -> None:
        """Every limit, reached in every cut, is the same limit."""
        self.check(packets, seed, LIMITS, tolerant=tolerant)

    @EXAMPLES
    @given(st.lists(smtp(starttls=True, max_size=12), min_size=1, max_size=3), st.integers(0, 1000), st.booleans())
    def test_plausible_smtp_under_wide_limits(self, packets: list[bytes], seed: int, tolerant: bool) -> None:
        """The content of each message, and what is a command behind it, do not depend on the cut."""
        self.check(packets, seed, WIDE, tolerant=tolerant)

    @EXAMPLES
    @given(st.lists(exchanges().map(HELLO.__add__), min_size=1, max_size=2), st.integers(0, 1000))
    def test_authentication_in_every_cut(self, packets: list[bytes], seed: int) -> None:
        """Each line of an exchange is the same line, as long as it may be and no longer, and what is behind it a command again."""
        self.check(packets, seed, WIDE)

    @EXAMPLES
    @given(st.binary(max_size=50), smtp(), st.integers(0, 1000))
    def test_after_the_end_nothing_is_heard(self, before: bytes, after: bytes, seed: int) -> None:
        """QUIT ends it: whatever comes before or behind, no input comes out any more and no counter moves."""
        peer = Peer(self, WIDE, seed, tolerant=False)
        peer.hear(before + b"\r\n")
        peer.hear(b"QUIT\r\n" + after)
        if peer.session.phase is not Phase.ENDED:
            self.fail("noise before QUIT opened a transaction")
        told = len(peer.story), peer.counts
        for piece in one_by_one(after):
            peer.hear(piece)
        self.assertEqual((len(peer.story), peer.counts), told)
