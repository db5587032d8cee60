"""What attackers and innocents say, against scripted answers."""

from collections.abc import Callable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.drill import attackers, innocents
from twistedmx.drill.hosts import Host, attacking, innocent
from twistedmx.drill.script import Errand, Failed, Script, Visit
from twistedmx.smtp.client import Answer

OK = Answer(250, (b"ok",))
NO = Answer(550, (b"5.1.1 no such mailbox",))
LATER = Answer(450, (b"4.7.1 greylisted",))
GO_ON = Answer(354, (b"go on",))
BYE = Answer(221, (b"bye",))
ANN, BOB = b"ann@example.org", b"bob@example.org"


def answered(line: bytes, unknown: Answer = NO) -> Answer:
    """As a server does that knows ann and bob."""
    if line[:4] == b"RCPT":
        return OK if line[9:-1] in (ANN, BOB) else unknown
    return {b"DATA": GO_ON, b"QUIT": BYE}.get(line[:4], OK)


def played(
    script: Script, answer: Callable[[bytes], Answer] = answered, most: int = 100
) -> tuple[list[bytes], bool | None]:
    """The lines that were said, at most so many, and what the script returned, None when it did not end."""
    lines = [next(script)]
    try:
        while len(lines) < most:
            lines.append(script.send(answer(lines[-1])))
    except StopIteration as end:
        return lines, end.value
    return lines, None


def verbs(lines: list[bytes]) -> list[bytes]:
    return [line[:4] for line in lines]


def visit(host: Host) -> Visit:
    return Visit(host=host, domain=b"example.org", unknown=b"gone@example.org", chance=Random(1))


def errand(recipients: tuple[bytes, ...] = (ANN, BOB)) -> Errand:
    return Errand(host=innocent(3), siege=1, number=7, recipients=recipients, unknown=b"gone@example.org")


def number_of(*, bot: bool) -> Host:
    return next(host for host in (attacking(3, number) for number in range(10)) if host.is_bot is bot)


class TestAttackers(SynchronousTestCase):
    def test_the_dictionary_guesses_five_throws_them_away_and_goes_on(self):
        """Siege 1: a limit per message never bites, and 421 stops nobody."""
        lines, end = played(
            attackers.dictionary(visit(attacking(1, 0))), lambda line: Answer(421, (b"closing",)), most=15
        )
        self.assertEqual(verbs(lines), [b"HELO", *([b"MAIL", *[b"RCPT"] * 5, b"RSET"] * 2)])
        self.assertIsNone(end)
        guesses = {line for line in lines if line[:4] == b"RCPT"}
        self.assertEqual(len(guesses), 10)
        self.assertTrue(all(guess.endswith(b"@example.org>") for guess in guesses))

    def test_a_bot_has_one_message_and_goes_without_a_word(self):
        """Siege 2: refused for good it is not seen again, put off it comes back at once."""
        host = attacking(2, 5)
        lines, again = played(attackers.bot(visit(host)))
        self.assertEqual((verbs(lines), again), ([b"HELO", b"MAIL", b"RCPT"], False))
        self.assertIn(host.address.replace(".", "-").encode(), lines[0])
        self.assertEqual(lines[1], b"MAIL FROM:<>")
        _, again = played(attackers.bot(visit(host)), lambda line: answered(line, LATER))
        self.assertTrue(again)

    def test_a_bot_that_is_let_in_sends_what_means_nothing(self):
        """Siege 2: a few bodies got through."""
        lines, _ = played(attackers.bot(visit(attacking(2, 5))), lambda line: answered(line, OK))
        self.assertEqual(verbs(lines)[:4], [b"HELO", b"MAIL", b"RCPT", b"DATA"])
        self.assertGreater(len(lines[4]), 400)

    def test_a_mail_server_that_bounces_goes_by_the_book(self):
        """Siege 3: it is innocent. It asks for the one address, takes 550 for an answer, and quits."""
        lines, again = played(attackers.backscatter(visit(number_of(bot=False))))
        self.assertEqual((verbs(lines)[:4], verbs(lines)[-1]), ([b"EHLO", b"MAIL", b"RCPT", b"RSET"], b"QUIT"))
        self.assertEqual({line for line in lines if line[:4] == b"RCPT"}, {b"RCPT TO:<gone@example.org>"})
        self.assertFalse(again)
        _, again = played(attackers.backscatter(visit(number_of(bot=False))), lambda line: answered(line, LATER))
        self.assertTrue(again, "told to come later, it comes at once")

    def test_a_bounce_that_is_let_in_is_empty(self):
        """Siege 3: DATA was empty where it got that far."""
        lines, _ = played(attackers.backscatter(visit(number_of(bot=False))), lambda line: answered(line, OK))
        self.assertEqual(lines[3:5], [b"DATA", b""])

    def test_a_bot_that_bounces_never_ends(self):
        """Siege 3: and among the mail servers there are such."""
        lines, end = played(attackers.backscatter(visit(number_of(bot=True))))
        self.assertIsNone(end)
        self.assertEqual(set(verbs(lines)), {b"HELO", b"MAIL", b"RCPT", b"RSET"})


