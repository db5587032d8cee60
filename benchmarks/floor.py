"""What a refused recipient costs a server that does nothing: fixed replies to fixed verbs, no session, no limits, no facts.

    python -m benchmarks.floor [--connections 580] [--seconds 3] [--json]

No server on Twisted's transports is cheaper than this on the same machine: what twistedmx costs beyond it (the cases reject-580
and reject-580-pipelined of `python -m benchmarks`, whose load this is) is its own. "reactor": the connections are read by Twisted's
reactor; "readers": by twistedmx.net.readers. Replies are sent at once in both.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from typing import Final

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from benchmarks.load import Load
from benchmarks.machine import cores
from benchmarks.peers.peer import free_port
from twistedmx.net.readers import Readers

_REPLIES: Final = {
    b"EHLO": b"250-mx.example.org\r\n250 PIPELINING\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"550 5.1.1 No such mailbox here\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


class Empty(Protocol):
    """Looks at four octets of each line."""

    def connectionMade(self) -> None:
        self._send = self.transport.getHandle().send
        self._send(b"220 mx.example.org ESMTP\r\n")

    def dataReceived(self, octets: bytes) -> None:
        self._send(b"".join([_REPLIES[line[:4]] for line in octets.split(b"\r\n") if line]))


def serve(port: int, kind: str) -> None:
    """Until it is killed. Tells its CPU seconds on standard output for each line on standard input."""
    listening = reactor.listenTCP(port, Factory.forProtocol(Empty), backlog=4096, interface="127.0.0.1")
    if kind == "readers":
        Readers(reactor).serve(listening)

    def tell() -> None:
        for _ in sys.stdin:
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(used.ru_utime + used.ru_stime, flush=True)

    reactor.callInThread(tell)
    print("listens", flush=True)
    reactor.run()


def measure(kind: str, *, pipelined: bool, connections: int, seconds: float) -> float:
    """CPU seconds of the server for 1000 refused recipients, MAIL and RSET included."""
    (server_core, load_core), port = cores(), free_port()
    words = [sys.executable, "-m", "benchmarks.floor", "--serve", str(port), "--kind", kind]
    with subprocess.Popen(["taskset", "-c", str(server_core), *words], stdin=-1, stdout=-1, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdout.readline()

        def used() -> float:
            print(file=server.stdin, flush=True)
            return float(server.stdout.readline())

        options = {"port": port, "connections": connections, "pipelined": int(pipelined), "seconds": seconds}
        with Load("reject", options, core=load_core) as load:
            load.wait_for("ready", seconds=60)
            load.go_on()
            load.wait_for("begin", seconds=60)
            before = used()
            ended = load.wait_for("end", seconds=60 + seconds)
            spent = used() - before
        server.kill()
    return 1000 * spent / int(ended["refused"])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.floor",
        description="What a refused recipient costs a server that does nothing.",
        epilog="Example: python -m benchmarks.floor --seconds 5",
    )
    parser.add_argument("--connections", type=int, default=580)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default 3)")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=("reactor", "readers"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.kind)
        os._exit(0)
    rows = {
        f"{kind}, {'pipelined' if pipelined else 'lock-step'}": measure(
            kind, pipelined=pipelined, connections=chosen.connections, seconds=chosen.seconds
        )
        for kind in ("reactor", "readers")
        for pipelined in (False, True)
    }
    if chosen.json:
        print(json.dumps(rows, indent=2))
    else:
        for name, cost in rows.items():
            print(f"{cost:.4f} CPU-s per 1000  {name}")


if __name__ == "__main__":
    main()
