"""What who sends mail says. Each script ends when all its messages were answered 250, and raises Failed where one was not."""

from typing import Final

from twistedmx.drill import names
from twistedmx.drill.script import Errand, Failed, Script
from twistedmx.smtp.client import Answer

_OK: Final = 250
_GO_AHEAD: Final = 354


def plain(errand: Errand) -> Script:
    """One message, by the book."""
    _need(_OK, "EHLO", (yield b"EHLO " + names.server_name(errand.host)))
    yield from _message(errand, b"ann@" + names.server_name(errand.host), errand.recipients[:1])
    yield b"QUIT"
    return False


def eudora(errand: Errand) -> Script:
    """RSET before MAIL and between messages: a habit, and no abuse."""
    _need(_OK, "HELO", (yield b"HELO " + names.reverse_name(errand.host)))
    for _ in range(2):
        _need(_OK, "RSET", (yield b"RSET"))
        yield from _message(errand, b"bob@example.net", errand.recipients[:1])
    _need(_OK, "RSET", (yield b"RSET"))
    yield b"QUIT"
    return False


def newsletter(errand: Errand) -> Script:
    """A list with as many dead addresses as good ones; those who are there get it. Each list has its own: an address that is on
    many of them would be flooded, and who asks for one of those is hung up on."""
    _need(_OK, "EHLO", (yield b"EHLO " + names.server_name(errand.host)))
    local, _, domain = errand.unknown.partition(b"@")
    dead = tuple(b"%s.%d.%d@%s" % (local, errand.number, n, domain) for n in range(len(errand.recipients)))
    yield from _message(errand, b"news@" + names.server_name(errand.host), errand.recipients, dead)
    yield b"QUIT"
    return False


def bounce(errand: Errand) -> Script:
    """A genuine one, from nobody to somebody who is there."""
    to = errand.recipients[0]
    _need(_OK, "EHLO", (yield b"EHLO " + names.server_name(errand.host)))
    _need(_OK, "MAIL FROM:<>", (yield b"MAIL FROM:<>"))
    _need(_OK, "RCPT", (yield b"RCPT TO:<" + to + b">"))
    _need(_GO_AHEAD, "DATA", (yield b"DATA"))
    _need(_OK, "bounce", (yield names.bounce(errand.siege, errand.number, errand.host, to)))
    yield b"QUIT"
    return False


def look(errand: Errand) -> Script:
    """Nobody sends anything: is a real recipient taken, and one that is none refused?"""
    _need(_OK, "EHLO", (yield b"EHLO " + names.server_name(errand.host)))
    _need(_OK, "MAIL", (yield b"MAIL FROM:<ann@" + names.server_name(errand.host) + b">"))
    for recipient in errand.recipients:
        answer = yield b"RCPT TO:<" + recipient + b">"
        if answer.code != _OK:
            raise Failed(f"RCPT TO:<{recipient.decode()}>: {answer}; name recipients that are there with --recipient")
    answer = yield b"RCPT TO:<" + errand.unknown + b">"
    if answer.kind == 2:
        raise Failed(
            f"RCPT TO:<{errand.unknown.decode()}>, a name of chance, was answered {answer}: where every name is taken "
            "nobody can guess wrong. Name a --recipient of another domain"
        )
    yield b"QUIT"
    return False


def _message(errand: Errand, sender: bytes, recipients: tuple[bytes, ...], dead: tuple[bytes, ...] = ()) -> Script:
    _need(_OK, "MAIL", (yield b"MAIL FROM:<" + sender + b">"))
    for number, recipient in enumerate(recipients):
        _need(_OK, "RCPT", (yield b"RCPT TO:<" + recipient + b">"))
        for address in dead[number : number + 1]:
            answer = yield b"RCPT TO:<" + address + b">"
            if answer.kind != 5:
                raise Failed(f"RCPT of a dead address: {answer}")
    _need(_GO_AHEAD, "DATA", (yield b"DATA"))
    _need(_OK, "message", (yield names.message(errand.siege, errand.number, sender, recipients[0])))
    return False


def _need(code: int, what: str, answer: Answer) -> None:
    if answer.code != code:
        raise Failed(f"{what}: {answer}")
