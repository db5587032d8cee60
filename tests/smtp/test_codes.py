"""Every fixed reply, looked at as a stranger would."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply

CONSTANTS = {name: value for name, value in vars(codes).items() if isinstance(value, Reply)}
MADE = {
    "greeting": codes.greeting("mx.example.org"),
    "accepted": codes.accepted("0123456789.1"),
}
MAY_BE_WITHOUT = {"START_CONTENT", "greeting", "BAD_HELO"}  # RFC 2034 3: not 3yz, greeting, EHLO and HELO


class TestCodes(SynchronousTestCase):
    def test_there_are_constants(self):
        """The tests below would all pass on an empty list."""
        self.assertGreater(len(CONSTANTS), 40)

    def test_every_reply_has_an_enhanced_code_of_its_class_where_rfc_2034_wants_one(self):
        """A client reports the enhanced code to a human."""
        for name, words in {**CONSTANTS, **MADE}.items():
            if words.enhanced or name not in MAY_BE_WITHOUT:
                self.assertEqual(words.enhanced[:2], f"{words.code // 100}.", name)

    def test_every_line_is_printable_ascii_within_512_octets(self):
        """RFC 5321 4.2, 4.5.3.1.5."""
        for name, words in {**CONSTANTS, **MADE}.items():
            for line in words.octets.split(b"\r\n")[:-1]:
                self.assertLessEqual(len(line) + 2, 512, name)
                self.assertTrue(line.decode("ascii").isprintable(), name)

    def test_no_two_constants_say_the_same(self):
        """The reason in the log is found by the words; two constants with one wording would share it."""
        said = [words.octets for words in CONSTANTS.values()]
        self.assertEqual(len(said), len(set(said)))

    def test_no_reply_names_a_path_or_a_check(self):
        """What the peer hears and what we log are two things: a spammer learns nothing of how we are built."""
        for name, words in {**CONSTANTS, **MADE}.items():
            text = str(words).lower()
            for word in (
                "maildir",
                "policy",
                "python",
                "twisted.",
                "exception",
                "errno",
                "none",
                ".py",
                "/var",
                "/etc",
            ):
                self.assertNotIn(word, text, name)
            self.assertNotIn("/", " ".join(words.lines), name)

    def test_what_closes_is_said_with_a_code_a_client_takes_for_an_end_or_a_refusal(self):
        """A 250 that hangs up would lose what the client sends next."""
        for name, words in CONSTANTS.items():
            if words.closes:
                self.assertTrue(words.code == 221 or words.code >= 400, name)
