"""Settings are judged without a server."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from twistedmx.service.check import findings
from twistedmx.service.faults import Faults
from twistedmx.service.parts import lasting, parts_of
from twistedmx.service.start import read_file

SETTINGS = """\
host = "localhost"
data = "data"
listen = ["systemd:domain=INET6:name=smtp"]
[mailboxes]
table = "boxes"
"""


class TestSocketsOfSystemd(SynchronousTestCase):
    """systemd passes them to the server alone: neither to `ExecStartPre=` nor to who types a command."""

    def setUp(self):
        folder = os.path.abspath(self.mktemp())
        os.makedirs(folder)
        self.path = os.path.join(folder, "mx.toml")
        with open(os.path.join(folder, "boxes"), "w") as file:
            file.write("ann@localhost\n")
        self.write(SETTINGS)

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def test_they_are_no_fault_of_settings_that_are_only_judged(self):
        """The unit of contrib/ judges the settings before each start: it would never start."""
        faults, _ = findings(self.path)
        self.assertEqual(faults, [])

    def test_what_is_written_wrong_is_one(self):
        """Whoever passes the socket."""
        self.write(SETTINGS.replace(":name=smtp", ""))
        (fault,), _ = findings(self.path)
        self.assertIn("listen: 'systemd:domain=INET6' is no Twisted endpoint", fault)

    def test_a_server_needs_them(self):
        """It would listen nowhere."""
        settings, world = read_file(self.path), memory_world()
        faults = self.assertRaises(Faults, parts_of, settings, self.path, lasting(settings, world)).faults
        self.assertEqual(len(faults), 1)
        self.assertIn("systemd passed no such socket", faults[0])
