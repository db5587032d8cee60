"""Which worker a client belongs to: by its host, so that all that is known of a host is known in one process.

A host is an IPv4 address, or the /64 that an IPv6 address is in. `worker_of` is the rule in Python, `program` the same rule as
classic BPF (linux/filter.h), which the kernel asks for each connection of a group of sockets (`net.port_group`). Neither knows a
port, so a host has one worker on all places that have equally many.

What stands between is MurmurHash3's finaliser: neighbours, and addresses that are a power of two apart, spread as random ones do.
It is no secret: who has hosts to choose from can choose those of one worker.

BUGS: behind a balancer all clients are of one host, the balancer: the kernel knows nothing of the PROXY header.
"""

import struct
from ipaddress import ip_address
from typing import Final

from twistedmx.model.peer import canonical_address

# Class, size, mode and operation in one octet, as linux/bpf_common.h adds them up. A is what is reckoned with, X stands beside it;
# both are 0 at the start.
_LOAD_OCTET: Final = 0x30  # A = the octet at
_LOAD_WORD: Final = 0x20  # A = the 32 bits at, in the network's order
_SHIFT_RIGHT: Final = 0x74
_MULTIPLY: Final = 0x24  # modulo 2^32
_MODULO: Final = 0x94
_XOR_X: Final = 0xAC
_COPY_TO_X: Final = 0x07
_IF_EQUAL: Final = 0x15  # skip so many steps if A is that, else so many
_RETURN_A: Final = 0x16

# Offsets from here on count from the IP header; others would count from what TCP carries (SKF_NET_OFF).
_IP: Final = 0xFFF0_0000
_WORD: Final = 0xFFFF_FFFF
# Of an IPv6 source address the first 32 bits, before the second ones are added. Odd: then a product tells of which number it is.
_FIRST_BITS: Final = 0x9E37_79B1
# word ^= word >> shift; word *= factor. After the last shift there is nothing to multiply.
_MIXING: Final = ((16, 0x85EB_CA6B), (13, 0xC2B2_AE35), (16, 1))


def worker_of(address: str, workers: int) -> int:
    """The number of the worker, from 0, of a client at `address`. Raises ValueError if that is none."""
    octets = ip_address(canonical_address(address)).packed
    word = int.from_bytes(octets[:4])
    if len(octets) == 16:
        word = (word * _FIRST_BITS & _WORD) ^ int.from_bytes(octets[4:8])
    for shift, factor in _MIXING:
        word = (word ^ word >> shift) * factor & _WORD
    return word % workers


def program(workers: int) -> bytes:
    """`worker_of`, as an array of struct sock_filter. It sees the packet: there an IPv4 client of an IPv6 socket is IPv4."""
    steps = [
        (_LOAD_OCTET, 0, 0, _IP),  # version and length of the header
        (_SHIFT_RIGHT, 0, 0, 4),
        (_IF_EQUAL, 0, 3, 6),  # IPv4: go on with X = 0
        (_LOAD_WORD, 0, 0, _IP + 8),  # RFC 8200 3: the source address begins here
        (_MULTIPLY, 0, 0, _FIRST_BITS),
        (_COPY_TO_X, 0, 0, 0),
        (_LOAD_WORD, 0, 0, _IP + 12),  # its second 32 bits; RFC 791 3.1: all of IPv4's
        (_XOR_X, 0, 0, 0),
    ]
    for shift, factor in _MIXING:
        steps += [
            (_COPY_TO_X, 0, 0, 0),
            (_SHIFT_RIGHT, 0, 0, shift),
            (_XOR_X, 0, 0, 0),
            (_MULTIPLY, 0, 0, factor),
        ]
    steps += [(_MODULO, 0, 0, workers), (_RETURN_A, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
