"""How many programs run at once."""

from twisted.internet.defer import CancelledError, inlineCallbacks

from tests.qmail.programs import ENVIRONMENT, SHELL, ProgramsCase, Timed
from twistedmx.qmail.program_places import Places, ProgramSettings


class TestPlaces(ProgramsCase):
    """So many at once."""

    def run_in(self, places, text, number):
        return places.run([self.program(text, f"program-{number}")], ENVIRONMENT, cwd=str(self.folder))

    @inlineCallbacks
    def test_others_wait_in_their_order_and_not_for_long(self):
        """Who finds no place in time has the client told to come again."""
        timed = Timed()
        places = Places(timed, ProgramSettings(at_once=1, waiting=2))
        first = self.run_in(places, SHELL + "until test -e go; do sleep 0.01; done", 0)
        second = self.run_in(places, SHELL + "touch second", 1)
        third = self.run_in(places, SHELL + "touch third", 2)
        fourth = self.successResultOf(self.run_in(places, SHELL, 3))
        self.assertEqual(fourth.could_not_start, "too many programs run at once")
        third.cancel()
        yield self.assertFailure(third, CancelledError)
        self.assertFalse((self.folder / "second").exists())
        (self.folder / "go").touch()
        ended = yield first
        self.assertEqual(ended.status, 0)
        ended = yield second
        self.assertEqual(ended.status, 0)
        self.assertFalse((self.folder / "third").exists())
        ended = yield self.run_in(places, SHELL + "exit 5", 4)
        self.assertEqual(ended.status, 5)
        self.assertEqual(timed.clock.getDelayedCalls(), [])

    @inlineCallbacks
    def test_waiting_has_an_end(self):
        """As long as a program may take."""
        timed = Timed()
        places = Places(timed, ProgramSettings(at_once=1, time=10.0))
        first = self.run_in(places, SHELL + "touch started; sleep 600", 0)
        second = self.run_in(places, SHELL + "touch second", 1)
        yield self.run_until((self.folder / "started").exists)
        timed.clock.advance(9.9)
        self.assertNoResult(second)
        timed.clock.advance(0.1)
        self.assertEqual(self.successResultOf(second).could_not_start, "too many programs run at once")
        ended = yield first
        self.assertTrue(ended.timed_out)
        ended = yield self.run_in(places, SHELL + "exit 3", 2)
        self.assertEqual(ended.status, 3)
        self.assertFalse((self.folder / "second").exists())

    @inlineCallbacks
    def test_a_fault_of_ours_holds_no_place(self):
        """Else the places would be used up one by one."""
        places = Places(Timed(), ProgramSettings(at_once=1))
        failing = places.run([b"/bin/true"], {}, cwd=b"/", given={3: b"x" * 9999})
        yield self.assertFailure(failing, ValueError)
        ended = yield self.run_in(places, SHELL + "exit 3", 1)
        self.assertEqual(ended.status, 3)
