"""Tells twistd that there is a `twistedmx` command. Every start of any twistd may import this: nothing else here."""

from twisted.application.service import ServiceMaker

twistedmx = ServiceMaker(
    "twistedmx",
    "twistedmx.service",
    "A receiving mail server (MX) that stays up when the botnet comes.",
    "twistedmx",
)
