"""Variables of a connection that name programs, or say when one of them is asked: whoever sets them says what this server runs.

From who is not trusted with that none is taken: he says the same as this server has itself, or he is not served. To serve him by
what this server has would let a message pass by the scanner that he names.
"""

from collections.abc import Mapping
from typing import Final

from twistedmx.qmail.queue_program import DEFAULT
from twistedmx.qmail.spp_file import is_enabled

NAMES: Final = (b"QMAILQUEUE", b"ERROR_FD", b"RCPTCHECK", b"RCPTCHECKRELAYCLIENT", b"ENABLE_SPP", b"SPPCONFFILE")


def named_otherwise(told: Mapping[bytes, bytes], own: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    """Which of them `told` sets, to something else than they mean in `own`."""
    return tuple(name for name in NAMES if name in told and _meaning(name, told) != _meaning(name, own))


def _meaning(name: bytes, environment: Mapping[bytes, bytes]) -> bytes:
    """Of all of them empty is as unset."""
    if name == b"ENABLE_SPP":
        return b"1" if is_enabled(environment) else b""
    value = environment.get(name, b"")
    return value or DEFAULT if name == b"QMAILQUEUE" else value
