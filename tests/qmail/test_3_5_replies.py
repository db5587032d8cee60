"""What chkuser 2.0.9 says: to the client, octet for octet, and to the log."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.chkuser_cases import LINES, REPLIES, Case

WORDS = {
    Case.ACCEPTED: b"250 ok\r\n",
    Case.NO_MAILBOX: b"550 5.1.1 sorry, no mailbox here by that name (chkuser)\r\n",
    Case.NO_RESOURCE: b"451 4.3.0 system temporary unavailable, try again later (chkuser)\r\n",
    Case.OVER_QUOTA: b"552 5.2.2 sorry, recipient mailbox is full (chkuser)\r\n",
    Case.TOO_MANY: b"550 5.5.3 sorry, reached maximum number of recipients allowed in one session (chkuser)\r\n",
    Case.INTRUSION: b"550 5.7.1 sorry, you are violating our security policies (chkuser)\r\n",
    Case.NO_DOMAIN: b"550 5.1.2 sorry, you must specify a domain (chkuser)\r\n",
    Case.RCPT_FORMAT: b"553 5.1.3 sorry, rcpt syntax not allowed (chkuser)\r\n",
    Case.RCPT_MX: b"550 5.1.2 sorry, can't find a valid MX for rcpt domain (chkuser)\r\n",
    Case.RCPT_DNS: b"451 4.4.0 DNS temporary failure (chkuser)\r\n",
    Case.NOT_RELAYED: b"553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts (chkuser)\r\n",
    Case.MUST_AUTH: b"530 5.7.0 Authentication required (chkuser)\r\n",
    Case.SENDER_FORMAT: b"553 5.1.7 sorry, sender syntax not allowed (chkuser)\r\n",
    Case.SENDER_MX: b"550 5.1.8 sorry, can't find a valid MX for sender domain (chkuser)\r\n",
    Case.SENDER_DNS: b"451 4.4.0 DNS temporary failure (chkuser)\r\n",
    Case.SENDER_MUST_AUTH: b"530 5.7.0 Authentication required (chkuser)\r\n",
}
THRESHOLDS = {Case.RCPT_THRESHOLD, Case.WRONG_RCPT_THRESHOLD}


class TestTables(SynchronousTestCase):
    """Clients and readers of logs match on them."""

    def test_the_words_are_those_of_chkuser(self) -> None:
        """Octet for octet."""
        self.assertEqual({case: REPLIES[case].octets for case in WORDS}, WORDS)
        self.assertEqual({REPLIES[case].octets for case in REPLIES if case not in WORDS}, {b"250 ok\r\n"})

    def test_every_case_has_its_words_and_its_line(self) -> None:
        """A threshold is heard by the log alone."""
        self.assertEqual(set(REPLIES), set(Case) - THRESHOLDS)
        self.assertEqual(set(LINES), set(Case))

    def test_the_titles_are_those_of_chkuser(self) -> None:
        """As its documentation lists them."""
        self.assertEqual(
            {title for title, _ in LINES.values()},
            {
                "accepted rcpt",
                "accepted any rcpt",
                "relaying rcpt",
                "rejected rcpt",
                "no auth resource",
                "mbx overquota",
                "rejected intrusion",
                "rejected relaying",
                "must auth",
                "accepted sender",
                "accepted doublebounce",
                "rejected sender",
                "intrusion threshold",
            },
        )
