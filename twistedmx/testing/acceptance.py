"""Acceptance in memory, for the tests of sessions, and the suite which it and the real one pass.

`FakeAcceptance` writes nowhere. Its outcomes come at once, or are held until the test releases them.
"""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed

from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome, Stored
from twistedmx.ports import Acceptance, Incoming

if TYPE_CHECKING:
    from unittest import TestCase as _Test
else:
    _Test = object


class FakeIncoming:
    """One message. `content`: what was written. `ending`: "", "commit" or "abort", whichever came first."""

    def __init__(self, acceptance: "FakeAcceptance", copies: Sequence[Copy], beginning: int = 0) -> None:
        self._beginning = beginning
        self.copies = tuple(copies)
        self.content = b""
        self.ending = ""
        self._acceptance = acceptance

    def write(self, block: bytes) -> Awaitable[None] | None:
        if self.ending:
            return None
        self.content += block
        return self._acceptance._wrote()

    def commit(self) -> Awaitable[Outcome]:
        if self.ending:
            return succeed(Failed(detail="given up by the session"))
        self.ending = "commit"
        return self._acceptance._committed(self)

    def beginning(self) -> bytes:
        return self.content[: min(self._beginning, self._acceptance.spill)]

    def abort(self) -> None:
        if not self.ending:
            self.ending = "abort"


class FakeAcceptance:
    """`free`: what `free_octets` tells. `hold`: outcomes wait for `release`.

    `refusal`: the outcome of commits from now on, where it is not None. `full`: writes ask the session to stop until
    `drain`. `spill`: octets that are remembered of a message, whatever `open` was told, as where it goes to disk in pieces of that
    size. `messages`: all that were opened, in order. `stored`: content with its trace, by path.
    """

    def __init__(self, *, free: int | None = 1 << 40, hold: bool = False) -> None:
        self.free = free
        self.hold = hold
        self.refusal: NoSpace | Failed | None = None
        self.full = False
        self.spill = 1 << 20
        self.messages: list[FakeIncoming] = []
        self.stored: dict[str, bytes] = {}
        self._held: list[tuple[FakeIncoming, Deferred[Outcome]]] = []
        self._stopped: list[Deferred[None]] = []

    def free_octets(self) -> int | None:
        return self.free

    def open(self, copies: Sequence[Copy], beginning: int = 0) -> Incoming:
        message = FakeIncoming(self, copies, beginning)
        self.messages.append(message)
        return message

    def release(self) -> int:
        """Tell the outcomes that are held, in order; how many there were."""
        held, self._held = self._held, []
        for message, told in held:
            told.callback(self._outcome(message))
        return len(held)

    def drain(self) -> None:
        """The disk has caught up: the sessions that were asked to stop go on."""
        self.full = False
        stopped, self._stopped = self._stopped, []
        for deferred in stopped:
            deferred.callback(None)

    def _wrote(self) -> Awaitable[None] | None:
        if not self.full:
            return None
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        return stopped

    def _committed(self, message: FakeIncoming) -> Awaitable[Outcome]:
        if not self.hold:
            return succeed(self._outcome(message))
        told: Deferred[Outcome] = Deferred()
        self._held.append((message, told))
        return told

    def _outcome(self, message: FakeIncoming) -> Outcome:
        if self.refusal is not None:
            return self.refusal
        paths = []
        for copy in message.copies:
            path = f"{copy.maildir}/new/{len(self.stored) + 1}"
            self.stored[path] = copy.trace + message.content
            paths.append(path)
        return Stored(paths=tuple(paths))


def _stored(outcome: Outcome) -> Stored:
    if not isinstance(outcome, Stored):
        raise AssertionError(f"not stored: {outcome}")
    return outcome


