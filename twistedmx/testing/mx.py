"""The port `Mx` in tests: a dictionary, and the suite that every implementation passes.

class TestMine(MxSuite, TestCase):
    def build(self, answers: Mapping[bytes, MxAnswer]) -> Mx:
        return Mine(...)
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, ensureDeferred, succeed

from twistedmx.net.mx import a_labels
from twistedmx.policy.mx import Mx, MxAnswer

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object


class DictMx:
    """A dict of answers by domain, in A-labels and lower case; NONE of all others. `late`: every look-up waits for `answer_all`.
    `failure`: what every look-up raises, unless it is None. `asked`: domains that were, as a name server would be."""

    def __init__(self, answers: Mapping[bytes, MxAnswer]) -> None:
        self.late = False
        self.failure: Exception | None = None
        self.asked: list[bytes] = []
        self._answers = dict(answers)
        self._waiting: list[tuple[Deferred[MxAnswer], MxAnswer]] = []

    def look_up(self, domain: bytes) -> Deferred[MxAnswer]:
        if self.failure is not None:
            raise self.failure
        name = a_labels(domain)
        if name is None:
            return succeed(MxAnswer.NONE)
        self.asked.append(name)
        found = self._answers.get(name, MxAnswer.NONE)
        if not self.late:
            return succeed(found)
        answer: Deferred[MxAnswer] = Deferred()
        self._waiting.append((answer, found))
        return answer

    def answer_all(self) -> None:
        """What waits is answered."""
        waiting, self._waiting = self._waiting, []
        for answer, found in waiting:
            answer.callback(found)


class MxSuite(_TestCase):
    """Mix into a trial TestCase, and say how to build."""

    def build(self, answers: Mapping[bytes, MxAnswer]) -> Mx:
        """The implementation under test: what it is to say of these domains, and NONE of all others under `example`."""
        raise NotImplementedError

    async def _look_up(self, mx: Mx, domain: bytes) -> MxAnswer:
        return await mx.look_up(domain)

    async def test_each_outcome(self) -> None:
        """Found, none and could not tell are three, and a domain that nobody knows is none."""
        answers = {
            b"yes.example": MxAnswer.FOUND,
            b"no.example": MxAnswer.NONE,
            b"late.example": MxAnswer.COULD_NOT_TELL,
        }
        mx = self.build(answers)
        for domain, answer in {**answers, b"nobody.example": MxAnswer.NONE}.items():
            self.assertIs(await self._look_up(mx, domain), answer, domain)

    async def test_a_second_look_up_says_the_same(self) -> None:
        """From whatever memory."""
        mx = self.build({b"yes.example": MxAnswer.FOUND, b"late.example": MxAnswer.COULD_NOT_TELL})
        for domain, answer in ((b"yes.example", MxAnswer.FOUND), (b"late.example", MxAnswer.COULD_NOT_TELL)) * 2:
            self.assertIs(await self._look_up(mx, domain), answer, domain)

    async def test_case_and_script_make_no_difference(self) -> None:
        """RFC 4343, and RFC 6531 3.2: a U-label is asked for as its A-label."""
        mx = self.build({b"yes.example": MxAnswer.FOUND, b"xn--bcher-kva.example": MxAnswer.FOUND})
        for domain in (b"YES.Example", "b\u00fccher.example".encode(), "B\u00dcCHER.example".encode()):
            self.assertIs(await self._look_up(mx, domain), MxAnswer.FOUND, domain)
        self.assertIs(await self._look_up(mx, b"XN--BCHER-KVA.example"), MxAnswer.FOUND)

    async def test_what_is_no_domain_has_no_host(self) -> None:
        """And nothing raises."""
        mx = self.build({b"yes.example": MxAnswer.FOUND})
        wrong = [
            b"",
            b".",
            b"..example",
            b"-.example",
            b"\xff.example",
            b"[192.0.2.1]",
            b"a b.example",
            b"\0",
            b"x" * 999,
        ]
        for domain in wrong:
            self.assertIs(await self._look_up(mx, domain), MxAnswer.NONE, domain)

    async def test_who_is_cancelled_leaves_the_others_alone(self) -> None:
        """Sessions end while they wait; others ask for the same domain."""
        mx = self.build({b"yes.example": MxAnswer.FOUND})
        leaving, staying = (ensureDeferred(self._look_up(mx, b"yes.example")) for _ in range(2))
        leaving.addErrback(lambda failure: None)
        leaving.cancel()
        self.assertIs(await staying, MxAnswer.FOUND)
