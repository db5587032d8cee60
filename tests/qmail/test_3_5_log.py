"""Lines of chkuser, as those who count them read them."""

import re

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.log_lines import LONGEST, Dialect, chkuser_line, line, rblsmtpd_line, safe, safe_text

FACTS = {
    "sender": b"a@example.net",
    "remote_info": b"",
    "auth": b"",
    "identify": b"",
    "helo": b"client.example",
    "remote_host": b"unknown",
    "remote_ip": b"192.0.2.1",
    "rcpt": b"b@example.org",
}


def said(dialect=Dialect.STOCK, title=b"rejected rcpt", text=b"not existing recipient", **facts):
    return chkuser_line(dialect, title, text, **(FACTS | facts))


# As analysers have them: by brackets, then by colons or bars.
CHKUSER = re.compile(rb"CHKUSER ([a-z ]+): from <([^<>]*)> remote <([^<>]*)> rcpt <([^<>]*)> : (.*)\n")
STOCK_THREE = re.compile(rb"([^: ]*):([^: ]*):([^ ]*)")
LABELLED_SENDER = re.compile(rb"([^| ]*)\|remoteinfo/auth:([^| ]*)\|chkuser-identify:([^| ]*)")
LABELLED_REMOTE = re.compile(rb"helo:([^| ]*)\|remotehostname:([^| ]*)\|remotehostip:([^| ]*)")


def parsed(octets):
    """Title, sender, who, identify, helo, host, ip, rcpt, text; of either dialect."""
    title, sender, remote, rcpt, text = CHKUSER.fullmatch(octets).groups()
    first = LABELLED_SENDER.fullmatch(sender) or STOCK_THREE.fullmatch(sender)
    second = LABELLED_REMOTE.fullmatch(remote) or STOCK_THREE.fullmatch(remote)
    return (title, *first.groups(), *second.groups(), rcpt, text)


