"""The file of qmail-spp, and answers of plugins, of any octets."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail.rcpt_check import own_reply
from twistedmx.qmail.spp_answer import ADDRESS, MOST_LINES, BadAnswer, Last, Said, parse_spp_answer, with_printed
from twistedmx.qmail.spp_file import MOST_PLUGINS, parse_spp_file
from twistedmx.smtp.reply import Reply

_file_lines = st.sampled_from(
    [
        b"[rcpt]",
        b"[connection]",
        b"[p",
        b"[",
        b"[x]",
        b"#",
        b"",
        b":",
        b":echo N",
        b"plugins/a",
        b" a",
        b"a\0b",
        b"\r",
        b"\t ",
    ]
)
_texts = st.sampled_from(
    [b"", b"550 no", b"250-on", b"250 ok", b"354 x", b"a=b", b"=", b"X-A: 1", b" x", b"MA", b"M550 no", b"\0", b"\xff"]
)
_answer_lines = st.builds(bytes.__add__, st.sampled_from([b"%c" % letter for letter in b"HCSUPLEROANDx"]), _texts)
_OURS = Reply(code=250, lines=("ok",))


def _lines(lines: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(lines | st.binary(max_size=20), max_size=12).map(b"\n".join)


class TestAnyFile(SynchronousTestCase):
    @EXAMPLES
    @given(_lines(_file_lines))
    def test_each_line_is_a_plugin_or_told_or_none(self, octets: bytes) -> None:
        """Any octets are a file whose plugins are lines of it in their order, each with words that a program can have."""
        file = parse_spp_file(octets)
        lines = octets.split(b"\n")
        for plugins in file.plugins.values():
            self.assertTrue(0 < len(plugins) <= MOST_PLUGINS)
            self.assertEqual(sorted(plugins, key=lambda plugin: plugin.number), list(plugins))
            for plugin in plugins:
                self.assertEqual(lines[plugin.number - 1].rstrip(b" \t\r"), plugin.line)
                self.assertTrue(all(word and b"\0" not in word for word in plugin.argv))
                self.assertEqual(
                    plugin.argv[-1], plugin.line.removeprefix(b":") if len(plugin.argv) == 3 else plugin.line
                )
                self.assertFalse(plugin.line.startswith((b"#", b"[")))
        for fault in file.faults:
            self.assertTrue(fault.isprintable())


class TestAnyAnswer(SynchronousTestCase):
    def look_at(self, said: Said) -> None:
        for header in said.headers:
            self.assertFalse(set(header) & set(b"\r\n\0"))
            self.assertTrue(header.strip())
        if said.headers:
            self.assertRegex(said.headers[0], rb"\A[!-9;-~]+:")
        self.assertLessEqual(len(said.address or b""), ADDRESS)
        self.assertFalse(set(said.address or b"") & set(b"\r\n\0"))
        for name, value in said.changes:
            self.assertTrue(name and b"=" not in name)
            self.assertNotIn(b"\0", name + (value or b""))
        self.assertEqual(said.reply is not None, said.last in (Last.REFUSE, Last.REFUSE_AND_CLOSE, Last.CLOSE))
        for reply in (*filter(None, [said.reply]), *said.delayed.values(), with_printed(said.printed, _OURS)):
            *goes_on, last = reply.octets.split(b"\r\n")[:-1] or [b"%d " % reply.code]
            self.assertTrue(all(line.startswith(b"%d-" % reply.code) for line in goes_on))
            self.assertTrue(last.startswith(b"%d " % reply.code))
            self.assertNotEqual(reply.code // 100, 3)
        for refusal in (*filter(None, [said.reply]), *said.delayed.values()):
            self.assertGreaterEqual(refusal.code, 400)
        for fault in said.faults:
            self.assertTrue(fault.isprintable())

    @EXAMPLES
    @given(_lines(_answer_lines))
    def test_any_octets_are_an_answer_or_a_bad_one(self, octets: bytes) -> None:
        """Whatever a plugin writes, what is passed on is one reply, whole lines of a header, an address, or variables."""
        try:
            said = parse_spp_answer(octets)
        except BadAnswer as bad:
            self.assertTrue(str(bad).isprintable())
            return
        self.look_at(said)
        if said.last is not None:
            self.assertEqual(parse_spp_answer(octets + b"\nHX-Later: 1\nE550 no\n" + b"z\n" * MOST_LINES), said)

    @EXAMPLES
    @given(_lines(_texts))
    def test_any_octets_give_one_reply_of_rcptcheck(self, octets: bytes) -> None:
        """Whatever is written to descriptor 4 is one reply with 4 or 5."""
        reply = own_reply(octets)
        self.assertIn(reply.code // 100, (4, 5))
        lines = reply.octets.split(b"\r\n")
        self.assertTrue(all(line.startswith(b"%d-" % reply.code) for line in lines[:-2]))
        self.assertEqual((lines[-2][:4], lines[-1]), (b"%d " % reply.code, b""))
