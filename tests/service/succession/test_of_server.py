"""What a server can hand over, and what it cannot."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service.faults import Faults
from twistedmx.service.succession.of_server import no_agent
from twistedmx.settings import Settings, settings_from


class TestAgent(SynchronousTestCase):
    def test_an_agent_of_roots_is_no_estate(self):
        """Nobody could start it again: who wants an upgrade is told to restart."""
        of_users = settings_from({"mailboxes": {"passwd": [{"domains": ["example.org"]}]}}, "mx.toml")
        error = self.assertRaises(Faults, no_agent, of_users, "mail")
        self.assertIn("restart the server", str(error))
        no_agent(of_users, "")  # root stays root, and starts another
        no_agent(Settings(), "mail")
