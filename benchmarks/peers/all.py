"""All servers that can be measured, ours first."""

from benchmarks.peers.aiosmtpd import Aiosmtpd
from benchmarks.peers.peer import Peer
from benchmarks.peers.twisted_mail import TwistedMail
from benchmarks.peers.twistedmx import Twistedmx

ALL: tuple[type[Peer], ...] = (Twistedmx, TwistedMail, Aiosmtpd)
NAMES = tuple(kind.name for kind in ALL)
