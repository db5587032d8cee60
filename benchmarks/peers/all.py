"""All servers that can be measured, ours first."""

from benchmarks.peers.aiosmtpd import Aiosmtpd
from benchmarks.peers.exim import Exim
from benchmarks.peers.haraka import Haraka
from benchmarks.peers.notqmail import Notqmail
from benchmarks.peers.opensmtpd import OpenSmtpd
from benchmarks.peers.peer import Peer
from benchmarks.peers.postfix import Postfix, PostfixDefault, Postscreen
from benchmarks.peers.twisted_mail import TwistedMail, TwistedMailOnPyPy
from benchmarks.peers.twistedmx import FourWorkers, OneLane, Twistedmx, TwistedmxOnPyPy, TwoWorkers

ALL: tuple[type[Peer], ...] = (
    Twistedmx,
    TwistedmxOnPyPy,
    OneLane,
    TwoWorkers,
    FourWorkers,
    TwistedMail,
    TwistedMailOnPyPy,
    Aiosmtpd,
    Postfix,
    PostfixDefault,
    Postscreen,
    OpenSmtpd,
    Exim,
    Haraka,
    Notqmail,
)
NAMES = tuple(kind.name for kind in ALL)
