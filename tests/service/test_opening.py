"""What a server opens beside the places where mail comes, and what its operator hears when it cannot."""

import errno
import os

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from tests.service.test_start import memory_world
from twistedmx.service.faults import CannotStart
from twistedmx.service.opening import open_control
from twistedmx.settings import Settings


class TestControl(SynchronousTestCase):
    def fault(self, error: Exception) -> str:
        """Of a server whose socket the kernel refuses with `error`."""

        def refuse(path: str, *arguments: object, **how: object) -> None:
            raise CannotListenError(None, path, error)

        world = memory_world()
        world.reactor.listenUNIX = refuse
        self.data = os.path.abspath(self.mktemp())
        return str(self.assertRaises(CannotStart, open_control, Settings(data=self.data), world, {}))

    def test_a_folder_of_another_user_is_told_with_what_to_do(self):
        """Somebody made it as root before the server was there to do so."""
        said = self.fault(PermissionError(errno.EACCES, "Permission denied"))
        self.assertIn(f"control.socket: {self.data}/control.sock: Permission denied: we are uid 1000 now", said)
        self.assertIn(f"chown -R 1000 {self.data}", said)

    def test_any_other_fault_is_told_as_the_kernel_has_it(self):
        said = self.fault(OSError(errno.ENOSPC, "No space left on device"))
        self.assertEqual(said, f"twistedmx: control.socket: {self.data}/control.sock: No space left on device")
        self.assertIn("too long", self.fault(ValueError("too long")))
