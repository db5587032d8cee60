"""The port `Policy` in tests: one in memory, one that a dialogue directs, and the suite that every policy passes.

class TestMine(PolicySuite, TestCase):
    maker = my_plugin.mine
"""

from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.plugin import IPlugin
from zope.interface.verify import verifyObject

from twistedmx.model.context import Context, Counts, Message
from twistedmx.model.envelope import Envelope
from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import ACCEPT, CONTINUE, Reason, Verdict, verdict
from twistedmx.policy.means import Means
from twistedmx.policy.plugin import IPolicyMaker, PolicyMaker
from twistedmx.policy.policy_settings import kind_for
from twistedmx.setting import setting
from twistedmx.smtp import codes
from twistedmx.smtp.path import NULL, POSTMASTER, Path
from twistedmx.smtp.reply import reply
from twistedmx.testing.mailboxes import FakeMailboxes, found

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object

OUR_ADDRESS = "192.0.2.1"


def fake_means(
    *,
    host: str = "mx.example.org",
    clock: IReactorTime | None = None,
    now: Callable[[], float] = lambda: 1_800_000_000.0,
) -> Means:
    """A world with one mailbox, ann@example.org, and one address of ours, OUR_ADDRESS. Threads work at once."""
    return Means(
        host=host,
        clock=clock if clock is not None else Clock(),
        now=now,
        chance=Random(1),
        mailboxes=FakeMailboxes({"ann@example.org": found("ann@example.org")}),
        is_ours=lambda address: address == OUR_ADDRESS,
        run_in_thread=lambda function, *arguments: succeed(function(*arguments)),
    )


class FakePolicy:
    """Says one thing. `says`: a Verdict, or an Exception that is raised. `late`: every answer waits for `answer_all`. `asked`: what
    it was told, in order; `cancelled`: answers that were not waited for any more."""

    def __init__(self, says: Verdict | Exception = CONTINUE, *, late: bool = False) -> None:
        self.says = says
        self.late = late
        self.asked: list[Context] = []
        self.cancelled = 0
        self._waiting: deque[Deferred[Verdict]] = deque()

    def decide(self, context: Context) -> Verdict | Deferred[Verdict]:
        self.asked.append(context)
        return self._answer(self.says)

    def answer_all(self) -> None:
        """What waits is answered."""
        while self._waiting:
            answer = self._waiting.popleft()
            if isinstance(self.says, Verdict):
                answer.callback(self.says)
            else:
                answer.errback(self.says)

    def _answer(self, says: Verdict | Exception) -> Verdict | Deferred[Verdict]:
        if self.late:
            answer: Deferred[Verdict] = Deferred(self._cancel)
            self._waiting.append(answer)
            return answer
        if isinstance(says, Exception):
            raise says
        return says

    def _cancel(self, answer: Deferred[Verdict]) -> None:
        self.cancelled += 1
        self._waiting.remove(answer)


@attrs.frozen(kw_only=True)
class ScriptedSettings:
    """What a dialogue writes below `name = "scripted"`."""

    reply: str = setting("", unit="", why='What it says, as "550 5.7.1 Not you"; "250": ACCEPT; empty: CONTINUE.')
    of: str = setting("", unit="", why="Only where this is a part of HELO, reverse-path or recipient.")
    closes: bool = setting(False, unit="", why="The session ends with it.")
    provisional: bool = setting(False, unit="", why="It could not be done.")
    postpone: bool = setting(False, unit="", why="To RCPT.")
    late: bool = setting(False, unit="", why='Only when "A: policies answer".')
    fails: bool = setting(False, unit="", why="It raises.")


class Scripted(FakePolicy):
    """Says what a dialogue wrote."""

    stages = frozenset(Stage)
    settings = ScriptedSettings

    def __init__(self, settings: ScriptedSettings, means: Means) -> None:
        super().__init__(_scripted(settings), late=settings.late)
        self._of = settings.of

    def decide(self, context: Context) -> Verdict | Deferred[Verdict]:
        about = f"{context.helo} {context.reverse_path} {context.recipient}"
        return super().decide(context) if self._of in about else CONTINUE


SCRIPTED = PolicyMaker("scripted", "twistedmx.testing.policies.Scripted")


def _scripted(settings: ScriptedSettings) -> Verdict | Exception:
    if settings.fails:
        return OSError("the policy is on fire")
    if settings.reply in ("", "250"):
        return ACCEPT if settings.reply else CONTINUE
    code, enhanced, text = settings.reply.split(" ", 2)
    words = reply(int(code), enhanced, text, closes=settings.closes)
    return verdict(words, Reason.POLICY, provisional=settings.provisional, postpone=settings.postpone)


