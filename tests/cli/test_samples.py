"""`twistedmx samples`: what a person may look at without harm, and a program as it came."""

import io
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as some

from tests.cli.calling import Calling
from tests.fuzz import EXAMPLES
from twistedmx.cli.samples import lines_of
from twistedmx.cli.terminal import Terminal
from twistedmx.net.control import Refused

GUESSES = {
    "id": "QJ7RK3TWN1",
    "session": "QJ7RK3TWN1",
    "at": 1_795_176_607.0,
    "peer": "192.0.2.9",
    "via": "",
    "helo": "mail.example.net",
    "stage": "rcpt",
    "reason": "unknown-mailbox",
    "meaning": "the domain is ours, and has no such mailbox",
    "heard": "550 5.1.1 No such mailbox here",
    "detail": "",
    "from": ["bob@example.net"],
    "to": ["sales@example.org", "info@example.org"],
    "count": 2,
    "octets": None,
    "kept": 0,
    "whole": True,
}
MESSAGE = {
    **GUESSES,
    "id": "BW2X0FD8KC.1",
    "session": "BW2X0FD8KC",
    "at": 1_795_176_609.0,
    "peer": "198.51.100.7",
    "stage": "message",
    "reason": "policy",
    "meaning": "a policy refused it",
    "heard": "550 5.7.1 No",
    "detail": "looks like the last ten",
    "from": [""],
    "to": ["ann@example.org"],
    "count": 1,
    "octets": 48_211,
    "kept": 16_384,
    "whole": False,
}
SAMPLES = {"what": "", "found": True, "keep": 20, "samples": [GUESSES, MESSAGE], "older": 0}
HOSTILE = b"Subject: \x1b[2J\x1b]0;owned\x07\r\n\r\n\xff\xfe\xe2\x80\xae\x9b31m\r\nlast\n"
NOTHING = {"what": "QJ7RK3TWN1", "found": False, "since": 1_795_176_600.0, "keep": 20, "samples": [], "older": 0}


def of(content, **more):
    """The answer of one id."""
    sample = {**MESSAGE, "octets": 17, "whole": True, **more, "content": b64encode(content).decode()}
    return {**SAMPLES, "what": "BW2X0FD8KC.1", "samples": [sample]}