class TestChkuser(SynchronousTestCase):
    def test_the_line_of_its_author(self):
        """doc/CHKUSER.log_format."""
        self.assertEqual(
            said(remote_info=b"ident", identify=b"mx1"),
            b"CHKUSER rejected rcpt: from <a@example.net:ident:mx1> remote <client.example:unknown:192.0.2.1>"
            b" rcpt <b@example.org> : not existing recipient\n",
        )

    def test_the_line_with_labels(self):
        """chkuser_commonlog of sagredo's qmail."""
        self.assertEqual(
            said(Dialect.LABELLED, remote_info=b"ident", identify=b"mx1"),
            b"CHKUSER rejected rcpt: from <a@example.net|remoteinfo/auth:ident|chkuser-identify:mx1> remote"
            b" <helo:client.example|remotehostname:unknown|remotehostip:192.0.2.1> rcpt <b@example.org>"
            b" : not existing recipient\n",
        )

    def test_what_there_is_not_is_empty_and_keeps_its_place(self):
        """A bounce of an unknown host: fields are counted from the left."""
        nothing = {"sender": b"", "rcpt": b"", "helo": b""}
        self.assertEqual(
            said(title=b"accepted sender", text=b"accepted null sender always", **nothing),
            b"CHKUSER accepted sender: from <::> remote <:unknown:192.0.2.1> rcpt <> : accepted null sender always\n",
        )
        self.assertIn(b"from <|remoteinfo/auth:|chkuser-identify:> remote <helo:|", said(Dialect.LABELLED, **nothing))

    def test_helo_is_left_out_where_it_is_the_name_of_the_host(self):
        """qmail-smtpd keeps it as `fakehelo` only where it differs, in any case of letters."""
        for dialect in Dialect:
            found = parsed(said(dialect, helo=b"Client.Example", remote_host=b"client.example"))
            self.assertEqual(found[4:6], (b"", b"client.example"))
            found = parsed(said(dialect, helo=b"other.example", remote_host=b"client.example"))
            self.assertEqual(found[4:6], (b"other.example", b"client.example"))

    def test_who_has_authenticated_takes_the_place_of_ident(self):
        """As TCPREMOTEINFO does after AUTH."""
        for dialect in Dialect:
            self.assertEqual(parsed(said(dialect, remote_info=b"ident", auth=b"c@example.org"))[2], b"c@example.org")
            self.assertEqual(parsed(said(dialect, remote_info=b"ident"))[2], b"ident")

    def test_an_ipv6_address_keeps_its_colons(self):
        """It is the last of its three."""
        for dialect in Dialect:
            self.assertEqual(parsed(said(dialect, remote_ip=b"2001:db8::1"))[6], b"2001:db8::1")

    def test_log_injection_by_an_address(self):
        """A quoted local part may hold nearly everything: it is still one field, of one line."""
        evil = b"x> remote <:trusted.example:192.0.2.9> rcpt <boss@example.org> : found\nCHKUSER accepted rcpt: from <a"
        for dialect in Dialect:
            octets = said(dialect, rcpt=evil, sender=evil, helo=evil)
            self.assertEqual(octets.count(b"\n"), 1)
            found = parsed(octets)
            self.assertEqual(
                (found[0], found[6], found[8]), (b"rejected rcpt", b"192.0.2.1", b"not existing recipient")
            )
            self.assertNotIn(b" ", found[7])

    def test_log_injection_of_fields(self):
        """Who has separators in an address does not become another user."""
        found = parsed(said(Dialect.LABELLED, sender=b"a|remoteinfo/auth:admin|chkuser-identify:x@example.net"))
        self.assertEqual(found[2:4], (b"", b""))
        found = parsed(said(sender=b"a:admin:x@example.net"))
        self.assertEqual(found[1:4], (b"a?admin?x@example.net", b"", b""))

    def test_addresses_in_utf8_stay_and_what_cannot_be_printed_does_not(self):
        """SMTPUTF8; and what turns the direction of writing, or begins a line in a viewer of logs."""
        found = parsed(
            said(rcpt="bücher@例え.example".encode(), sender="a\u202eb\u2028c\x85\u00a0@x".encode() + b"\xff\xc3")
        )
        self.assertEqual(found[7].decode(), "bücher@例え.example")
        self.assertEqual(found[1], b"a?b?c??@x??")

    def test_long_words_are_cut_and_the_line_fits_a_pipe(self):
        """The newline stays, and all fields do."""
        for dialect in Dialect:
            octets = said(dialect, **dict.fromkeys(FACTS, b"x" * 100_000), title=b"rejected rcpt", text=b"t" * 9999)
            self.assertLessEqual(len(octets), LONGEST)
            found = parsed(octets)
            self.assertTrue(found[7].endswith(b"x..."), found[7])
            self.assertEqual(len(found[7]), 900)


class TestWords(SynchronousTestCase):
    def test_no_part_of_a_character_is_left_by_a_cut(self):
        """A viewer of logs may not find its way back."""
        for most in range(6, 20):
            cut = safe("é漢🂡".encode() * 9, most=most)
            self.assertLessEqual(len(cut), most)
            self.assertRegex(cut.decode(), r"\A[é漢🂡]*\.\.\.\Z")

    def test_a_line_that_is_too_long_keeps_its_newline(self):
        """Whatever it is made of."""
        self.assertEqual(line(b"x" * 9999), b"x" * (LONGEST - 4) + b"...\n")
        self.assertEqual(line(b"x" * (LONGEST - 1)), b"x" * (LONGEST - 1) + b"\n")

    def test_blanks_stay_in_texts_alone(self):
        """Words are counted by blanks."""
        self.assertEqual(safe(b"a b\tc"), b"a?b?c")
        self.assertEqual(safe_text(b"a b\tc"), b"a b?c")
        self.assertEqual(safe("ä b".encode()), "ä?b".encode())
        self.assertEqual(safe_text("ä b".encode()), "ä b".encode())
        self.assertEqual(safe("ä".encode(), utf8=False, instead=b"_"), b"__")


class TestRblsmtpd(SynchronousTestCase):
    def test_the_line(self):
        """rblsmtpd.c: the reply, its text cut at 200."""
        self.assertEqual(
            rblsmtpd_line(b"192.0.2.1", 12, b"451 see http://example/\r"),
            b"rblsmtpd: 192.0.2.1 pid 12: 451 see http://example/?\n",
        )
        self.assertEqual(len(rblsmtpd_line(b"", 1, b"553 " + b"x" * 999)), len(b"rblsmtpd:  pid 1: 553 \n") + 200)
