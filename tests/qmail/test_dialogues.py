"""Every dialogue in tests/qmail/dialogues, played through the host as it is served: see `scene` for what their heads say.

A file is named after the section of the contract whose fact it shows; 8 are the traps.
"""

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.qmail.scene import QmailStage, Scene, read_scene
from twistedmx.testing.dialogue import Dialogue
from twistedmx.testing.players import expected, play_shell, play_socket

SCENES = [read_scene(str(path)) for path in sorted(Path(__file__).parent.joinpath("dialogues").glob("*.smtp"))]


class _Compared:
    maxDiff = None

    def _staged(self, scene):
        def staged(*how, **more):
            stage = QmailStage(scene, *how, **more)
            self.addCleanup(stage.close)
            return stage

        return staged

    def _compare(self, dialogue, played):
        said = expected(dialogue)
        self.assertEqual((played.replies, played.events), (said.replies, said.events), dialogue.rule)


class InMemory(_Compared, SynchronousTestCase):
    """However the octets of a dialogue are cut, what is said, told and queued is what the file says."""


class OverSockets(_Compared, TestCase):
    """The same over real connections, with a real handshake where there is one."""

    timeout = 60


def _in_memory(dialogue: Dialogue, scene: Scene, whole: bool):
    def test(self):
        self._compare(dialogue, play_shell(dialogue, whole=whole, build=self._staged(scene)))

    test.__doc__ = dialogue.rule
    return test


def _over_socket(dialogue: Dialogue, scene: Scene):
    def test(self):
        playing = Deferred.fromCoroutine(play_socket(dialogue, reactor, None, build=self._staged(scene)))
        return playing.addCallback(lambda played: self._compare(dialogue, played))

    test.__doc__ = dialogue.rule
    return test


for _dialogue, _scene in SCENES:
    _name = _dialogue.name.removesuffix(".smtp").replace("-", "_").replace(".", "_")
    for _cut, _whole in (("whole", True), ("octet_by_octet", False)):
        setattr(InMemory, f"test_{_name}_{_cut}", _in_memory(_dialogue, _scene, _whole))
    if not _scene.knows_addresses:
        setattr(OverSockets, f"test_{_name}_socket", _over_socket(_dialogue, _scene))


class TheCollection(SynchronousTestCase):
    """The dialogues are there at all."""

    def test_there_are_dialogues(self):
        """A wrong path would make every test above vanish without a word."""
        self.assertGreater(len(SCENES), 10)
