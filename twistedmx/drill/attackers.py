"""What an attacker says, siege by siege. None of them listens: told 421 they go on, hung up on they come back."""

from typing import Final

from twistedmx.drill import names
from twistedmx.drill.script import Script, Visit

_GUESSES: Final = 5  # in a transaction
_BOUNCES: Final = 3  # at the most, that a mail server brings along
_DOES_NOT_EXIST: Final = 5
_NOT_NOW: Final = 4
_GO_AHEAD: Final = 354


def dictionary(visit: Visit) -> Script:
    """Siege 1: five guesses, RSET, five more, without end, so that no limit per message bites."""
    yield b"HELO " + names.reverse_name(visit.host)
    while True:
        yield b"MAIL FROM:<" + names.random_string(visit.chance, b"example.net") + b">"
        for _ in range(_GUESSES):
            yield b"RCPT TO:<" + names.guess(visit.chance, visit.domain) + b">"
        yield b"RSET"


def bot(visit: Visit) -> Script:
    """Siege 2: one message from nobody to a random string, then gone without a word; told 4yz it comes back at once."""
    yield b"HELO " + names.reverse_name(visit.host)
    yield b"MAIL FROM:<>"
    answer = yield b"RCPT TO:<" + names.random_string(visit.chance, visit.domain) + b">"
    if answer.kind == 2 and (yield b"DATA").code == _GO_AHEAD:
        answer = yield names.meaningless(visit.chance)
    return answer.kind == _NOT_NOW


def backscatter(visit: Visit) -> Script:
    """Siege 3: bounces to the one address, from mail servers and bots."""
    return _bouncing_bot(visit) if visit.host.is_bot else _bouncing_server(visit)


def _bouncing_server(visit: Visit) -> Script:
    """By the book: a bounce that is refused is dropped (RFC 5321 4.5.5), one that is put off is tried again, at once."""
    yield b"EHLO " + names.server_name(visit.host)
    put_off = False
    for _ in range(visit.chance.randint(1, _BOUNCES)):
        yield b"MAIL FROM:<>"
        answer = yield b"RCPT TO:<" + visit.unknown + b">"
        if answer.kind == 2 and (yield b"DATA").code == _GO_AHEAD:
            answer = yield b""
        put_off = put_off or answer.kind == _NOT_NOW
        if answer.kind == _DOES_NOT_EXIST:
            yield b"RSET"
    yield b"QUIT"
    return put_off


def _bouncing_bot(visit: Visit) -> Script:
    yield b"HELO " + names.reverse_name(visit.host)
    while True:
        yield b"MAIL FROM:<>"
        for _ in range(visit.chance.randint(1, _GUESSES)):
            answer = yield b"RCPT TO:<" + visit.unknown + b">"
            if answer.kind == 2 and (yield b"DATA").code == _GO_AHEAD:
                yield b""
        yield b"RSET"
