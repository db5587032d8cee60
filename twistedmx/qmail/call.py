"""One connection, as the programs of a qmail host know it: its environment, and what has been found of it so far."""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from twistedmx.model.peer import Peer
from twistedmx.qmail.check_program import CheckProgram
from twistedmx.qmail.chkuser_checked import Caller
from twistedmx.qmail.chkuser_counting import Counting
from twistedmx.qmail.occupancy import Occupancy
from twistedmx.qmail.spp import Plugins
from twistedmx.qmail.tcpserver_lines import Ends
from twistedmx.qmail.terms import Environment, Terms

Tell = Callable[[bytes], None]  # takes a line with its end


def nobody_waits(status: int) -> None:
    """For the end of the connection."""


def silent(line: bytes) -> None:
    """Nobody reads what qmail-smtpd would have said."""


@attrs.define(kw_only=True)
class Call:
    """`pid`: a number that no other connection has meanwhile, as the pid of its qmail-smtpd was. `environment`: its own, and nobody
    else's: what a plugin or AUTH sets is gone with it. `terms`: by that environment; `again`: makes them for what it has become.
    `check_program`: for AUTH. `plugins`: of qmail-spp. `of_client`: the environment of a client that a proxy names, and whether the
    rules deny it; None: nobody may name one. `denied`: by the rules. `over`: is told how qmail-smtpd would have ended.
    `is_beside`: tcpserver holds the connection as well, and counts it; else `occupancy` does. `tell`: lines of the log. `bad`:
    recipients that brtlimit counts; `taken`: those that were."""

    pid: int
    environment: dict[bytes, bytes]
    terms: Terms
    again: Callable[[Environment], Terms]
    check_program: CheckProgram | None = None
    plugins: Plugins | None = None
    of_client: Callable[[Peer], tuple[dict[bytes, bytes], bool]] | None = None
    denied: bool = False
    over: Callable[[int], None] = nobody_waits
    is_beside: bool = False
    occupancy: Occupancy | None = None
    tell: Tell = silent
    counting: Counting = attrs.Factory(Counting)
    bad: int = 0
    taken: int = 0
    _before: dict[bytes, bytes] | None = None  # what AUTH has changed

    def become(self, changes: Environment) -> None:
        """The client has shown who he is: so are the variables, until `forget`."""
        if self._before is None:
            self._before = dict(self.environment)
        self.environment |= changes
        self.terms = self.again(self.environment)

    def forget(self) -> None:
        """He is not known any more: what AUTH has given is taken away."""
        if self._before is not None:
            self.begin_anew(self._before)

    def begin_anew(self, environment: dict[bytes, bytes]) -> None:
        """As a connection with this environment, whose counts go on."""
        self._before = None
        self.environment = environment
        self.terms = self.again(environment)

    @property
    def caller(self) -> Caller:
        """As chkuser asks who sends."""
        terms = self.terms
        return Caller(
            settings=terms.chkuser, controls=terms.controls, relayclient=terms.relayclient, counting=self.counting
        )

    def fact(self, name: bytes) -> bytes:
        """A variable; b"" where it is not there."""
        return self.environment.get(name, b"")

    @property
    def remote_ip(self) -> bytes:
        return self.fact(b"TCPREMOTEIP")

    @property
    def ends(self) -> Ends:
        """Both, as tcpserver tells them."""
        return Ends(**{field: self.fact(name) for field, name in _ENDS.items()})


_ENDS: Final[Mapping[str, bytes]] = {
    "local_host": b"TCPLOCALHOST",
    "local_ip": b"TCPLOCALIP",
    "local_port": b"TCPLOCALPORT",
    "remote_host": b"TCPREMOTEHOST",
    "remote_ip": b"TCPREMOTEIP",
    "remote_info": b"TCPREMOTEINFO",
    "remote_port": b"TCPREMOTEPORT",
}
