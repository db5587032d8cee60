"""What a server opens beside the places where mail comes, and what its operator hears when it cannot."""

import errno
import os

import attrs
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from twistedmx.net.control import ControlSettings
from twistedmx.service.faults import CannotStart
from twistedmx.service.opening import open_control
from twistedmx.settings import Settings

DENIED = PermissionError(errno.EACCES, "Permission denied")


class TestControl(SynchronousTestCase):
    def fault(self, error: Exception, *, uid: int = 4242, socket: str = "control.sock") -> str:
        """Of a server whose socket the kernel refuses with `error`."""

        def refuse(path: str, *arguments: object, **how: object) -> None:
            raise CannotListenError(None, path, error)

        world = attrs.evolve(memory_world(), uid=lambda: uid)
        world.reactor.listenUNIX = refuse
        self.data = os.path.abspath(self.mktemp())
        os.mkdir(self.data)
        settings = Settings(data=self.data, control=ControlSettings(socket=socket))
        return str(self.assertRaises(CannotStart, open_control, settings, world, {}))

    def test_a_folder_of_another_user_is_told_with_what_to_do(self):
        """Somebody made it as root before the server was there to do so."""
        said = self.fault(DENIED)
        self.assertIn(f"control.socket: {self.data}/control.sock: Permission denied: {self.data} is not ours", said)
        self.assertIn(f"who are uid 4242 now; chown -R 4242 {self.data}", said)

    def test_nobody_is_told_to_give_away_a_folder_that_is_not_for_data(self):
        """As /run, or that of a server which runs."""
        elsewhere = os.path.abspath(self.mktemp())
        self.assertNotIn("chown", self.fault(DENIED, socket=f"{elsewhere}/control.sock"))
        self.assertNotIn("chown", self.fault(DENIED, uid=os.getuid()))

    def test_any_other_fault_is_told_as_the_kernel_has_it(self):
        said = self.fault(OSError(errno.ENOSPC, "No space left on device"), uid=os.getuid())
        self.assertEqual(said, f"twistedmx: control.socket: {self.data}/control.sock: No space left on device")
        self.assertIn("too long", self.fault(ValueError("too long")))
