"""Replies from whatever calls itself a server."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import at_random, one_by_one, whole
from twistedmx.smtp.client import Answer, BadAnswer, Client, ClientPhase

_replies = st.lists(
    st.sampled_from(
        [
            b"220 hi\r\n",
            b"250-a\r\n",
            b"250 b\n",
            b"250\r\n",
            b"354 go\r\n",
            b"421 4.7.0 no\r\n",
            b"221 bye\r\n",
            b"550-a\r\n250 b\r\n",
            b"25",
            b"\r",
            b"999 x\r\n",
            b"250-" + b"x" * 2100,
        ]
    )
    | st.binary(max_size=8),
    max_size=8,
).map(b"".join)


def played(pieces: list[bytes], commands: list[bytes]) -> tuple[list[Answer], list[bytes], str, ClientPhase]:
    """Answers, what was said, the fault or "", and how it ended: a client that says its next line when it may."""
    client, answers, said = Client(), [], []
    waiting = list(commands)
    try:
        for piece in pieces:
            client.receive(piece)
            while (answer := client.next_answer()) is not None:
                answers.append(answer)
                if client.phase is ClientPhase.READY and waiting:
                    said.append(client.command(waiting.pop(0)))
                elif client.phase is ClientPhase.CONTENT:
                    said.append(client.content(b"x"))
    except BadAnswer as error:
        return answers, said, str(error), client.phase
    return answers, said, "", client.phase


class TestClient(SynchronousTestCase):
    @EXAMPLES
    @given(_replies, st.lists(st.sampled_from([b"NOOP", b"DATA", b"QUIT"]), max_size=6), st.integers(0, 9))
    def test_it_hears_the_same_however_octets_are_cut(self, octets, commands, seed):
        """And nothing makes it raise anything but BadAnswer."""
        expected = played(whole(octets), commands)
        self.assertEqual(played(one_by_one(octets), commands), expected)
        self.assertEqual(played(at_random(octets, seed), commands), expected)
