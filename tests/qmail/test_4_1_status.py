"""tcpserver's lines of how many connections there are."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.occupancy import Occupancy


class TestOccupancy(SynchronousTestCase):
    """As tcpserver -v: at the start, and with each that comes or goes."""

    def test_each_change_is_told(self) -> None:
        """With the limit of that moment."""
        lines: list[bytes] = []
        limit = [40]
        occupancy = Occupancy(lambda: limit[0], lines.append)
        occupancy.tell()
        occupancy.came()
        limit[0] = 39
        occupancy.came()
        occupancy.went()
        occupancy.went()
        self.assertEqual(lines, [b"tcpserver: status: %s\n" % n for n in (b"0/40", b"1/40", b"2/39", b"1/39", b"0/39")])
