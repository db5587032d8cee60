"""Any octets in any field of a line of the log."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.qmail import test_1_9_log, test_3_5_log, test_4_1_log
from twistedmx.qmail.log_lines import LONGEST, Dialect, chkuser_line, rblsmtpd_line
from twistedmx.qmail.qlog_lines import Facts, qlogenvelope, qlogreceived
from twistedmx.qmail.smtpd_lines import Found, auth_line, denied_line, found_line, rcptcheck_line, told_line
from twistedmx.qmail.tcpserver_lines import Ends, pid_line, rules_line

# What lines are made of, and what would make others of them.
_PIECES = [
    b"<",
    b">",
    b":",
    b"|",
    b" ",
    b"\n",
    b"\r",
    b"\0",
    b"=",
    b",",
    b"[",
    b"]",
    b"a",
    b"\x1b[",
    b"\xc3\xbc",
    b"\xff",
]
_pieces = st.lists(st.sampled_from([*_PIECES, "\u2028".encode(), "\u202e".encode(), b"x" * 900]), max_size=8)
_words = st.binary(max_size=30) | _pieces.map(b"".join)
_plain = st.from_regex(rb"[a-z0-9@.\-]{0,40}", fullmatch=True)
_FIELDS = ("sender", "remote_info", "auth", "identify", "helo", "remote_host", "remote_ip", "rcpt")
_facts = [each.name for each in attrs.fields(Facts) if each.type in ("bytes", bytes)]
_ends = [each.name for each in attrs.fields(Ends)]


class TestAnyLine(SynchronousTestCase):
    def is_one_line(self, octets: bytes) -> None:
        self.assertLessEqual(len(octets), LONGEST)
        self.assertEqual(octets[-1:], b"\n")
        text = octets[:-1].decode()  # no part of a character is left by a cut
        self.assertTrue(text.isprintable(), text)

    @EXAMPLES
    @given(st.sampled_from(Dialect), _words, _words, st.fixed_dictionaries(dict.fromkeys(_FIELDS, _words)))
    def test_chkuser(self, dialect: Dialect, title: bytes, text: bytes, facts: dict[str, bytes]) -> None:
        """Whatever the fields hold, it is one line, and analysers find as many fields as there are."""
        octets = chkuser_line(dialect, title, text, **facts)
        self.is_one_line(octets)
        head, peer = octets.split(b": from <", 1)
        self.assertTrue(head.startswith(b"CHKUSER "))
        self.assertEqual(len(test_3_5_log.parsed(b"CHKUSER title: from <" + peer)), 9)

    @EXAMPLES
    @given(st.sampled_from(Dialect), st.fixed_dictionaries(dict.fromkeys(_FIELDS, _plain)))
    def test_chkuser_of_usual_words(self, dialect: Dialect, facts: dict[str, bytes]) -> None:
        """What addresses, names and numbers usually are comes back as it was."""
        found = test_3_5_log.parsed(chkuser_line(dialect, b"accepted rcpt", b"found", **facts))
        helo = b"" if facts["helo"] == facts["remote_host"] else facts["helo"]
        self.assertEqual(
            found[1:8],
            (
                facts["sender"], facts["auth"] or facts["remote_info"], facts["identify"], helo,
                facts["remote_host"], facts["remote_ip"], facts["rcpt"],
            ),
        )  # fmt: skip

    @EXAMPLES
    @given(st.fixed_dictionaries(dict.fromkeys(_facts, _words)), st.lists(_words, max_size=30))
    def test_qlog(self, words: dict[str, bytes], rcptto: list[bytes]) -> None:
        """Whatever the values hold, it is one line with all keys in their order."""
        facts = Facts(**words, rcptto=rcptto, relay=True, pid=1)
        for octets in (qlogenvelope(facts), qlogreceived(facts)):
            self.is_one_line(octets)
            test_1_9_log.parsed(octets)
            self.assertTrue(octets.isascii())

    @EXAMPLES
    @given(st.fixed_dictionaries(dict.fromkeys(_ends, _words)), st.booleans())
    def test_tcpserver(self, words: dict[str, bytes], denied: bool) -> None:
        """Whatever the names hold, it is one line of ASCII, and analysers find as many fields as there are."""
        for expression, indimail in ((test_4_1_log.RULES, False), (test_4_1_log.INDIMAIL, True)):
            octets = rules_line(1, denied, Ends(**words), indimail=indimail)
            self.is_one_line(octets)
            self.assertTrue(octets.isascii())
            self.assertRegex(octets, expression)

    @EXAMPLES
    @given(_words, _words)
    def test_others(self, one: bytes, other: bytes) -> None:
        """Whatever the words hold, it is one line."""
        for octets in (
            pid_line(1, one),
            rblsmtpd_line(one, 1, b"451 " + other),
            auth_line(1, True, one, other),
            denied_line(1, b"badhelo", one, other),
            denied_line(1, b"badhelo", one, b"", other),
            found_line(1, Found.VALID, one, other),
            rcptcheck_line(1, one),
            told_line(one, reason=other, sender=one, remote_ip=other, rcpt=one, helo=other),
        ):
            self.is_one_line(octets)
