"""A drill is for one's own machine."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.target import first_target, target_of


class TestTarget(SynchronousTestCase):
    def test_loopback_is_taken(self):
        """localhost means 127.0.0.1, whatever a resolver says."""
        self.assertEqual(target_of("127.0.0.1:2525"), ("127.0.0.1", 2525))
        self.assertEqual(target_of("127.44.5.6:25"), ("127.44.5.6", 25))
        self.assertEqual(target_of("localhost:25"), ("127.0.0.1", 25))

    def test_all_else_is_refused_with_the_way_out(self):
        """This must not become a weapon by a slip of the keyboard."""
        for text, why in (
            ("192.0.2.1:25", "is not loopback"),
            ("0.0.0.0:25", "is not loopback"),
            ("[::1]:25", "attackers come from 127.0.0.0/8"),
            ("[::ffff:127.0.0.1]:25", "is not loopback"),
            ("[2001:db8::1]:25", "is not loopback"),
            ("mx.example.org:25", "names are not resolved"),
            ("localhost.example.org:25", "names are not resolved"),
            ("127.1:25", "names are not resolved"),
            ("0177.0.0.1:25", "names are not resolved"),
            ("2130706433:25", "names are not resolved"),
            ("127.0.0.1", "is not HOST:PORT"),
            ("127.0.0.1:0", "is not HOST:PORT"),
            ("127.0.0.1:65536", "is not HOST:PORT"),
            ("127.0.0.1:٢٥", "is not HOST:PORT"),
            ("", "is not HOST:PORT"),
        ):
            error = self.assertRaises(CannotDrill, target_of, text)
            self.assertIn(why, str(error), text)
            self.assertIn("127.0.0", str(error))

    @EXAMPLES
    @given(st.text(max_size=30) | st.builds("{}:{}".format, st.ip_addresses(), st.integers(0, 70_000)))
    def test_whatever_is_taken_is_loopback(self, text):
        """And nothing is a traceback."""
        try:
            host, port = target_of(text)
        except CannotDrill:
            return
        self.assertTrue(host.startswith("127."))
        self.assertTrue(0 < port < 65_536)

    def test_the_first_place_of_a_server_that_can_be_reached_is_the_default(self):
        """Where it listens everywhere, that is loopback too."""
        self.assertEqual(first_target(["192.0.2.1:25", "0.0.0.0:2525"]), ("127.0.0.1", 2525))
        self.assertEqual(first_target(["[::]:25"]), ("127.0.0.1", 25))
        self.assertEqual(first_target(["127.0.0.9:26", "127.0.0.1:27"]), ("127.0.0.9", 26))
        error = self.assertRaises(CannotDrill, first_target, ["192.0.2.1:25", "UNIXAddress('/x')", "[::1]:25"])
        self.assertIn('add "tcp:2525:interface=127.0.0.1" to listen', str(error))
