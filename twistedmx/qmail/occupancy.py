"""How many connections there are, as tcpserver -v tells it: once at the start, and with each that comes or goes."""

from collections.abc import Callable

from twistedmx.qmail.tcpserver_lines import status_line


class Occupancy:
    """`limit`: how many there may be, at this moment. `tell`: takes the lines; `indimail`: in its form."""

    def __init__(self, limit: Callable[[], int], tell: Callable[[bytes], None], *, indimail: bool = False) -> None:
        self._indimail = indimail
        self._limit = limit
        self._tell = tell
        self._connections = 0

    def came(self) -> None:
        """One more is there."""
        self._connections += 1
        self.tell()

    def went(self) -> None:
        """One that was there is gone."""
        self._connections -= 1
        self.tell()

    def tell(self) -> None:
        """How it is."""
        self._tell(status_line(self._connections, self._limit(), indimail=self._indimail))