class TestSamples(Calling):
    def test_one_is_told_whole(self):
        """Who sent it to whom, what he heard, and how it began."""
        self.serve(samples=of(b"Subject: x\n\nHello\n", whole=False, kept=18, octets=48_211, via="10.0.0.1"))
        said = self.ask("samples", "bw2x0fd8kc.1")
        self.assertEqual(
            (said.status, said.out),
            (
                0,
                "BW2X0FD8KC.1: policy at message, 2026-11-20 12:10:09 UTC\n"
                "  client 198.51.100.7 (told by 10.0.0.1), HELO mail.example.net\n"
                "  <> to ann@example.org\n"
                "  policy: a policy refused it (looks like the last ten)\n"
                "  heard: 550 5.7.1 No\n"
                "  content: 48211 octets, of which the first 18 are here\n"
                "  | Subject: x\n"
                "  | \n"
                "  | Hello\n",
            ),
        )

    def test_what_never_came_to_content_and_what_was_not_kept_are_told_apart(self):
        """An empty message is not one that nobody has kept."""
        for sample, words in (
            (GUESSES, "  it did not come to content"),
            ({**MESSAGE, "octets": 0, "kept": 0, "whole": True}, "  content: 0 octets"),
            ({**MESSAGE, "kept": 0}, "  content: 48211 octets, of which none are here"),
        ):
            self.assertEqual(list(lines_of({**SAMPLES, "what": "x", "samples": [sample]}))[-1], words)

    def test_a_terminal_is_told_nothing_that_it_would_obey(self):
        """A message may clear the screen, name the window, or write from right to left: it was sent by who attacks."""
        self.serve(samples=of(HOSTILE, helo="\x1b[2J", detail="\x9b", **{"from": ["\x1b]0;x\x07"]}))
        said = self.ask("samples", "BW2X0FD8KC.1")
        self.assertEqual([character for character in said.out if not character.isprintable() and character != "\n"], [])
        self.assertIn("  | Subject: \\x1b[2J\\x1b]0;owned\\x07\\r\n", said.out)

    @EXAMPLES
    @given(some.binary(max_size=200), some.text(max_size=20))
    def test_whatever_was_sent_is_printable(self, content, helo):
        """In the lines as the terminal prints them, and a line of the content is a line."""
        out = io.StringIO()
        terminal = Terminal(stdout=out, stderr=out)
        lines = list(lines_of(of(content, helo=helo)))
        for line in lines:
            terminal.say(line)
        said = out.getvalue().splitlines()
        self.assertEqual(len(said), len(lines))
        self.assertTrue(all(line.isprintable() for line in said))

    def test_raw_is_the_content_octet_by_octet(self):
        """For a program that takes messages apart."""
        self.serve(samples=of(HOSTILE))
        said = self.ask("samples", "BW2X0FD8KC.1", "--raw")
        self.assertEqual((said.status, said.octets, said.beside), (0, HOSTILE, ""))

    def test_raw_is_not_for_a_terminal(self):
        """It would obey."""
        self.serve(samples=of(HOSTILE))
        said = self.ask("samples", "BW2X0FD8KC.1", "--raw", at_terminal=True)
        self.assertEqual((said.status, said.octets), (2, b""))
        self.assertIn("send it to a file or through a pipe", said.beside)

    def test_content_that_is_no_base64_is_said_in_words(self):
        """A server of another version, or what is no server of ours: no traceback, and half a sample is none."""
        answer = of(b"")
        self.serve(samples=lambda arguments: answer)
        for content in ("=", "a", "Subject: x", "\u00fc", 5, ["x"]):
            answer["samples"][0]["content"] = content
            for raw in ([], ["--raw"]):
                said = self.ask("samples", "BW2X0FD8KC.1", *raw)
                self.assertEqual((said.status, said.out, said.octets), (2, "", b""), content)
                self.assertTrue(said.beside.startswith("twistedmx samples: BW2X0FD8KC.1: its content cannot"), said)

    def test_raw_of_none_or_of_several_is_refused_with_what_to_do(self):
        """Two messages after each other would be taken for one."""
        two = of(b"x")["samples"] + of(b"y", id="BW2X0FD8KC.2")["samples"]
        answers = {
            None: (SAMPLES, 2, "name its id"),
            "0123456789": (NOTHING, 1, "0123456789: no content was kept"),
            "QJ7RK3TWN1": ({**SAMPLES, "samples": [GUESSES]}, 1, "no content was kept"),
            "BW2X0FD8KC": ({**SAMPLES, "samples": two}, 1, "name one of BW2X0FD8KC.1, BW2X0FD8KC.2"),
        }
        self.serve(samples=lambda arguments: answers[arguments["what"]][0])
        for id_, (_, status, beside) in answers.items():
            said = self.ask("samples", *([id_] if id_ else []), "--raw")
            self.assertEqual((said.status, said.octets), (status, b""))
            self.assertIn(beside, said.beside)

    def test_where_there_is_none_that_is_said(self):
        """With the status of `why`; to ask for all of none is no fault."""
        self.serve(samples=lambda arguments: {**NOTHING, "what": (arguments["what"] or "").upper()})
        said = self.ask("samples", "qj7rk3twn1")
        self.assertEqual(said.status, 1)
        self.assertIn(
            "QJ7RK3TWN1: there is no sample: nothing of it was refused since 2026-11-20 12:10:00 UTC", said.out
        )
        said = self.ask("samples")
        self.assertEqual(said.status, 0)
        self.assertIn("there is no sample: nothing was refused since 2026-11-20 12:10:00 UTC", said.out)
        self.assertEqual(list(lines_of({**NOTHING, "keep": 0})), ["no samples are kept: [samples] keep is 0"])

    def test_what_is_no_id_is_refused_by_the_server(self):
        """In its words."""

        def samples(arguments):
            raise Refused(f"{arguments['what']!r} is no id")

        self.serve(samples=samples)
        said = self.ask("samples", "nonsense!")
        self.assertEqual((said.status, said.out, said.beside), (1, "", "twistedmx samples: 'nonsense!' is no id\n"))

    def test_reason_and_number_are_asked(self):
        """And what is not shown is counted."""
        asked = []
        self.serve(samples=lambda arguments: asked.append(arguments) or {**SAMPLES, "older": 7})
        said = self.ask("samples", "--reason", "loop", "--most", "2")
        self.assertEqual(asked, [{"what": None, "reason": "loop", "most": 2}])
        self.assertTrue(said.out.startswith("7 older samples are not shown (--most)\n"))

    def test_machines_get_what_the_server_said(self):
        """Content in base64."""
        answer = of(HOSTILE)
        self.serve(samples=answer)
        self.assertEqual(self.ask("samples", "BW2X0FD8KC.1", "--json").json, answer)

    @EXAMPLES
    @given(
        some.fixed_dictionaries({}, optional={"what": some.text(), "keep": some.integers(), "found": some.booleans()})
    )
    def test_a_server_of_another_version_may_leave_anything_out(self, answer):
        """A person reads what is there."""
        for each in (answer, {**answer, "samples": [{}]}, {**answer, "samples": [{"octets": 5}]}):
            for line in lines_of(each):
                self.assertIsInstance(line, str)
