"""Command lines and what each becomes: the table that the session and its postmaster can rely on."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp import codes
from twistedmx.smtp.command import (
    Bdat,
    Data,
    Ehlo,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Refusal,
    Rset,
    StartTls,
    Vrfy,
    parse_command,
)


class TestVerbs(SynchronousTestCase):
    def check(self, rows):
        for line, expected in rows:
            if not isinstance(expected, tuple(_KINDS)):
                expected = Refusal(expected)
            self.assertEqual(parse_command(line), expected, line)

    def test_verbs_without_an_argument(self):
        """RFC 5321 4.1.1: any case, white space at the end; an argument where none may be is 501."""
        self.check(
            [
                (b"DATA", Data()),
                (b"data", Data()),
                (b"DaTa \t", Data()),
                (b"RSET", Rset()),
                (b"QUIT", Quit()),
                (b"STARTTLS", StartTls()),
                (b"DATA x", codes.NO_ARGUMENT_ALLOWED),
                (b"RSET x", codes.NO_ARGUMENT_ALLOWED),
                (b"QUIT now", codes.NO_ARGUMENT_ALLOWED),
                (b"STARTTLS x", codes.NO_ARGUMENT_ALLOWED),
                (b"NOOP", Noop()),
                (b"NOOP whatever there is", Noop()),
                (b"HELP", Help()),
                (b"HELP MAIL", Help()),
                (b"VRFY", codes.ARGUMENT_NEEDED),
                (b"VRFY ann", Vrfy()),
            ]
        )

    def test_hello(self):
        """RFC 5321 4.1.1.1: a domain or an address literal; a dot at its end is forgiven."""
        self.check(
            [
                (b"EHLO mx.example.org", Ehlo(domain="mx.example.org")),
                (b"helo [192.0.2.1]", Helo(domain="[192.0.2.1]")),
                (b"EHLO [IPv6:2001:db8::1]", Ehlo(domain="[IPv6:2001:db8::1]")),
                (b"EHLO mx.example.org.", Ehlo(domain="mx.example.org.")),
                ("EHLO bücher.example".encode(), codes.BAD_HELO),  # RFC 6531 3.7.1: A-labels, for nothing is agreed yet
                (b"EHLO", codes.BAD_HELO),
                (b"HELO ", codes.BAD_HELO),
                (b"EHLO a b", codes.BAD_HELO),
                (b"EHLO [1.2.3]", codes.BAD_HELO),
                (b"HELO (x)", codes.BAD_HELO),
            ]
        )

    def test_what_is_no_command(self):
        """An unknown verb, a known one that is not done, and a browser are told apart."""
        self.check(
            [
                (b"", codes.UNKNOWN_COMMAND),
                (b"XYZZY", codes.UNKNOWN_COMMAND),
                (b"DATAX", codes.UNKNOWN_COMMAND),
                (b" NOOP", codes.UNKNOWN_COMMAND),
                (b"EXPN list", codes.NOT_IMPLEMENTED),
                (b"ETRN x", codes.NOT_IMPLEMENTED),
                (b"GET / HTTP/1.1", codes.NOT_SMTP),
                (b"POST /x HTTP/1.0", codes.NOT_SMTP),
                (b"Host: example.org", codes.NOT_SMTP),
                (b"NOOP\0", codes.NOT_PRINTABLE),
                (b"NOOP \x7f", codes.NOT_PRINTABLE),
                (b"NOOP \xff", codes.NOT_PRINTABLE),
                (b"NO\rOP", codes.BARE_CR_IN_COMMAND),
            ]
        )

    def test_bdat(self):
        """RFC 3030 2. A size that cannot be told ends the session: what follows could be content or commands."""
        self.check(
            [
                (b"BDAT 0", Bdat(octets=0, last=False)),
                (b"BDAT 12 LAST", Bdat(octets=12, last=True)),
                (b"bdat  12  last ", Bdat(octets=12, last=True)),
                *[
                    (line, codes.BDAT_SYNTAX)
                    for line in (b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 1 FIRST", b"BDAT 1LAST", b"BDAT 1 LAST x")
                ],
                (b"BDAT " + b"9" * 19, codes.BDAT_SYNTAX),
                (b"BDAT 0x10", codes.BDAT_SYNTAX),
                ("BDAT ٣".encode(), codes.BDAT_SYNTAX),  # a digit to Python, none to RFC 5234
            ]
        )
        self.assertTrue(codes.BDAT_SYNTAX.closes)


_KINDS = (Ehlo, Helo, Mail, Rcpt, Data, Bdat, Rset, Vrfy, Help, Noop, Quit, StartTls)


class TestMailAndRcpt(SynchronousTestCase):
    def test_addresses(self):
        """The spaces and cases that real clients send are taken, what would be guessing is not."""
        for line, address in (
            (b"MAIL FROM:<a@b>", b"a@b"),
            (b"mail from:<a@b>", b"a@b"),
            (b"MAIL FROM: <a@b>", b"a@b"),
            (b"MAIL FROM:<a@b>  ", b"a@b"),
            (b"MAIL  FROM:<a@b>", b"a@b"),
            (b"MAIL FROM :<a@b>", b"a@b"),
            (b"MAIL FROM:<>", b""),
            (b'MAIL FROM:<"x>y"@b>', b'"x>y"@b'),
            (b"MAIL FROM:<a@" + b"x" * 63 + b">", b"a@" + b"x" * 63),
        ):
            parsed = parse_command(line)
            self.assertIsInstance(parsed, Mail, line)
            self.assertEqual(parsed.reverse_path.address, address)

    def test_a_recipient_is_not_null_and_a_sender_is_not_postmaster_alone(self):
        """RFC 5321 4.1.1.2, 4.1.1.3: each is the privilege of the other."""
        self.assertEqual(parse_command(b"RCPT TO:<>"), Refusal(codes.BAD_RECIPIENT))
        self.assertEqual(parse_command(b"RCPT TO:<Postmaster>").forward_path.address, b"postmaster")
        self.assertEqual(parse_command(b"MAIL FROM:<postmaster>"), Refusal(codes.BAD_SENDER))

    def test_syntax(self):
        """Which part is wrong is said: the line, or the address in it."""
        for line, words in (
            (b"MAIL", codes.MAIL_SYNTAX),
            (b"MAIL FROM", codes.MAIL_SYNTAX),
            (b"MAIL FROM:", codes.MAIL_SYNTAX),
            (b"MAIL FROM:a@b", codes.MAIL_SYNTAX),
            (b"MAIL FROM:<a@b", codes.MAIL_SYNTAX),
            (b"MAIL FROM:<a@b>SIZE=1", codes.MAIL_SYNTAX),
            (b"MAIL FROM:<a@b> SIZE=", codes.MAIL_SYNTAX),
            (b"MAIL FROM:<a@b> =1", codes.MAIL_SYNTAX),
            (b"MAIL TO:<a@b>", codes.MAIL_SYNTAX),
            (b"RCPT FROM:<a@b>", codes.RCPT_SYNTAX),
            (b"RCPT TO:<a@b> <c@d>", codes.RCPT_SYNTAX),
            (b"MAIL FROM:<a>", codes.BAD_SENDER),
            (b"MAIL FROM:<a@" + b"x" * 64 + b">", codes.BAD_SENDER),
            (b"RCPT TO:<a@b.>", codes.BAD_RECIPIENT),
            (b"RCPT TO:<a@" + b"x" * 64 + b">", codes.BAD_RECIPIENT),
        ):
            self.assertEqual(parse_command(line), Refusal(words), line)

    def test_parameters_of_mail(self):
        """RFC 1870, 6152, 6531, 3461: each value as given, in any case, in any order."""
        given = parse_command(b"MAIL FROM:<a@b> envid=Q+2B ret=hdrs smtputf8 BODY=8bitmime SIZE=123").parameters
        self.assertEqual(
            (given.size, given.body, given.smtputf8, given.ret, given.envid), (123, "8BITMIME", True, "HDRS", "Q+2B")
        )

    def test_parameters_of_rcpt(self):
        """RFC 3461 4.1, 4.2; RFC 6533 3."""
        for words, notify, original in (
            (b"NOTIFY=never", "NEVER", ""),
            (b"NOTIFY=success,FAILURE ORCPT=rfc822;Ann+2Bx@b", "SUCCESS,FAILURE", "rfc822;Ann+2Bx@b"),
            (b"ORCPT=utf-8;\\x{FC}@b", "", "utf-8;\\x{FC}@b"),
        ):
            parsed = parse_command(b"RCPT TO:<a@b> " + words)
            self.assertIsInstance(parsed, Rcpt, words)
            self.assertEqual((parsed.parameters.notify, parsed.parameters.original), (notify, original))

    def test_bad_values_are_501(self):
        """A value that we would have to guess at is the sender's to correct."""
        for words in (
            b"SIZE",
            b"SIZE=x",
            b"SIZE=-1",
            b"SIZE=" + b"1" * 21,
            b"SIZE=1 SIZE=1",
            b"BODY=BINARYMIME",
            b"BODY",
        ):
            self.assertEqual(parse_command(b"MAIL FROM:<a@b> " + words), Refusal(codes.BAD_PARAMETER), words)
        for words in (
            b"SMTPUTF8=1",
            b"SMTPUTF8 SMTPUTF8",
            b"RET=ALL",
            b"ENVID=+",
            b"ENVID=+2b",
            b"ENVID=" + b"x" * 101,
        ):
            self.assertEqual(parse_command(b"MAIL FROM:<a@b> " + words), Refusal(codes.BAD_PARAMETER), words)
        for words in (
            b"NOTIFY",
            b"NOTIFY=NEVER,FAILURE",
            b"NOTIFY=SUCCESS,SUCCESS",
            b"NOTIFY=,",
            b"ORCPT=a@b",
            b"ORCPT=x;",
        ):
            self.assertEqual(parse_command(b"RCPT TO:<a@b> " + words), Refusal(codes.BAD_PARAMETER), words)
        for words in (b"ORCPT=rfc822;" + b"x" * 500, b"ORCPT=rfc822;a+zz", "ORCPT=rfc822;ü@b".encode()):
            self.assertEqual(parse_command(b"RCPT TO:<a@b> " + words), Refusal(codes.BAD_PARAMETER), words)

    def test_what_was_not_offered_is_555(self):
        """RFC 5321 4.1.1.11; MAIL's parameters are unknown to RCPT."""
        for line in (
            b"MAIL FROM:<a@b> NOTIFY=NEVER",
            b"RCPT TO:<a@b> SIZE=1",
            b"RCPT TO:<a@b> X",
        ):
            self.assertEqual(parse_command(line), Refusal(codes.UNKNOWN_PARAMETER), line)

    def test_a_sender_beyond_ascii_needs_smtputf8(self):
        """RFC 6531 3.5."""
        line = "MAIL FROM:<jürgen@b>".encode()
        self.assertEqual(parse_command(line), Refusal(codes.SMTPUTF8_NEEDED))
        self.assertIsInstance(parse_command(line + b" SMTPUTF8"), Mail)

    def test_a_line_of_nothing_but_quotes_is_read_in_no_time(self):
        """A pattern that backtracks would let one line stop the server."""
        for octets in (b'"' * 2000, b'"\\' * 1000, b'"a' * 1000, b"<" * 2000, b"a." * 1000, b"@a," * 600, b"a-" * 1000):
            self.assertIsInstance(parse_command(b"RCPT TO:<" + octets + b"@x"), Refusal)
            self.assertIsInstance(parse_command(b"RCPT TO:<" + octets + b"@x!>"), Refusal)