class TestInnocents(SynchronousTestCase):
    def test_a_plain_message_is_one_by_the_book(self):
        """What all others are measured beside."""
        lines, _ = played(innocents.plain(errand()))
        self.assertEqual(verbs(lines)[:4] + verbs(lines)[-1:], [b"EHLO", b"MAIL", b"RCPT", b"DATA", b"QUIT"])
        self.assertIn(b"Subject: twistedmx drill 1, message 7\r\n", lines[4])

    def test_eudora_says_rset_before_mail_and_between_messages(self):
        """Siege 1: who punished that lost his customers."""
        lines, _ = played(innocents.eudora(errand()))
        one = [b"RSET", b"MAIL", b"RCPT", b"DATA", b"From"]
        self.assertEqual(verbs(lines), [b"HELO", *one, *one, b"RSET", b"QUIT"])

    def test_a_newsletter_has_dead_addresses_among_good_ones(self):
        """Siege 1: it is no dictionary."""
        lines, _ = played(innocents.newsletter(errand()))
        recipients = [line[9:-1] for line in lines if line[:4] == b"RCPT"]
        self.assertEqual(recipients, [ANN, b"gone.7.0@example.org", BOB, b"gone.7.1@example.org"])
        self.assertEqual(verbs(lines)[-3:], [b"DATA", b"From", b"QUIT"])

    def test_a_genuine_bounce_comes_from_nobody_to_somebody(self):
        """Sieges 2 and 3: who refuses <> never hears what became of his mail."""
        lines, _ = played(innocents.bounce(errand()))
        self.assertEqual(lines[1:3], [b"MAIL FROM:<>", b"RCPT TO:<ann@example.org>"])
        self.assertIn(b"report-type=delivery-status", lines[4])

    def test_an_answer_that_is_not_the_one_expected_is_a_failure_with_its_words(self):
        """The operator reads what his correspondents would have."""
        for script in (innocents.plain, innocents.eudora, innocents.newsletter, innocents.bounce):
            error = self.assertRaises(
                Failed, played, script(errand()), lambda line: LATER if line[:4] == b"RCPT" else answered(line)
            )
            self.assertEqual(str(error), "RCPT: 450 4.7.1 greylisted")

    def test_a_dead_address_that_is_put_off_fails_the_newsletter(self):
        """It would be tried for days."""
        error = self.assertRaises(Failed, played, innocents.newsletter(errand()), lambda line: answered(line, LATER))
        self.assertEqual(str(error), "RCPT of a dead address: 450 4.7.1 greylisted")

    def test_the_look_sends_nothing_and_wants_a_name_of_chance_refused(self):
        """Where every name is taken nobody can guess wrong."""
        lines, _ = played(innocents.look(errand()))
        self.assertNotIn(b"DATA", lines)
        error = self.assertRaises(Failed, played, innocents.look(errand()), lambda line: answered(line, OK))
        self.assertIn("where every name is taken", str(error))
