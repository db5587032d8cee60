"""The body of an HTTP response, up to a bound."""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse


def bounded_body(response: IResponse, most: int) -> Deferred[bytes]:
    """All of the body; of one with more than `most` octets the beginning, longer than `most`: the connection is then closed.

    Fails when the connection ends before the body does. Cancelling it closes the connection.
    """
    body = _Body(most)
    response.deliverBody(body)
    return body.read


class _Body(Protocol):
    def __init__(self, most: int) -> None:
        self.read: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._most = most
        self._octets = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > self._most and not self.read.called:
            self.read.callback(bytes(self._octets))
            self._hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.read.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):  # the latter: its end is that of the connection
            self.read.callback(bytes(self._octets))
        else:
            self.read.errback(reason)

    def _hang_up(self) -> None:
        transport = self.transport
        if transport is not None:
            transport.abortConnection()  # type: ignore[attr-defined]  # every transport of an HTTP client has it
