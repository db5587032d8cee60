"""Where a worker listens: at sockets that its supervisor opened, and keeps open when the worker is gone."""

import os
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from twistedmx.net.port_group import adopt
from twistedmx.service.places import Place


@implementer(IStreamServerEndpoint)
class Adopted:
    """`descriptor`: of a socket that listens. It stays open, for the settings may have it closed and opened again."""

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor

    def listen(self, protocolFactory: IProtocolFactory) -> "Deferred[IListeningPort]":
        """Fires at once; fails with OSError."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        return adopt(self._reactor, os.dup(self._descriptor), factory)


class Adopting:
    """`World.endpoints` of a worker. `given`: the descriptors, by place."""

    def __init__(self, given: Mapping[Place, int]) -> None:
        self._given = given

    def __call__(self, reactor: Any, place: Place) -> IStreamServerEndpoint:
        """Raises ValueError for a place that the supervisor has not opened."""
        if place not in self._given:
            raise ValueError("it was not there when the server was started")
        return Adopted(reactor, self._given[place])
