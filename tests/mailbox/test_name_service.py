"""The name service: there is no such user, and nobody can tell, are two answers."""

import errno
import pwd

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.name_service import status_of, user_named


def no_entry(name: str) -> pwd.struct_passwd:
    raise KeyError(name)


class TestUserNamed(SynchronousTestCase):
    """What Python makes one KeyError of."""

    def test_a_user_of_this_machine_is_found(self) -> None:
        """root is there on every system."""
        self.assertEqual(user_named("root").pw_uid, 0)
        self.assertEqual(status_of("root"), (0, True))

    def test_a_name_that_nobody_has_is_a_key_error(self) -> None:
        """It may be refused for good."""
        self.assertRaises(KeyError, user_named, "nobody-has-this-name")

    def test_a_service_that_is_down_is_no_key_error(self) -> None:
        """550 to everybody in the directory is what a mail server must not answer while LDAP is restarted."""
        error = self.assertRaises(
            OSError, user_named, "ann", look_up=no_entry, status_of=lambda name: (errno.ECONNREFUSED, False)
        )
        self.assertEqual(error.errno, errno.ECONNREFUSED)
        self.assertIn("Connection refused", str(error))

    def test_a_service_that_came_back_meanwhile_is_no_key_error(self) -> None:
        """Asked twice, it has said two things."""
        self.assertRaises(OSError, user_named, "ann", look_up=no_entry, status_of=lambda name: (0, True))
