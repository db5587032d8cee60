"""A server of stock twisted.mail classes: PORT FOLDER CERTIFICATE KEY. Recipients in a set; each message a file, synced."""

import itertools
import os
import sys

from twisted.internet import reactor, ssl
from twisted.internet.defer import succeed
from twisted.internet.protocol import Factory
from twisted.mail import smtp
from zope.interface import implementer

from benchmarks.peers.peer import DOMAIN, HOST, local_parts

_KNOWN = frozenset(f"{local}@{DOMAIN}".encode() for local in local_parts())
_numbers = itertools.count()


@implementer(smtp.IMessage)
class _Message:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._name = f"{next(_numbers)}.{os.getpid()}"
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)

    def eomReceived(self):  # type: ignore[no-untyped-def]
        unfinished = f"{self._folder}/tmp/{self._name}"
        with open(unfinished, "wb") as file:
            file.write(b"\n".join(self._lines) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(unfinished, f"{self._folder}/new/{self._name}")
        return succeed(None)

    def connectionLost(self) -> None:
        self._lines = []


@implementer(smtp.IMessageDelivery)
class _Delivery:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def receivedHeader(self, helo, origin, recipients):  # type: ignore[no-untyped-def]
        return b"Received: from %s by %s" % (helo[0] or b"unknown", HOST.encode())

    def validateFrom(self, helo, origin):  # type: ignore[no-untyped-def]
        return origin

    def validateTo(self, user):  # type: ignore[no-untyped-def]
        if bytes(user.dest.local + b"@" + user.dest.domain) in _KNOWN:
            return lambda: _Message(self._folder)
        raise smtp.SMTPBadRcpt(user)


class _Factory(Factory):
    noisy = False

    def __init__(self, folder: str, certificate: str, key: str) -> None:
        self._delivery = _Delivery(folder)
        with open(certificate, "rb") as first, open(key, "rb") as second:
            pem = ssl.PrivateCertificate.loadPEM(first.read() + second.read())
        self._context = pem.options()

    def buildProtocol(self, address):  # type: ignore[no-untyped-def]
        protocol = smtp.ESMTP(contextFactory=self._context)
        protocol.host = HOST.encode()
        protocol.factory = self
        protocol.delivery = self._delivery
        return protocol


def main() -> None:
    port, folder, certificate, key = sys.argv[1:]
    for name in ("tmp", "new", "cur"):
        os.makedirs(f"{folder}/{name}")
    reactor.listenTCP(int(port), _Factory(folder, certificate, key), backlog=4096, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
