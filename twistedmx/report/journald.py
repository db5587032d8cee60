"""The log in the journal of systemd, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): each field by itself.

    journalctl SYSLOG_IDENTIFIER=twistedmx TWISTEDMX_REASON=disk-full

MESSAGE is the line as text. Ours are TWISTEDMX_PEER, TWISTEDMX_QUEUE_ID and so on; a list is one value, with commas. What
does not fit into a datagram goes by a sealed file in memory, as sd_journal_send does it.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final

from twistedmx.linux import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE
from twistedmx.model.event import Event
from twistedmx.report.datagrams import Datagrams
from twistedmx.report.fields import fields_of, flat, severity
from twistedmx.report.losses import Losses
from twistedmx.report.text import text

SOCKET: Final = "/run/systemd/journal/socket"
_ALWAYS: Final = (("SYSLOG_IDENTIFIER", "twistedmx"), ("SYSLOG_FACILITY", "2"))  # RFC 5424 6.2.1: mail system


class Journald:
    """A subscriber of events."""

    def __init__(self, losses: Losses, path: str = SOCKET) -> None:
        self._datagrams = Datagrams(path, losses, send_in_memory)

    def __call__(self, event: Event) -> None:
        fields = fields_of(event)
        if fields is None:
            return
        ours = ((f"TWISTEDMX_{name.upper()}", flat(value)) for name, value in fields.items())
        message = ("MESSAGE", text(fields)), ("PRIORITY", str(severity(event)))
        self._datagrams.send(entry((*message, *_ALWAYS, *ours)))

    def close(self) -> None:
        """Give the socket back."""
        self._datagrams.close()


def entry(fields: Iterable[tuple[str, str]]) -> bytes:
    """One entry of the journal. A value of several lines comes with its length, so that it cannot begin a field."""
    parts = []
    for name, value in fields:
        octets = value.encode("utf-8", "backslashreplace")
        if b"\n" in octets:
            parts.append(b"%s\n%s%s\n" % (name.encode("ascii"), struct.pack("<Q", len(octets)), octets))
        else:
            parts.append(b"%s=%s\n" % (name.encode("ascii"), octets))
    return b"".join(parts)


def send_in_memory(journal: socket.socket, datagram: bytes) -> None:
    """Hand over a file in memory instead: sealed, so that the journal may trust it not to change. Raises OSError."""
    descriptor = os.memfd_create("twistedmx", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(descriptor, datagram)
        seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL
        fcntl.fcntl(descriptor, F_ADD_SEALS, seals)
        socket.send_fds(journal, [], [descriptor])
    finally:
        os.close(descriptor)