class PolicySuite(_TestCase):
    """Mix into a trial TestCase, and say which policy. Override `own` where its settings have no default."""

    maker: Any

    def own(self) -> Any:
        """Its settings."""
        kind = self.maker.settings
        return kind() if kind is not None else None

    def _built(self) -> Any:
        return self.maker.make(self.own(), fake_means())

    def test_it_can_be_named_in_the_settings(self) -> None:
        """What check-config, the manual and the listing of settings rely on."""
        verifyObject(IPolicyMaker, self.maker)
        verifyObject(IPlugin, self.maker)
        self.assertRegex(self.maker.name, r"\A[a-z0-9][a-z0-9-]*\Z")
        self.assertTrue(self.maker.what, "it does not say what it is for")
        self.assertTrue(set(self.maker.stages) <= set(Stage) and self.maker.stages)
        kind_for(self.maker)

    def test_it_is_made_without_touching_the_world(self) -> None:
        """check-config makes it, and goes away."""
        clock = Clock()
        self.maker.make(self.own(), fake_means(clock=clock))
        self.assertEqual(clock.getDelayedCalls(), [])

    async def test_every_context_of_its_stages_has_a_verdict(self) -> None:
        """What the peer says is anything; a policy that raises at some of it can be switched off by a stranger."""
        policy = self._built()
        for stage in self.maker.stages:
            for context in contexts(stage):
                answer = policy.decide(context)
                said = answer if isinstance(answer, Verdict) else await answer
                self.assertIsInstance(said, Verdict, context)

    async def test_a_refusal_has_a_reason_of_its_own(self) -> None:
        """`accepted` beside a 550 is a riddle in the log."""
        policy = self._built()
        for stage in self.maker.stages:
            for context in contexts(stage):
                answer = policy.decide(context)
                said = answer if isinstance(answer, Verdict) else await answer
                if said.refuses:
                    self.assertIsNot(said.reason, Reason.ACCEPTED, context)


_PEERS = (Peer(address="192.0.2.7", port=1024), Peer(address="2001:db8::7", port=0, name="x", via="192.0.2.8"))
_HELOS = (
    "",
    "client.example.net",
    "mx.example.org",
    "[192.0.2.7]",
    "[IPv6:2001:db8::7]",
    "192.0.2.7",
    "localhost",
    "[",
    "a_b.",
)
_PATHS = (
    NULL,
    POSTMASTER,
    Path(address=b"ann@example.org", domain=b"example.org"),
    Path(address='"a b"@ö.example'.encode(), domain="ö.example".encode()),
)
_MESSAGES = (
    (b"", b""),
    (b"\n", b" \n\t\n"),
    (b"Subject: hello\n", b"It works.\n"),
    (b"no field at all\n\xff\x00\n", b"\xff" * 4096),
    (b"X: y\n" * 13_000, b""),
)


def contexts(stage: Stage) -> Iterator[Context]:
    """Of all kinds that a policy may be told of at `stage`, odd ones among them."""
    counts = Counts(commands=3, errors=1, transactions=1, messages=0, refused_recipients=1)
    for peer in _PEERS:
        for helo in ("",) if stage is Stage.CONNECT else _HELOS:
            for path in _PATHS:
                yield from _of_stage(
                    Context(stage=stage, session="0123456789", peer=peer, counts=counts, helo=helo), path
                )


def _of_stage(context: Context, path: Path) -> Iterator[Context]:
    stage = context.stage
    if stage in (Stage.CONNECT, Stage.HELO):
        yield context
        return
    context = attrs.evolve(
        context,
        esmtp=True,
        tls=Tls(protocol="TLSv1.3", cipher="TLS_FAKE"),
        envelope=Envelope(reverse_path=path, smtputf8=not path.address.isascii()),
        size=1000,
    )
    if stage is Stage.RCPT:
        destination = Destination(address=b"ann@example.org", maildir="/mail/ann@example.org")
        yield attrs.evolve(context, recipient=path, destinations=(destination,))
    elif stage is Stage.REFUSED:
        yield attrs.evolve(context, recipient=path, refused=verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX))
    elif stage is Stage.MESSAGE:
        for header, body in _MESSAGES:
            message = Message(header=header, header_is_whole=True, body=body, body_is_blank=not body.strip())
            yield attrs.evolve(context, size=len(header + body), message=message)
    else:
        yield context
