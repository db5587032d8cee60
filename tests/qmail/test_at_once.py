"""A coroutine that need not wait has its result at once; one that must is a Deferred like any other."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.at_once import at_once


class TestAtOnce(SynchronousTestCase):
    def test_who_waits_for_nobody(self) -> None:
        """Also where what it awaits has fired already."""

        async def add() -> int:
            return 1 + await succeed(2)

        self.assertEqual(at_once(add()), 3)

    def test_who_waits(self) -> None:
        """As often as it likes."""
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()

        async def add() -> int:
            return await first + await succeed(10) + await second

        found = at_once(add())
        self.assertNoResult(found)
        first.callback(1)
        self.assertNoResult(found)
        second.callback(100)
        self.assertEqual(self.successResultOf(found), 111)

    def test_what_is_raised(self) -> None:
        """At once, or by the Deferred; and what is waited for may fail in the coroutine's own hands."""
        waiting: Deferred[int] = Deferred()

        async def fail(before: bool) -> int:
            if before:
                raise KeyError("at once")
            try:
                return await waiting
            except OSError:
                raise ValueError("late") from None

        self.assertRaises(KeyError, at_once, fail(True))
        found = at_once(fail(False))
        waiting.errback(OSError())
        self.failureResultOf(found, ValueError)

    def test_who_is_cancelled(self) -> None:
        """What it waits for is cancelled with it, and it hears of that."""
        cancelled: list[Any] = []
        waiting: Deferred[int] = Deferred(cancelled.append)

        async def wait() -> int:
            try:
                return await waiting
            finally:
                cancelled.append("heard")

        found = at_once(wait())
        found.cancel()
        self.failureResultOf(found, CancelledError)
        self.assertEqual(cancelled, [waiting, "heard"])
