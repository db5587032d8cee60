"""A script on a connection, in time that nobody waits for."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.wire import Server, good, run
from twistedmx.drill.script import Failed
from twistedmx.drill.speaking import Ending, Speaker


class Notes:
    """A listener that writes down. `ended`: how, and with what words; None before."""

    def __init__(self):
        self.answers = []
        self.end = None
        self.again = None

    def heard(self, speaker, said, answer):
        self.answers.append((said, answer.code))

    def ended(self, speaker, ending, words, again):
        assert self.end is None, "told once"
        self.end, self.again = (ending, words), again


def two_commands():
    yield b"NOOP"
    answer = yield b"HELP"
    return answer.code == 250


class TestSpeaker(SynchronousTestCase):
    def play(self, script, behaviour=good, greeting=b"220 mx\r\n", **more):
        self.clock, notes = Clock(), Notes()
        self.server = Server(self.clock, behaviour, greeting)
        self.server.connect("127.0.0.1", Speaker(script, notes, self.clock, patience=10.0, **more))
        run(self.clock, 1)
        return notes

    def test_a_script_is_said_line_by_line_and_its_end_is_told(self):
        """With what it returned, and the connection is closed."""
        notes = self.play(two_commands())
        self.assertEqual(notes.answers, [(b"NOOP", 250), (b"HELP", 250)])
        self.assertEqual((notes.end, notes.again), ((Ending.LEFT, ""), True))
        self.assertEqual(self.server.connections[0].closed, "client")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_another_greeting_or_none_turns_it_away(self):
        """The script is not begun."""
        notes = self.play(two_commands(), greeting=b"554 blocked\r\n")
        self.assertEqual((notes.end, notes.answers), ((Ending.TURNED_AWAY, "554 blocked"), []))
        notes = self.play(two_commands(), greeting=None)
        self.assertEqual(notes.end, (Ending.TURNED_AWAY, "closed without a word"))

    def test_a_hang_up_is_told_with_the_words_before_it_or_with_what_was_said(self):
        """An operator wants to know where it happened."""
        notes = self.play(two_commands(), behaviour=lambda connection, line: None)
        self.assertEqual(notes.end, (Ending.HUNG_UP, "closed without a word behind NOOP"))
        notes = self.play(two_commands(), behaviour=lambda connection, line: b"421 4.7.0 enough\r\n")
        self.assertEqual(notes.end, (Ending.HUNG_UP, "421 4.7.0 enough"))

    def test_who_does_not_heed_421_goes_on_until_the_connection_is_closed(self):
        """Else a server that only says so would pass."""

        def says_so(connection, line):
            return b"421 4.7.0 enough\r\n" if len(connection.lines) < 5 else None

        def endless():
            while True:
                yield b"NOOP"

        notes = self.play(endless(), behaviour=says_so, heeds_closing=False)
        self.assertEqual(len(notes.answers), 4)
        self.assertEqual(notes.end, (Ending.HUNG_UP, "421 4.7.0 enough"))

    def test_silence_has_an_end(self):
        """A server that keeps a connection without answering has failed."""
        notes = self.play(two_commands(), behaviour=lambda connection, line: b"")
        self.assertIsNone(notes.end)
        run(self.clock, 11, step=1)
        self.assertEqual(notes.end, (Ending.SILENT, "no answer for 10 s to NOOP"))

    def test_what_is_no_reply_and_what_is_not_wanted_are_failures(self):
        """Told with what was wrong."""
        notes = self.play(two_commands(), behaviour=lambda connection, line: b"hello\r\n")
        self.assertEqual(notes.end, (Ending.FAILED, "b'hello' is no line of a reply"))

        def wants_more():
            answer = yield b"NOOP"
            raise Failed(f"NOOP: {answer}")

        self.assertEqual(self.play(wants_more()).end, (Ending.FAILED, "NOOP: 250 ok"))

    def test_a_pace_is_kept_and_is_no_silence(self):
        """A modem takes its time."""
        notes = self.play(two_commands(), pause=lambda: 20.0)
        self.assertEqual(notes.answers, [])
        run(self.clock, 60, step=0.5)
        self.assertEqual(notes.end, (Ending.LEFT, ""))

    def test_who_is_stopped_is_gone(self):
        """Whatever it was doing."""
        self.clock, notes = Clock(), Notes()
        server = Server(self.clock, good)
        speaker = Speaker(two_commands(), notes, self.clock, patience=10.0, pause=lambda: 1.0)
        server.connect("127.0.0.1", speaker)
        run(self.clock, 0.1)
        speaker.stop()
        self.assertEqual((notes.end, self.clock.getDelayedCalls()), ((Ending.STOPPED, ""), []))