class AcceptanceSuite(_Test):
    """What every `ports.Acceptance` keeps to. A mixin for a trial `TestCase`, with a reactor where threads need one."""

    acceptance: Acceptance
    owner = ""  # of every copy

    def maildir(self, name: str) -> str:
        """Absolute path of a Maildir that may be made."""
        raise NotImplementedError

    def read(self, path: str) -> bytes:
        """All octets of a stored message."""
        raise NotImplementedError

    def delivered(self, maildir: str) -> int:
        """How many messages are there."""
        raise NotImplementedError

    def copy(self, name: str, trace: bytes = b"") -> Copy:
        """A copy for the Maildir of this name."""
        return Copy(maildir=self.maildir(name), trace=trace, owner=self.owner)

    async def accept(self, copies: Sequence[Copy], *blocks: bytes) -> Outcome:
        """Write a message as a session does: it stops when it is asked to."""
        incoming = self.acceptance.open(copies)
        for block in blocks:
            stopped = incoming.write(block)
            if stopped is not None:
                await stopped
        return await incoming.commit()

    async def test_each_copy_is_its_trace_and_all_of_the_content(self) -> None:
        """Every recipient reads the whole message, with the trace meant for them."""
        copies = [self.copy(name, b"To: %s\n" % name.encode()) for name in ("a", "bb", "a")]
        outcome = _stored(await self.accept(copies, b"Subject: x\n", b"\n", b"Hello\n"))
        self.assertEqual(
            [self.read(path) for path in outcome.paths],
            [copy.trace + b"Subject: x\n\nHello\n" for copy in copies],
        )
        self.assertEqual(len(set(outcome.paths)), 3)
        for copy, path in zip(copies, outcome.paths, strict=True):
            self.assertTrue(path.startswith(f"{copy.maildir}/new/"), path)

    async def test_a_message_without_content_is_stored(self) -> None:
        """Nothing but a trace is a message too."""
        outcome = _stored(await self.accept([self.copy("a", b"Received: x\n")]))
        self.assertEqual(self.read(outcome.paths[0]), b"Received: x\n")

    async def test_a_long_message_comes_out_as_it_went_in(self) -> None:
        """What does not fit into memory goes another way to the same end."""
        blocks = [b"%06d " % number * 10_000 for number in range(30)]
        copies = [self.copy(name, name.encode()) for name in ("a", "bb")]
        outcome = _stored(await self.accept(copies, *blocks))
        for path, copy in zip(outcome.paths, copies, strict=True):
            self.assertEqual(self.read(path), copy.trace + b"".join(blocks))

    async def test_an_aborted_message_is_nowhere(self) -> None:
        """The peer went away before the end: it will send the message again, and must not find it twice."""
        incoming = self.acceptance.open([self.copy("a")])
        incoming.write(b"x" * 300_000)
        incoming.abort()
        incoming.abort()
        incoming.write(b"more")
        self.assertNotIsInstance(await incoming.commit(), Stored)
        await self.accept([self.copy("a")], b"another")
        self.assertEqual(self.delivered(self.maildir("a")), 1)

    async def test_as_much_of_the_beginning_as_was_asked_for_is_there_again(self) -> None:
        """Whoever refuses a message may show how it began: a short one, one that is on its way to the disk, one that is there."""
        blocks = [b"Subject: x\n", b"\n", b"Hello\n", *[b"x" * 50_000] * 10]
        for octets in (0, 5, 14, 60_000):
            for count in (0, 1, 3, len(blocks)):
                whole = b"".join(blocks[:count])
                incoming = self.acceptance.open([self.copy("a")], octets)
                for block in blocks[:count]:
                    incoming.write(block)
                self.assertEqual(incoming.beginning(), whole[:octets])
                _stored(await incoming.commit())
                self.assertEqual(incoming.beginning(), whole[:octets])
                incoming.abort()

    async def test_abort_after_the_outcome_takes_nothing_back(self) -> None:
        """250 was said."""
        incoming = self.acceptance.open([self.copy("a")])
        incoming.write(b"content")
        outcome = _stored(await incoming.commit())
        incoming.abort()
        self.assertEqual(self.read(outcome.paths[0]), b"content")

    async def test_free_space_is_a_figure_once_something_was_stored(self) -> None:
        """SIZE is answered by it."""
        await self.accept([self.copy("a")], b"content")
        free = self.acceptance.free_octets()
        self.assertGreater(free or 0, 0)
