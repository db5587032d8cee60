"""Where endpoint strings listen, as far as their words tell."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.settings.endpoints import Place, bad_port, place_of


class TestPlaces(SynchronousTestCase):
    def test_ports_and_interfaces(self):
        """As twisted.internet.endpoints reads them; no interface is all of them."""
        for text, port, interface, local in (
            ("tcp:25", 25, "", False),
            ("tcp6:25", 25, "", False),
            ("tcp:port=25", 25, "", False),
            ("tcp:2525:interface=127.0.0.1", 2525, "127.0.0.1", True),
            ("tcp6:2525:interface=\\:\\:1", 2525, "::1", True),
            ("tcp:interface=localhost:port=9100", 9100, "localhost", True),
            ("tcp:25:interface=192.0.2.1:backlog=5", 25, "192.0.2.1", False),
            ("tcp6:25:interface=\\:\\:", 25, "::", False),
            ("unix:/run/x.sock", None, "", True),
            ("systemd:domain=INET:index=0", None, "", True),
            ("tcp:smtp", None, "", False),
        ):
            self.assertEqual(place_of(text), Place(port=port, interface=interface, local=local), text)

    def test_a_port_has_16_bits(self):
        """Twisted takes any number, and the kernel does not."""
        for text in ("tcp:65536", "tcp:99999:interface=127.0.0.1", "tcp6:port=-1", f"tcp:{'9' * 5000}"):
            self.assertIn("it must be from 0 to 65535", bad_port(text), text)
            self.assertLess(len(bad_port(text)), 80)
        for text in ("tcp:0", "tcp:65535", "tcp:smtp", "tcp", "unix:/99999", "systemd:domain=INET:index=99999", ""):
            self.assertEqual(bad_port(text), "", text)

    @given(st.text() | st.text(alphabet="tcp6:=\\interfacport0123456789"))
    def test_any_text_has_a_place(self, text):
        """What is no endpoint is a fault, told elsewhere."""
        self.assertIsInstance(place_of(text), Place)
        self.assertIsInstance(bad_port(text), str)
