"""The client's side of a session, against scripted replies."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.client import LONGEST_LINE, MOST_LINES, Answer, BadAnswer, Client, ClientPhase


def greeted(**more: bool) -> Client:
    """One that may say its first command."""
    client = Client(**more)
    client.receive(b"220 mx.example.org ESMTP\r\n")
    client.next_answer()
    return client


class TestReplies(SynchronousTestCase):
    def test_a_reply_may_have_several_lines(self):
        """EHLO's always has (RFC 5321 4.2.1)."""
        client = greeted()
        client.command(b"EHLO me.example")
        client.receive(b"250-mx.example.org\r\n250-SIZE 1\r\n250 HELP\r\n")
        self.assertEqual(client.next_answer(), Answer(250, (b"mx.example.org", b"SIZE 1", b"HELP")))
        self.assertIsNone(client.next_answer())
        self.assertIs(client.phase, ClientPhase.READY)

    def test_a_reply_may_be_a_code_alone(self):
        """RFC 5321 4.2 lets a server leave out the text, and old ones end a line in LF."""
        client = greeted()
        client.command(b"NOOP")
        client.receive(b"250\n")
        self.assertEqual(str(client.next_answer()), "250")

    def test_what_is_no_reply_ends_the_session(self):
        """Whoever speaks another protocol is not misunderstood for long."""
        for octets in (
            b"HTTP/1.1 400 Bad Request\r\n",
            b"250-one\r\n550 two\r\n",
            b"199 x\r\n",
            b"250" + b"x" * LONGEST_LINE,
            b"250-x\r\n" * MOST_LINES,
            b"250\x00\r\n",
        ):
            client = greeted()
            client.command(b"NOOP")
            client.receive(octets)
            self.assertRaises(BadAnswer, client.next_answer)
            self.assertIs(client.phase, ClientPhase.ENDED)
            client.receive(b"250 ok\r\n")
            self.assertIsNone(client.next_answer())

    def test_a_reply_that_nobody_owes_is_none(self):
        """Behind one reply too many, each further one would be taken for that of the next command."""
        client = greeted()
        client.receive(b"250 ok\r\n")
        self.assertRaises(BadAnswer, client.next_answer)

    def test_354_answers_data_alone(self):
        """Else an address would be sent as content."""
        client = greeted()
        client.command(b"NOOP")
        client.receive(b"354 go on\r\n")
        self.assertRaises(BadAnswer, client.next_answer)

    def test_words_of_the_server_are_shown_with_escapes(self):
        """They may be meant for a terminal."""
        self.assertEqual(str(Answer(550, (b"no\xff", b"such"))), "550 no\\xff / such")


class TestCommands(SynchronousTestCase):
    def test_a_session_by_the_book(self):
        """RFC 5321 Appendix D.1."""
        client = Client()
        said, heard = [], []
        client.receive(b"220 hi\r\n")
        heard.append(client.next_answer().code)
        for line, reply in (
            (b"EHLO me.example", b"250 hi\r\n"),
            (b"MAIL FROM:<a@example.net>", b"250 ok\r\n"),
            (b"RCPT TO:<b@example.org>", b"250 ok\r\n"),
            (b"DATA", b"354 go on\r\n"),
        ):
            said.append(client.command(line))
            client.receive(reply)
            heard.append(client.next_answer().code)
        said.append(client.content(b"Subject: x\r\n\r\n.\r\n..a\r\nb"))
        client.receive(b"250 queued\r\n")
        heard.append(client.next_answer().code)
        said.append(client.command(b"QUIT"))
        client.receive(b"221 bye\r\n")
        heard.append(client.next_answer().code)
        self.assertEqual(heard, [220, 250, 250, 250, 354, 250, 221])
        self.assertEqual(said[-2], b"Subject: x\r\n\r\n..\r\n...a\r\nb\r\n.\r\n")
        self.assertIs(client.phase, ClientPhase.ENDED)

    def test_no_command_while_a_reply_is_owed(self):
        """Order is all that tells which reply is whose."""
        client = Client()
        self.assertRaises(ValueError, client.command, b"EHLO x")
        client = greeted()
        client.command(b"NOOP")
        self.assertRaises(ValueError, client.command, b"NOOP")
        self.assertRaises(ValueError, client.content, b"x")

    def test_a_command_is_one_line(self):
        """An address with a line end in it must not become a second command."""
        client = greeted()
        self.assertRaises(ValueError, client.command, b"RCPT TO:<a>\r\nRCPT TO:<b>")
        self.assertRaises(ValueError, client.command, b"RCPT TO:<a>\nDATA")

    def test_data_that_is_refused_leads_back(self):
        """Content that is sent all the same would be read as commands."""
        client = greeted()
        client.command(b"DATA")
        client.receive(b"503 RCPT first\r\n")
        client.next_answer()
        self.assertRaises(ValueError, client.content, b"x")
        self.assertIs(client.phase, ClientPhase.READY)

    def test_content_of_nothing_is_its_end(self):
        """Siege 3: DATA was empty."""
        client = greeted()
        client.command(b"DATA")
        client.receive(b"354 go on\r\n")
        client.next_answer()
        self.assertEqual(client.content(b""), b".\r\n")


class TestClosing(SynchronousTestCase):
    def test_421_ends_a_session_whenever_it_comes(self):
        """RFC 5321 3.8: also when nobody has asked."""
        for prepare in (
            lambda client: None,
            lambda client: client.command(b"NOOP"),
            lambda client: client.command(b"DATA"),
        ):
            client = greeted()
            prepare(client)
            client.receive(b"421 4.7.0 closing\r\n250 what comes behind is dropped\r\n")
            self.assertEqual(client.next_answer().code, 421)
            self.assertIsNone(client.next_answer())
            self.assertRaises(ValueError, client.command, b"NOOP")

    def test_who_attacks_goes_on_behind_421(self):
        """The server has to close the connection: a client that attacks does not."""
        client = greeted(heeds_closing=False)
        client.command(b"RCPT TO:<a@b>")
        client.receive(b"421 4.7.0 closing\r\n")
        client.next_answer()
        self.assertEqual(client.command(b"RCPT TO:<c@d>"), b"RCPT TO:<c@d>\r\n")
        client = greeted(heeds_closing=False)
        client.receive(b"421 4.4.2 unasked for\r\n")
        self.assertEqual(client.next_answer().code, 421)
        self.assertIs(client.phase, ClientPhase.READY)
