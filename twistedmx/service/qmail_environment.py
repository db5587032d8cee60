"""The environment of a connection: of the run script, the rules, and the connection itself; or what tcpserver made of it.

Whoever hands over a connection says who may relay, and names programs that are then ours to run: QMAILQUEUE, RCPTCHECK, those
of SPPCONFFILE, the check program of AUTH. From root and from our own user all of that is taken. Others would be us if we ran what
they name: they may name what we have in our own environment and settings (`qmail.named_programs`), or else are not served. Of what
is neither such a variable nor makes terms, theirs is not looked at.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.interfaces import IAddress

from twistedmx.model.peer import Peer
from twistedmx.net.handed_over import HandedOver
from twistedmx.qmail.named_programs import named_otherwise
from twistedmx.qmail.rules import Allowed, CouldNotTell, Rules, Ruling
from twistedmx.qmail.terms import is_of_terms

# Of a connection, beside those that make its terms.
_FACTS: Final = (b"TCP", b"PROTO")
_ALL: Final = Allowed(environment=())


class UsualRules:
    """The rules in the first of `paths` that is there. Once one was, it has to be: a file that is gone may have denied somebody."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self._paths = paths
        self._found: Rules | None = None

    def find(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Ruling:
        """As `Rules.find`."""
        if self._found is None:
            there = next(filter(os.path.lexists, self._paths), None)
            if there is None:
                return _ALL
            self._found = Rules(there, allow_missing=False)
        return self._found.find(ip, host, info)


class NotTrusted(Exception):
    """Who hands over names programs that are not run for him. The text is for the operator, with what to do."""


class Environments:
    """Of one host. `own`: of this program, as a run script has made it: each connection that comes to us begins with it. `warn`:
    hears why nobody is let in. `own_user`: as whom we run. `check_program`: of the settings."""

    def __init__(
        self,
        own: Mapping[bytes, bytes],
        rules: Rules | UsualRules,
        warn: Callable[[str], None],
        own_user: int,
        check_program: tuple[bytes, ...] = (),
    ) -> None:
        self.own = dict(own)
        self._rules = rules
        self._warn = warn
        self._trusted = (0, own_user)
        self._check_program = check_program

    def trusts(self, handed: HandedOver) -> bool:
        """Whether what it names is run."""
        return handed.user in self._trusted

    def of_handed(self, handed: HandedOver) -> dict[bytes, bytes]:
        """Of a connection of tcpserver. Raises NotTrusted."""
        told = handed.environment
        if self.trusts(handed):
            return dict(told)
        named = [name.decode() for name in named_otherwise(told, self.own)]
        if named:
            remedy = "export the same in the run script of this server"
            raise NotTrusted(_not_trusted(handed.user, " and ".join(named), remedy))
        if handed.arguments not in ((), self._check_program):
            remedy = "write the same into the settings, [qmail] check_program"
            raise NotTrusted(_not_trusted(handed.user, "the words behind twistedmx-smtpd", remedy))
        return self.own | {name: value for name, value in told.items() if is_of_terms(name) or name.startswith(_FACTS)}

    def of_client(self, local: IAddress, peer: Peer) -> tuple[dict[bytes, bytes], bool]:
        """Of a connection of our own; and whether the rules deny it."""
        environment = self.own | _facts(local, peer)
        ruling = self._rules.find(peer.address.encode(), peer.name.lower().encode() or None)
        if isinstance(ruling, CouldNotTell):
            self._warn(f"{ruling.why}: nobody is let in until it is mended")
        if not isinstance(ruling, Allowed):
            return environment, True
        for name, value in ruling.environment:
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment, False


def _not_trusted(user: int, what: str, remedy: str) -> str:
    return (
        f"user {user} hands over connections and names programs with {what}, which are not run for him: who comes that way hears "
        f"421 until it is mended; {remedy}, or have tcpserver's -u be the user of this server"
    )


def _facts(local: Any, peer: Peer) -> dict[bytes, bytes]:
    """What tcpserver tells without asking anybody (tcp-environ(5))."""
    facts = {
        b"PROTO": b"TCP6" if ":" in peer.address else b"TCP",
        b"TCPREMOTEIP": peer.address.encode(),
        b"TCPREMOTEPORT": b"%d" % peer.port,
    }
    host = getattr(local, "host", None)
    if host is not None:
        facts |= {b"TCPLOCALIP": host.encode(), b"TCPLOCALPORT": b"%d" % local.port}
    if peer.name:
        facts[b"TCPREMOTEHOST"] = peer.name.lower().encode()
    return facts
