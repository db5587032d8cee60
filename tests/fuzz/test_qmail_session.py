"""Any octets, in any cut, to a session in qmail's dialect, and to a whole qmail host."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import at_random, one_by_one, whole
from tests.fuzz.grammar import octets as smtp
from tests.fuzz.grammar import transactions
from tests.fuzz.test_session import LIMITS, WIDE
from tests.qmail.scene import Caller, QmailStage, Scene
from twistedmx.qmail.addresses import parse
from twistedmx.qmail.dialect import qmail_dialect
from twistedmx.qmail.session import QmailSession
from twistedmx.qmail.trees import TREES
from twistedmx.qmail.words import words_of
from twistedmx.report.counters import Counters
from twistedmx.report.fields import fields_of, json_of
from twistedmx.settings import settings_from
from twistedmx.smtp import codes
from twistedmx.smtp.command import Auth, Data, Mail, Quit, Rcpt, Refusal, StartTls
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.phase import AuthLine
from twistedmx.smtp.reply import Reply, reply
from twistedmx.smtp.sasl import LOGIN, PLAIN
from twistedmx.smtp.session import Block, EndOfData, Need, Phase

OK = reply(250, "", "ok")
MORE = reply(334, "", "VXNlcm5hbWU6")
WORDS = {name: words_of(tree, "host.example") for name, tree in TREES.items()}

# Lines that another dialect would not take.
_lines = st.sampled_from(
    [
        b"MAIL\r\n",
        b"mail from:ann@example.net\n",
        b"MAIL FROM:<@relay.example:a@b>\r\n",
        b'RCPT TO:<"a b"@example.org\r\n',
        b"RCPT TO:nobody\n",
        b"RCPT TO:<>\r\n",
        b"RCPT TO:<" + b"x" * 950 + b">\r\n",
        b"NOOP\0 more\r\n",
        b"\0\r\n",
        b"\n",
        b" \r\n",
        b"HELO \xff\r\n",
        b"DATA\n",
        b"a\rb\r\r\n..c\r\n",
        b".\r",
        b".\n",
        b"\r\n.\r\n",
        b"Received-SPF: x\r\n",
        b"AUTH LOGIN\r\n",
        b"AUTH plain AGRlbW8Ac2VjcmV0\r\n",
        b"*\r\n",
        b"ZGVtbw==\r\n",
        b"STARTTLS\r\n",
        b"BDAT 3 LAST\r\nabc",
        b"QUIT\r\n",
    ]
)
_octets = st.lists(st.one_of(_lines, smtp(max_size=2), transactions(max_size=1), st.binary(max_size=8)), max_size=10)
_packets = st.lists(_octets.map(b"".join), min_size=1, max_size=3)


class Peer:
    """Drives a session: answers each input as `seed` has it, whatever the cut, and looks on."""

    def __init__(self, test: SynchronousTestCase, limits: Limits, seed: int) -> None:
        self._test = test
        self._chance = Random(seed)
        self._content = b""
        self._words = WORDS[sorted(WORDS)[seed % len(WORDS)]]
        self.session = QmailSession(
            qmail_dialect(parse, parse),
            self._words,
            mechanisms=(LOGIN, PLAIN) if seed % 2 else (),
            plain_text=seed % 4 > 1,
            limits=limits,
            starttls=seed % 3 > 0,
            secure=False,
        )
        self.story: list[object] = []  # inputs and replies, in order
        self._reply(codes.greeting("host.example"))

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
        if not isinstance(input_, EndOfData):
            self.story.append(input_)
            return
        if input_.fault is None:
            self.story.append((input_, self._content))
        else:
            self.story.append(input_.fault)  # how much had come of what is endless depends on the cut
        self._content = b""

    def _answer(self, input_: object) -> Reply:
        chance = self._chance.random()
        match input_:
            case Refusal(reply=words):
                return words
            case EndOfData(fault=fault) if fault is not None:
                return fault
            case EndOfData():
                return OK if chance < 0.7 else codes.LOOPING
            case Mail() | Rcpt():
                return OK if chance < 0.8 else codes.LOOKUP_FAILED
            case Data():
                return codes.START_CONTENT
            case AuthLine(fault=fault) if fault is not None:
                return fault
            case Auth() | AuthLine():
                return MORE if chance < 0.5 else codes.AUTHENTICATED if chance < 0.7 else codes.NOT_AUTHENTICATED
            case StartTls():
                return codes.START_TLS
            case Quit():
                return codes.CLOSING
            case _:
                return OK

    def _reply(self, words: Reply) -> None:
        self._test.assertEqual(self.session.reply(words), self._words.get(words, words).octets)
        self._test.assertRaises(RuntimeError, self.session.reply, words)
        self.story.append(words)


class TestSession(SynchronousTestCase):
    def check(self, packets: list[bytes], seed: int, limits: Limits) -> None:
        stories = []
        for cut in (whole, one_by_one, lambda octets: at_random(octets, seed)):
            peer = Peer(self, limits, seed)
            for packet in packets:
                for piece in cut(packet):
                    peer.hear(piece)
                if peer.session.phase is Phase.SECURING:
                    peer.session.secured()
            session = peer.session
            stories.append((peer.story, session.phase, session.commands, session.messages, session.errors))
        self.assertEqual(stories[0], stories[1])
        self.assertEqual(stories[0], stories[2])

    @EXAMPLES
    @given(_packets, st.integers(0, 1000))
    def test_however_it_is_cut(self, packets: list[bytes], seed: int) -> None:
        """The same inputs and the same replies in the same order, never an exception."""
        self.check(packets, seed, WIDE)

    @EXAMPLES
    @given(_packets, st.integers(0, 1000))
    def test_under_small_limits(self, packets: list[bytes], seed: int) -> None:
        """Every limit, reached in every cut, is the same limit."""
        self.check(packets, seed, LIMITS)


_RCPTS = [
    b"RCPT TO:<%b>\r\n" % address
    for address in (
        b"ann@example.org",
        b"nobody@example.org",
        b"full@example.org",
        b"spam@example.org",
        b"x@elsewhere.example",
        b"x@nowhere.example",
        b"team-x@host.example",
        b"sales.team@alias.example",
        b"nohost",
        b"../../etc/passwd@example.org",
        b"a" * 800 + b"@example.org",
        b"\xff\xfe@example.org",
    )
]
_SAID = [
    *_RCPTS,
    b"MAIL FROM:<a@example.net>\r\n",
    b"MAIL FROM:<> SIZE=30\r\n",
    b"MAIL FROM:<j\xc3\xbc@example.net> SMTPUTF8\r\n",
    b"MAIL FROM:<a@nowhere.example>\r\n",
    b"MAIL FROM:<a@spam.example>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
    b"MAIL FROM:<a@example.net>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n",
    b"hello\r\n.\r\n",
    b"x" * 50 + b"\r\n.\r\n",
    b"HELO bad.example\r\n",
    b"EHLO client.example.net\r\n",
    b"RSET\r\n",
    b"DATA\r\n",
    b"AUTH PLAIN AGRlbW8Ac2VjcmV0\r\n",
    b"AUTH LOGIN\r\nZGVtbw==\r\n",
]
_acts = st.sampled_from(
    [
        "programs are late",
        "programs answer",
        "passwords are late",
        "passwords answer",
        "control/rcpthosts is gone",
        "control/rcpthosts is example.org",
        "control/badrcptto is (",
        "control/badmailfrom cannot be read",
        "control/badmailfrom is @spam.example",
        "wait",
        "somebody comes",
        "somebody goes",
    ]
)
_scenes = st.fixed_dictionaries(
    {
        "control": st.fixed_dictionaries(
            {
                "smtpplugins": st.just(
                    "[connection]\np\n[helo]\np\n[mail]\np\n[rcpt]\np\np\n[pass]\np\n[data]\np\n[auth]\np\n"
                )
            },
            optional={
                "badhelo": st.just("bad\n"),
                "badrcptto": st.just("spam\n"),
                "maxrcpt": st.just(1),
                "databytes": st.just(20),
                "validrcptto": st.just("-ann@example.org\n@host.example\n"),
                "rejectnullsenders": st.just(1),
            },
        ),
        "environment": st.fixed_dictionaries(
            {"SMTPAUTH": st.sampled_from(["", "!", "cram"]), "FORCETLS": st.just("0")},
            optional={
                "ENABLE_SPP": st.just("1"),
                "RCPTCHECK": st.just("p"),
                "RELAYCLIENT": st.just(".relay"),
                "BRTLIMIT": st.just("2"),
                "RBLSMTPD": st.just("-listed"),
                "SMTPD_GREETDELAY": st.just("1"),
                "TARPITCOUNT": st.just("1"),
                "CHKUSER_RCPTLIMIT": st.just("3"),
                "CHKUSER_WRONGRCPTLIMIT": st.just("1"),
            },
        ),
        "programs": st.sampled_from(
            [
                {"p": {"status": status, "1": text, "4": "553 no\n"}}
                for status in (0, 100, 111, 113, 120)
                for text in (
                    "",
                    "O\n",
                    "E451 later\n",
                    "R550 no\n",
                    "D\n",
                    "P250-so\nSMARK=1\nHX: y\n",
                    "LR450 x\nA\n",
                    "??",
                )
            ]
        ),
        "queue": st.sampled_from([{}, {"exit": 31}, {"exit": 82, "says": "Zno"}]),
        "mx": st.just({"nowhere.example": "none"}),
    }
)


class TestHost(SynchronousTestCase):
    @EXAMPLES
    @given(
        _scenes,
        st.lists(st.one_of(st.sampled_from(_SAID), _lines, _acts, st.sampled_from(_RCPTS)), max_size=25),
        st.sampled_from(["qmail", "twistedmx"]),
        st.sampled_from(sorted(TREES)),
    )
    def test_nothing_is_ever_our_fault(
        self, scene: dict[str, object], said: list[bytes | str], dialect: str, tree: str
    ) -> None:
        """Whatever is said and whatever happens meanwhile, nothing fails in the log, each fact can be told, no session stays."""
        log = {"log": True, "authenticates": True}
        settings = settings_from({"host": "mx.example.org", "qmail": {"dialect": dialect, "tree": tree}}, "test")
        stage = QmailStage(Scene(**scene, **log), settings)  # type: ignore[arg-type]
        callers: list[Caller] = [stage.connect()]
        for each in said:
            if each == "somebody comes" and len(callers) < 4:
                callers.append(stage.connect())
            elif each == "somebody goes" and len(callers) > 1:
                callers.pop(0).go()
            elif each == "wait":
                stage.wait(2.0)
            elif isinstance(each, bytes):
                if not callers[-1].transport.disconnecting:
                    callers[-1].shell.dataReceived(each)
                    stage.settle()
            elif not each.startswith("somebody"):
                stage.act(each)
        stage.places.late = False
        for caller in callers:
            caller.go()
        stage.act("programs answer")
        stage.act("passwords answer")
        stage.wait(2.0)
        self.assertEqual(self.flushLoggedErrors(), [])
        counters = Counters()
        for event in stage.events:
            counters(event)
            fields = fields_of(event)
            if fields is not None:
                json_of(event.at, fields)
        self.assertEqual(len(stage.factory.connections), 0)
        stage.wheel.stop()
        stage.close()
