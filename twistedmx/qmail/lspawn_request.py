"""What is asked of the process of `lspawn`, and what it answers: one packet each, fields between NULs.

    request  = number NUL local NUL host NUL sender        ; with the descriptor of the message
    answer   = number NUL ending                            ; as `endings.render`

Never a uid, a path or a command: who asks speaks with strangers, and is believed nothing about who gets the mail.
"""

import re
from typing import Final

import attrs

from twistedmx.qmail.endings import LONGEST as _ENDING
from twistedmx.qmail.endings import Ending, parse_ending, render

LONGEST: Final = 4096  # octets of a request
ANSWER: Final = _ENDING + 64
_ADDRESS: Final = 1003  # octets of a local part, a host, a sender: as qmail-queue.c takes an address
_NUMBER: Final = re.compile(rb"[0-9a-f]{1,32}")


class BadRequest(ValueError):
    """No request. `number`: of the request, for the answer; b"" where there is none."""

    def __init__(self, text: str, number: bytes = b"") -> None:
        super().__init__(text)
        self.number = number


@attrs.frozen(kw_only=True)
class Request:
    """`number`: hexadecimal, its answer has it. `local`, `host`: the recipient. `sender`: b"" for none."""

    number: bytes
    local: bytes
    host: bytes
    sender: bytes

    def __attrs_post_init__(self) -> None:
        if not _NUMBER.fullmatch(self.number):
            raise BadRequest("a request has a number in hexadecimal")
        for name, word in (("local part", self.local), ("host", self.host), ("sender", self.sender)):
            if len(word) > _ADDRESS or b"\0" in word:
                raise BadRequest(f"the {name} has a NUL or more than {_ADDRESS} octets", self.number)
        if not self.local:
            raise BadRequest("there is no recipient", self.number)

    def render(self) -> bytes:
        """At most LONGEST octets."""
        return b"\0".join((self.number, self.local, self.host, self.sender))


def parse_request(packet: bytes) -> Request:
    """Raises BadRequest."""
    if len(packet) > LONGEST:
        raise BadRequest("a request is too long")
    fields = packet.split(b"\0")
    if len(fields) != 4:
        raise BadRequest(f"a request has 4 fields, not {len(fields)}")
    number, local, host, sender = fields
    return Request(number=number, local=local, host=host, sender=sender)


def render_answer(number: bytes, ending: Ending) -> bytes:
    """At most ANSWER octets."""
    return number + b"\0" + render(ending)


def parse_answer(packet: bytes) -> tuple[bytes, Ending]:
    """The number and the ending. Never raises: what is none has a number that nobody asked with, or is Deferred."""
    number, _, ending = packet.partition(b"\0")
    return number, parse_ending(ending)
