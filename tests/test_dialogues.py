"""Every dialogue in tests/dialogues, played in every way: see twistedmx.testing.dialogue for their language."""

import os
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.net.tls import make_demo_certificate, read_certificate
from twistedmx.testing.dialogue import Act, Dialogue, read_dialogue
from twistedmx.testing.players import expected, needs_plain, needs_shell, play_session, play_shell, play_socket

DIALOGUES = [read_dialogue(str(path)) for path in sorted(Path(__file__).parent.joinpath("dialogues").glob("*.smtp"))]


def _certificate():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "test.pem")
        make_demo_certificate(path, "mx.example.org", 1_700_000_000.0)
        return read_certificate(path)


CERTIFICATE = _certificate()


class _Compared:
    maxDiff = None

    def _compare(self, dialogue, played, secure=False):
        said = expected(dialogue, secure=secure)
        self.assertEqual((played.replies, played.events), (said.replies, said.events), dialogue.rule)
        # What failed is in the log with its traceback, and nothing else is: trial fails a test for each of the others.
        failing = any(step == Act("A", "look-ups fail") for step in dialogue.steps)
        failing = failing or any(getattr(policy, "fails", False) for policy in dialogue.settings.policies)
        self.assertEqual(bool(self.flushLoggedErrors(OSError)), failing, "look-ups that failed are logged")


class InMemory(_Compared, SynchronousTestCase):
    """However the octets of a dialogue are cut, what is said and what is told is what the file says."""


class OverSockets(_Compared, TestCase):
    """The same over real connections, in plain text and under TLS."""

    timeout = 60


def _in_memory(dialogue: Dialogue, play, whole: bool):
    def test(self):
        self._compare(dialogue, play(dialogue, whole=whole))

    test.__doc__ = dialogue.rule
    return test


def _over_socket(dialogue: Dialogue, secure: bool):
    def test(self):
        playing = Deferred.fromCoroutine(play_socket(dialogue, reactor, CERTIFICATE, secure=secure))
        return playing.addCallback(lambda played: self._compare(dialogue, played, secure))

    test.__doc__ = dialogue.rule
    return test


for _dialogue in DIALOGUES:
    _name = _dialogue.name.removesuffix(".smtp").replace("-", "_").replace(".", "_")
    for _cut, _whole in (("whole", True), ("octet_by_octet", False)):
        if not needs_shell(_dialogue):
            setattr(InMemory, f"test_{_name}_session_{_cut}", _in_memory(_dialogue, play_session, _whole))
        setattr(InMemory, f"test_{_name}_shell_{_cut}", _in_memory(_dialogue, play_shell, _whole))
    setattr(OverSockets, f"test_{_name}_socket", _over_socket(_dialogue, False))
    if not needs_plain(_dialogue):
        setattr(OverSockets, f"test_{_name}_tls", _over_socket(_dialogue, True))


class TheCollection(SynchronousTestCase):
    """The dialogues are there at all."""

    def test_there_are_dialogues(self):
        """A wrong path would make every test above vanish without a word."""
        self.assertGreater(len(DIALOGUES), 1)
