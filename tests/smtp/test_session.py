"""What the dialogues do not say of the session: its counts, its contract with the caller, and old faults by name."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp import codes
from twistedmx.smtp.command import Ehlo, Mail, Noop, Rcpt, Refusal
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.reply import reply
from twistedmx.smtp.session import Block, EndOfData, Need, Phase, Session

OK = reply(250, "2.0.0", "Ok")


def begun(*, limits=None, **how):
    """A session that was greeted."""
    session = Session(limits=limits or Limits(), **{"starttls": True, "secure": False, **how})
    session.reply(codes.greeting("mx.example.org"))
    return session


def played(session, octets, answers=None):
    """Answer all of `octets`, OK to what is no refusal; the inputs, and all replies in one."""
    session.receive(octets)
    inputs, out = [], b""
    while not isinstance(input_ := session.next_input(), Need):
        inputs.append(input_)
        if isinstance(input_, Block):
            continue
        words = (answers or {}).get(type(input_), OK)
        if isinstance(input_, Refusal):
            words = input_.reply
        elif isinstance(input_, EndOfData) and input_.fault is not None:
            words = input_.fault
        out += session.reply(words)
    return inputs, out


class TestContract(SynchronousTestCase):
    def test_the_greeting_is_owed_first(self):
        """Who talks early is not heard until the server has spoken (RFC 5321 3.1)."""
        session = Session(limits=Limits(), starttls=True, secure=False)
        session.receive(b"NOOP\r\n")
        self.assertIs(session.next_input(), Need.REPLY)
        session.reply(codes.greeting("x"))
        self.assertEqual(session.next_input(), Noop())

    def test_a_refused_connection_is_over(self):
        """RFC 5321 3.1: 554 instead of 220."""
        session = Session(limits=Limits(), starttls=True, secure=False)
        session.reply(reply(554, "5.3.2", "No service"))
        session.receive(b"NOOP\r\n")
        self.assertIs(session.next_input(), Need.OCTETS)

    def test_no_input_while_a_reply_is_owed_and_no_reply_to_nothing(self):
        """So replies cannot change their order."""
        session = begun()
        session.receive(b"NOOP\r\nNOOP\r\n")
        session.next_input()
        self.assertIs(session.next_input(), Need.REPLY)
        session.reply(codes.NOOP)
        session.next_input()
        session.reply(codes.NOOP)
        self.assertIs(session.next_input(), Need.OCTETS)
        self.assertRaises(RuntimeError, session.reply, codes.NOOP)

    def test_close_takes_the_debt_away_and_hears_nothing_more(self):
        """The shell hangs up in the middle of a look-up."""
        session = begun()
        session.receive(b"NOOP\r\nNOOP\r\n")
        session.next_input()
        session.close()
        session.receive(b"NOOP\r\n")
        self.assertIs(session.next_input(), Need.OCTETS)
        self.assertRaises(RuntimeError, session.reply, codes.NOOP)
        self.assertIs(session.phase, Phase.ENDED)


class TestOrder(SynchronousTestCase):
    def test_a_bounce_of_a_client_without_extensions_is_taken(self):
        """`MAIL FROM:<>` after HELO has no parameters: 555 would make bounces of old hosts undeliverable."""
        inputs, _ = played(begun(), b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n")
        self.assertEqual([type(input_).__name__ for input_ in inputs], ["Helo", "Mail", "Rcpt"])

    def test_odd_but_plain_addresses_after_helo_have_no_parameters_either(self):
        """Quotes, literals and spaces take the long way through the parser; that must not look like a parameter."""
        for line in (
            b'RCPT TO:<"a b"@x>',
            b"RCPT TO:<a@[192.0.2.1]>",
            b"RCPT  TO:<a@b>",
            b"RCPT TO:<@r:a@b>",
            b"RCPT TO :<a@b>",
        ):
            inputs, _ = played(begun(), b"HELO x\r\nMAIL  FROM:<a@b>\r\n" + line + b"\r\n")
            self.assertIsInstance(inputs[1], Mail)
            self.assertIsInstance(inputs[2], Rcpt, line)

    def test_parameters_after_helo_are_not_offered(self):
        """RFC 5321 4.1.1.11: extensions begin with EHLO."""
        _, out = played(
            begun(), b"HELO x\r\nMAIL FROM:<a@b> SIZE=1\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b> NOTIFY=NEVER\r\n"
        )
        self.assertEqual(out, OK.octets + codes.UNKNOWN_PARAMETER.octets + OK.octets + codes.UNKNOWN_PARAMETER.octets)

    def test_ehlo_in_a_transaction_ends_it(self):
        """RFC 5321 4.1.4."""
        session = begun()
        played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nEHLO x\r\n")
        self.assertEqual(played(session, b"DATA\r\n")[1], codes.MAIL_FIRST.octets)

    def test_a_transaction_of_refused_recipients_takes_no_data(self):
        """RFC 5321 4.1.1.4: 503, and what follows is commands, not content."""
        session = begun()
        _, out = played(
            session,
            b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\nNOOP\r\n",
            {Rcpt: codes.NO_SUCH_MAILBOX},
        )
        self.assertTrue(out.endswith(codes.NO_SUCH_MAILBOX.octets + codes.RCPT_FIRST.octets + OK.octets))

    def test_a_refused_chunk_is_still_a_chunk(self):
        """RFC 3030 2: its octets follow at once; taken for commands they would be obeyed."""
        inputs, out = played(begun(), b"EHLO x\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual(inputs[1:], [Refusal(codes.MAIL_FIRST), Noop()])
        self.assertEqual(out, OK.octets + codes.MAIL_FIRST.octets + OK.octets)

    def test_commands_behind_starttls_are_dropped(self):
        """CVE-2011-0411: injected in plain text, obeyed under TLS."""
        session = begun()
        played(session, b"EHLO x\r\n")
        session.receive(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<a@b>\r\n")
        session.next_input()
        session.reply(codes.START_TLS)
        session.receive(b"RCPT TO:<a@b>\r\n")
        self.assertIs(session.next_input(), Need.OCTETS)
        session.secured()
        self.assertIs(session.next_input(), Need.OCTETS)
        self.assertEqual(played(session, b"MAIL FROM:<a@b>\r\n")[1], codes.HELO_FIRST.octets)
        self.assertEqual(played(session, b"EHLO x\r\n")[0], [Ehlo(domain="x")])

    def test_starttls_has_its_three_refusals(self):
        """Not in a transaction, not twice, not where it is not offered (RFC 3207 4)."""
        _, out = played(begun(), b"EHLO x\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n")
        self.assertTrue(out.endswith(codes.OUT_OF_ORDER.octets))
        self.assertTrue(played(begun(secure=True), b"EHLO x\r\nSTARTTLS\r\n")[1].endswith(codes.TLS_TWICE.octets))
        self.assertTrue(
            played(begun(starttls=False), b"EHLO x\r\nSTARTTLS\r\n")[1].endswith(codes.NOT_IMPLEMENTED.octets)
        )


class TestLimits(SynchronousTestCase):
    def test_a_command_line_as_long_as_allowed_passes_and_one_octet_more_does_not(self):
        """RFC 5321 4.5.3.1.4 counts CRLF; however it is cut."""
        limits = Limits(command_line=512)
        for length, expected in ((512, OK), (513, codes.LINE_TOO_LONG), (5000, codes.LINE_TOO_LONG)):
            line = b"NOOP " + b"x" * (length - 7) + b"\r\n"
            self.assertEqual(played(begun(limits=limits), line)[1], expected.octets)
            session, out = begun(limits=limits), b""
            for at in range(length):
                out += played(session, line[at : at + 1])[1]
            self.assertEqual(out, expected.octets)

    def test_errors_end_the_session_and_nothing_clears_them(self):
        """RSET and STARTTLS were the way round this limit in other servers."""
        session = begun(limits=Limits(errors=3))
        _, out = played(session, b"EHLO x\r\nX\r\nRSET\r\nX\r\nEHLO x\r\nX\r\nNOOP\r\nNOOP\r\n")
        self.assertEqual(out.count(b"\r\n"), 7)
        self.assertTrue(out.endswith(codes.TOO_MANY_ERRORS.octets))
        self.assertEqual(session.errors, 3)

    def test_quit_is_answered_even_after_too_many_errors(self):
        """Who leaves may leave in peace."""
        session = begun(limits=Limits(errors=1))
        inputs, _ = played(session, b"X\r\nQUIT\r\n")
        self.assertEqual(type(inputs[1]).__name__, "Quit")

    def test_idle_commands_end_the_session_and_a_message_clears_them(self):
        """A connection that never sends mail is not worth keeping; one that does may say NOOP."""
        message = b"MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
        session = begun(limits=Limits(idle_commands=3))
        played(session, b"EHLO x\r\nNOOP\r\nNOOP\r\n" + message, {type(codes): OK})
        played(session, b"x\r\n.\r\n")
        self.assertEqual(session.messages, 1)
        _, out = played(session, b"NOOP\r\n" * 4)
        self.assertEqual(out, OK.octets * 3 + codes.TOO_MANY_IDLE_COMMANDS.octets)

    def test_recipients_are_counted_when_they_are_accepted(self):
        """RFC 5321 4.5.3.1.10: 452, and those before stay; a bounce has one."""
        session = begun(limits=Limits(recipients=2))
        out = played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + b"RCPT TO:<a@b>\r\n" * 3)[1]
        self.assertTrue(out.endswith(OK.octets * 2 + codes.TOO_MANY_RECIPIENTS.octets))
        out = played(session, b"RSET\r\nMAIL FROM:<>\r\n" + b"RCPT TO:<a@b>\r\n" * 2)[1]
        self.assertTrue(out.endswith(OK.octets + codes.TOO_MANY_RECIPIENTS.octets))

    def test_a_size_said_in_mail_is_refused_there(self):
        """RFC 1870 6.1: the client need not send what will not be taken."""
        session = begun(limits=Limits(size=65_536))
        _, out = played(session, b"EHLO x\r\nMAIL FROM:<a@b> SIZE=65537\r\nMAIL FROM:<a@b> SIZE=65536\r\n")
        self.assertEqual(out, OK.octets + codes.TOO_LARGE.octets + OK.octets)

    def test_enough_messages_are_enough(self):
        """Announced as LIMITS MAILMAX (RFC 9422)."""
        session = begun(limits=Limits(messages=1))
        played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nBDAT 0 LAST\r\n")
        self.assertEqual(played(session, b"MAIL FROM:<a@b>\r\n")[1], codes.TOO_MANY_MESSAGES.octets)

    def test_a_message_of_no_end_ends_the_session(self):
        """Past twice SIZE there is no use in listening; with BDAT the size is known before."""
        begin = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n"
        session = begun(limits=Limits(size=65_536))
        played(session, begin + b"DATA\r\n")
        _, out = played(session, b"x" * 131_073 + b"more")
        self.assertEqual(out, codes.ENDLESS.octets)
        self.assertIs(session.phase, Phase.ENDED)
        session = begun(limits=Limits(size=65_536))
        self.assertTrue(played(session, begin + b"BDAT 131073\r\n")[1].endswith(codes.ENDLESS.octets))

    def test_chunks_of_one_message_are_added_up(self):
        """Many small chunks are one large message."""
        session = begun(limits=Limits(size=65_536))
        played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n")
        self.assertEqual(played(session, b"BDAT 60000\r\n" + b"x" * 60_000)[1], OK.octets)
        inputs, _ = played(session, b"BDAT 6000 LAST\r\n" + b"x" * 6_000)
        self.assertEqual(inputs[-1], EndOfData(size=66_000, fault=codes.TOO_LARGE))

    def test_recipients_beyond_the_limit_cost_something_in_the_end(self):
        """452 is no error: without a bound a peer could ask for ever."""
        session = begun(limits=Limits(recipients=1, errors=5, idle_commands=5))
        played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + b"RCPT TO:<a@b>\r\n" * 5000)
        self.assertIs(session.phase, Phase.ENDED, "5000 commands, one recipient, and no end")

    def test_a_client_that_asks_for_too_many_recipients_has_the_first_of_them_served(self):
        """RFC 5321 4.5.3.1.10: it may send a thousand; to hang up on it makes its message undeliverable, at every try."""
        session = begun()
        _, out = played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + b"RCPT TO:<a@b>\r\n" * 1000 + b"DATA\r\n")
        self.assertEqual(out.count(codes.TOO_MANY_RECIPIENTS.octets), 900)
        self.assertIs(session.phase, Phase.DATA)

    def test_empty_chunks_cost_something_in_the_end(self):
        """`BDAT 0` is another NOOP: answered 250 for ever, it would keep a session that sends no mail."""
        session = begun(limits=Limits(idle_commands=5, errors=5))
        played(session, b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n" + b"BDAT 0\r\n" * 5000)
        self.assertIs(session.phase, Phase.ENDED, "5000 commands, no octet of mail, and no end")

    def test_a_recipient_beyond_ascii_needs_smtputf8(self):
        """RFC 6531 3.5: else such an address goes into a trace field of a message that was not announced as one."""
        line = "RCPT TO:<jürgen@example.org>\r\n".encode()
        _, out = played(begun(), b"EHLO x\r\nMAIL FROM:<a@b>\r\n" + line)
        self.assertTrue(out.endswith(codes.SMTPUTF8_NEEDED.octets))
        inputs, _ = played(begun(), b"EHLO x\r\nMAIL FROM:<a@b> SMTPUTF8\r\n" + line)
        self.assertIsInstance(inputs[-1], Rcpt)

    def test_a_command_that_ends_in_lf_ends_the_session(self):
        """RFC 5321 2.3.8: the next command may be one that another server took for content."""
        session = begun()
        _, out = played(session, b"NOOP\nNOOP\r\n")
        self.assertEqual(out, codes.BARE_LF_IN_COMMAND.octets)
        self.assertIs(session.phase, Phase.ENDED)
