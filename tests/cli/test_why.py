"""`twistedmx why`: what a person reads of what the server knows."""

from hypothesis import given
from hypothesis import strategies as some

from tests.cli.calling import Calling
from tests.cli.test_commands import BOB, HUNG_UP
from tests.fuzz import EXAMPLES
from twistedmx.cli.why import lines_of

NOTHING = {"what": "QJ7RK3TWN1", "found": False, "since": 1_795_176_600.0, "look": "grep -F QJ7RK3TWN1 /var/log/mx"}
NEVER = {"network": "192.0.2.0/24", "source": "[blocklist] never", "undo": "[blocklist] never"}
ALLOWED = {"network": "192.0.2.0/24", "source": "operator", "undo": "twistedmx allow --remove 192.0.2.0/24"}
HOST = {"host": "192.0.2.9", "sessions": 12, "first": 0.0, "reasons": {"unknown-mailbox": 60, "bad-recipients": 12}}


class TestWhy(Calling):
    def test_where_nothing_is_known_that_is_said_with_where_to_look(self):
        """The postmaster's question has an answer, and the status says which."""
        self.serve(why=NOTHING)
        said = self.ask("why", "QJ7RK3TWN1")
        self.assertEqual(said.status, 1)
        self.assertIn("QJ7RK3TWN1: nothing is known: no block, and no refusal since 2026-11-20 12:10:00 UTC", said.out)
        self.assertIn("grep -F QJ7RK3TWN1 /var/log/mx", said.out)

    def test_of_several_each_is_told(self):
        """And the status is that of the worst."""
        self.serve(why=lambda arguments: NOTHING if arguments["what"] == "x" else HUNG_UP)
        said = self.ask("why", "x", "qj7rk3twn1", "--most", "3")
        self.assertEqual(said.status, 1)
        self.assertIn("undo: twistedmx unban 7KW3PQ2N", said.out)
        self.assertEqual([each["found"] for each in self.ask("why", "x", "y", "--json").json], [False, True])

    def test_where_there_is_a_sample_the_command_for_it_is_told(self):
        """Whoever asks why may want to see what."""
        session = {"session": "QJ7RK3TWN1", "sample": "twistedmx samples QJ7RK3TWN1"}
        self.assertIn("  sample: twistedmx samples QJ7RK3TWN1", lines_of({"found": True, "sessions": [session]}))

    def test_the_most_is_asked(self):
        """Of a flooded address there are thousands."""
        asked = []
        self.serve(why=lambda arguments: asked.append(arguments) or {**HUNG_UP, "older": 97})
        self.assertIn("97 older sessions are not shown (--most)", self.ask("why", "a@example.org", "--most", "3").out)
        self.assertEqual(asked, [{"what": "a@example.org", "most": 3}])

    def test_who_is_never_blocked_and_why_is_told(self):
        """By a setting, or by the operator's word, each with what changes it."""
        lines = list(lines_of({"found": True, "never": [NEVER, ALLOWED], "hosts": [HOST]}))
        self.assertEqual(
            lines,
            [
                "host 192.0.2.9: 12 sessions since 1970-01-01 00:00:00 UTC: 60 unknown-mailbox, 12 bad-recipients",
                "192.0.2.0/24: never blocked ([blocklist] never)",
                "  undo: it is so by [blocklist] never",
                "192.0.2.0/24: never blocked (operator)",
                "  undo: twistedmx allow --remove 192.0.2.0/24",
            ],
        )

    def test_a_block_that_is_over_is_told_as_such(self):
        """The next one lasts longer."""
        block = {**HUNG_UP["blocks"][0], "holds": False, "relapse": 2, "undo": ""}
        (line,) = lines_of({"found": True, "blocks": [block]})
        self.assertIn("was blocked until", line)
        self.assertIn("relapse 2", line)

    def test_a_recipient_is_told_with_what_rcpt_says_now(self):
        """And the line that would let it in."""
        told = {**BOB, "meaning": "there is none", "change": "write the line `bob@example.org` into boxes"}
        self.assertEqual(
            list(lines_of({"found": True, "recipient": told})),
            [
                "now: bob@example.org: 550 5.1.1 No such mailbox here (mailboxes.sql[0]: unknown-mailbox)",
                "  unknown-mailbox: there is none",
                "  change: write the line `bob@example.org` into boxes",
            ],
        )

    def test_a_message_is_told_with_its_id_and_many_recipients_in_short(self):
        """One line for a refusal, whatever it was about."""
        refusal = {
            "at": 0.0,
            "what": "content",
            "queue_id": "QJ7RK3TWN1.2",
            "from": "",
            "recipients": [f"{name}@example.org" for name in "abcd"],
            "count": 9,
            "reason": "too-large",
            "meaning": "it was",
            "heard": "552 5.3.4 Too large",
            "change": "[limits] size",
            "detail": "why not",
        }
        session = {"session": "QJ7RK3TWN1", "peer": "", "via": "10.0.0.1", "refusals": [refusal], "beyond": {"loop": 3}}
        self.assertEqual(
            list(lines_of({"found": True, "sessions": [session]})),
            [
                "session QJ7RK3TWN1: client not known (told by 10.0.0.1), without TLS",
                "  1970-01-01 00:00:00 UTC  message QJ7RK3TWN1.2 from <> to a@example.org, b@example.org, c@example.org and 6 more:"
                " too-large: it was (why not)",
                "      heard: 552 5.3.4 Too large",
                "      change: [limits] size",
                "  and more that are not named: 3 loop",
                "  (it has not ended)",
            ],
        )

    def test_of_an_open_session_it_is_told_when_more_will_be_known(self):
        """A postmaster who watches his log asks before we know the end."""
        session = {"session": "QJ7RK3TWN1", "peer": "192.0.2.9", "via": "10.0.0.1", "since": 0.0}
        first, then = lines_of({"found": True, "open": session})
        self.assertEqual(
            first, "session QJ7RK3TWN1: client 192.0.2.9 (told by 10.0.0.1), open since 1970-01-01 00:00:00 UTC"
        )
        self.assertIn("is told when its transaction is over", then)

    def test_a_command_that_was_refused_is_told_with_where_and_how_often(self):
        """It was about nobody yet."""
        refusal = {
            "what": "mail",
            "from": "a@example.net",
            "recipients": [],
            "count": 3,
            "reason": "disk-full",
            "meaning": "full",
        }
        for change, said in (({}, "at mail from <a@example.net>, 3 times"), ({"count": 1, "from": ""}, "at mail")):
            lines = list(lines_of({"found": True, "sessions": [{"refusals": [refusal | change]}]}))
            self.assertEqual(lines[1], f"  1970-01-01 00:00:00 UTC  {said}: disk-full: full")

    @EXAMPLES
    @given(some.fixed_dictionaries({}, optional={"what": some.text(), "look": some.text(), "found": some.booleans()}))
    def test_a_server_of_another_version_may_leave_anything_out(self, answer):
        """A person reads what is there."""
        for line in lines_of(answer):
            self.assertIsInstance(line, str)
