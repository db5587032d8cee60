"""What tcpserver -v says of connections (ucspi-tcp 0.88), for whom its place is taken.

    tcpserver: status: 1/40
    tcpserver: pid 1207 from 192.0.2.1
    tcpserver: ok 1207 mx.example:192.0.2.9:25 client.example:192.0.2.1::40123
    tcpserver: end 1207 status 256

IndiMail's says `mx.example[192.0.2.9]25 client.example[192.0.2.1]:40123:maxperip=0` and `status: 1/40 sql: 0`. The patches for
IPv6 leave the colons in addresses, and so do we; they stand between a name and two words without any.
"""

from typing import Final

import attrs

from twistedmx.qmail.log_lines import line, safe

# tcpserver's safecats: after so many octets of a word come the dots. `%`: "logger stupidity", it says.
_WORD: Final = 100 + len(b"...")


@attrs.frozen(kw_only=True)
class Ends:
    """Of one connection: TCPLOCALHOST, TCPLOCALIP, TCPLOCALPORT, TCPREMOTEHOST ... b"" for what is not known or not looked up."""

    local_host: bytes = b""
    local_ip: bytes = b""
    local_port: bytes = b""
    remote_host: bytes = b""
    remote_ip: bytes = b""
    remote_info: bytes = b""
    remote_port: bytes = b""


def status_line(connections: int, limit: int, *, indimail: bool = False) -> bytes:
    """How many connections there are, of how many there may be (-c)."""
    return line(b"tcpserver: status: %d/%d" % (connections, limit), b" sql: 0" if indimail else b"")


def pid_line(pid: int, remote_ip: bytes) -> bytes:
    """A connection that has come. `pid`: a number that no other connection has meanwhile."""
    return line(b"tcpserver: pid %d from " % pid, safe(remote_ip, utf8=False))


def rules_line(pid: int, denied: bool, ends: Ends, *, indimail: bool = False) -> bytes:
    """What the rules say of it."""
    verdict = b"tcpserver: %s %d " % (b"deny" if denied else b"ok", pid)
    local_ip, remote_ip = _word(ends.local_ip, b"[]"), _word(ends.remote_ip, b"[]")
    if indimail:
        return line(
            verdict, _word(ends.local_host, b":[]"), b"[", local_ip, b"]", _word(ends.local_port, b":"),
            b" ", _word(ends.remote_host, b":[]"), b"[", remote_ip, b"]", _word(ends.remote_info, b":"),
            b":", _word(ends.remote_port, b":"), b":maxperip=0",
        )  # fmt: skip
    return line(
        verdict, _word(ends.local_host, b":"), b":", local_ip, b":", _word(ends.local_port, b":"),
        b" ", _word(ends.remote_host, b":"), b":", remote_ip, b":", _word(ends.remote_info, b":"),
        b":", _word(ends.remote_port, b":"),
    )  # fmt: skip


def end_line(pid: int, status: int) -> bytes:
    """It has ended. `status`: what qmail-smtpd would exit with, 0 for QUIT and 1 otherwise; told as wait(2) has it: 256."""
    return line(b"tcpserver: end %d status %d" % (pid, status << 8))


def _word(octets: bytes, never: bytes = b"") -> bytes:
    return safe(octets, never=b"%" + never, most=_WORD, utf8=False)
