"""A reply is what RFC 5321 4.2 says, or is not made at all."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply, reply, with_id


class TestRendering(SynchronousTestCase):
    def test_one_line_has_code_enhanced_code_and_text(self):
        """RFC 2034 4: the enhanced code stands between the code and the words."""
        self.assertEqual(reply(550, "5.1.1", "No such mailbox here").octets, b"550 5.1.1 No such mailbox here\r\n")

    def test_every_line_but_the_last_has_a_hyphen_and_all_repeat_both_codes(self):
        """RFC 5321 4.2.1: a client finds the end of a reply by the character behind the code."""
        self.assertEqual(reply(214, "2.0.0", "One", "Two").octets, b"214-2.0.0 One\r\n214 2.0.0 Two\r\n")

    def test_without_an_enhanced_code_the_text_follows_the_code(self):
        """Greeting and EHLO have none (RFC 2034 3)."""
        self.assertEqual(reply(250, "", "mx", "SIZE 1").octets, b"250-mx\r\n250 SIZE 1\r\n")

    def test_in_the_log_a_reply_is_one_line(self):
        """A line of the log is one fact."""
        self.assertEqual(str(reply(214, "2.0.0", "One", "Two")), "214-2.0.0 One / 214 2.0.0 Two")

    def test_221_and_421_close_and_others_only_when_told(self):
        """RFC 5321 3.8: who says these hangs up; a 554 to one message does not end the session."""
        self.assertTrue(reply(221, "2.0.0", "x").closes)
        self.assertTrue(reply(421, "4.0.0", "x").closes)
        self.assertFalse(reply(550, "5.0.0", "x").closes)
        self.assertTrue(reply(550, "5.0.0", "x", closes=True).closes)

    def test_without_a_line_nothing_is_said(self):
        """Only at the end: a peer that is owed a reply waits for it."""
        self.assertEqual((codes.SILENCE.octets, str(codes.SILENCE), codes.SILENCE.closes), (b"", "", True))
        self.assertRaises(ValueError, Reply, code=554, lines=())

    def test_equal_words_are_equal_replies(self):
        """Reasons are looked up by reply."""
        self.assertEqual(reply(250, "2.0.0", "Ok"), reply(250, "2.0.0", "Ok"))
        self.assertNotEqual(reply(250, "2.0.0", "Ok"), reply(250, "2.0.0", "Ok", closes=True))


class TestWithId(SynchronousTestCase):
    def test_the_first_line_names_the_session(self):
        """A bounce often quotes one line."""
        words = with_id(reply(550, "5.7.1", "No", "Never", closes=True), "QJ7RK3TWN1")
        self.assertEqual(words, reply(550, "5.7.1", "No (id QJ7RK3TWN1)", "Never", closes=True))

    def test_who_says_it_already_says_it_once(self):
        words = reply(550, "5.7.1", "Ask us about QJ7RK3TWN1")
        self.assertIs(with_id(words, "QJ7RK3TWN1"), words)

    def test_where_it_finds_no_room_the_words_stay(self):
        """RFC 5321 4.5.3.1.5: 512 octets."""
        longest = reply(550, "5.7.1", "x" * (512 - len("550-5.123.123 \r\n")))
        self.assertIs(with_id(longest, "QJ7RK3TWN1"), longest)

    def test_silence_stays_silent(self):
        """Nobody is there to read the name."""
        self.assertIs(with_id(codes.SILENCE, "QJ7RK3TWN1"), codes.SILENCE)


class TestWhatMayNotBeSent(SynchronousTestCase):
    def test_codes_outside_rfc_5321(self):
        """1yz is not used, the second digit ends at 5."""
        for code in (0, 99, 150, 199, 260, 299, 560, 600, -250):
            self.assertRaises(ValueError, reply, code, "", "x")

    def test_an_enhanced_code_of_another_class(self):
        """RFC 2034 4: a 4yz with 5.x.x would be read as permanent by one client and as temporary by the next."""
        for code, enhanced in (
            (250, "5.0.0"),
            (450, "5.1.1"),
            (550, "4.1.1"),
            (354, "2.0.0"),
            (550, "5.1"),
            (550, "5.1.1.1"),
        ):
            self.assertRaises(ValueError, reply, code, enhanced, "x")

    def test_a_line_end_in_the_text(self):
        """Else whoever fills in the text could make up a reply of its own."""
        for text in ("a\r\n250 Ok", "a\n", "\r", "nul\0", "esc\x1b[0m", "del\x7f", "ü", "\u2028"):
            self.assertRaises(ValueError, reply, 250, "2.0.0", text)

    def test_no_line_at_all(self):
        """Zero lines would be zero octets, and the client waits for ever."""
        self.assertRaises(ValueError, Reply, code=250, lines=())

    def test_512_octets_are_the_most(self):
        """RFC 5321 4.5.3.1.5, with code and CRLF, whatever the length of the enhanced code."""
        longest = 512 - len("250-5.123.123 \r\n")
        self.assertEqual(len(reply(550, "5.123.123", "x" * longest).octets), 512)
        self.assertRaises(ValueError, reply, 550, "5.1.1", "x" * (longest + 1))
