"""What `twistedmx-smtpd` says when it hands a connection over: one packet of a Unix socket of type SOCK_SEQPACKET, unix(7).

    twistedmx-smtpd 1                the program, and the version of this
    wait                             it stays until the session has ended; or: go
    2                                how many arguments follow
    /home/vpopmail/bin/vchkpw        each argument
    /bin/true
    TCPREMOTEIP=192.0.2.7            each variable of its environment
    ...

Each of these ends with NUL, which neither an argument nor a variable can have in it. With the packet come the descriptors of the
connection and of the log. The answer is a packet as well: `taken`, or `refused` and words for the log; who waits then hears the
status with which it is to end, in digits.

A packet and not a stream: it comes whole or not at all, its descriptors come with it, and what is too long is seen at once.
"""

import re
from collections.abc import Mapping
from typing import Final

import attrs

MOST_OCTETS: Final = 65_536  # of a packet: an exec(2) takes more, a mail server's environment has some thousand
_MOST_ARGUMENTS: Final = 64
_PROGRAM: Final = b"twistedmx-smtpd 1"
_WAITS: Final = {b"wait": True, b"go": False}
_number = re.compile(rb"0|[1-9][0-9]?")


class BadPacket(ValueError):
    """Not such a packet. The text is for who called us, and for our log."""


@attrs.frozen(kw_only=True)
class Request:
    """`environment`: of who hands over, all of it. `arguments`: behind the name of its program. `waits`: for the end."""

    environment: Mapping[bytes, bytes]
    arguments: tuple[bytes, ...]
    waits: bool


def parse_packet(packet: bytes) -> Request:
    """What is asked for. Raises BadPacket. Of a variable that comes twice the first counts, as for getenv(3)."""
    if len(packet) > MOST_OCTETS:
        raise BadPacket(f"the environment is longer than {MOST_OCTETS} octets")
    *fields, rest = packet.split(b"\0")
    if rest or len(fields) < 3:
        raise BadPacket("the packet does not end where it should")
    program, waits, number, *words = fields
    if program != _PROGRAM:
        raise BadPacket(
            "it is of another version than this server: install the twistedmx-smtpd of the server's version"
        )
    if waits not in _WAITS or _number.fullmatch(number) is None:
        raise BadPacket("the beginning of the packet is wrong")
    count = int(number)
    if count > min(_MOST_ARGUMENTS, len(words)):
        raise BadPacket(f"{count} arguments are announced, {min(_MOST_ARGUMENTS, len(words))} may be there")
    environment: dict[bytes, bytes] = {}
    for variable in words[count:]:
        name, sign, value = variable.partition(b"=")
        if not name or not sign:
            raise BadPacket("a variable of the environment has no name")
        environment.setdefault(name, value)
    return Request(environment=environment, arguments=tuple(words[:count]), waits=_WAITS[waits])
