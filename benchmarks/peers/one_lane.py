"""Ours without fair turns: who has only failed so far is read among all others, and a turn lasts as long as anybody has said
something when it began. It is there to say what fair turns cost; the product cannot be set so.

    python -m benchmarks.peers.one_lane WORDS ...        those of twistd
"""

from typing import Final

from twisted.scripts.twistd import run

from twistedmx.net.readers import Connection
from twistedmx.net.shares import Share, Shares

# Batches as large as ours are in front: what is saved by them is not what is measured here. Some thousand commands are in such a
# turn; without end it would leave no time for timers and new connections.
ALL: Final = Share(0.1, 64)


def stay(connection: Connection) -> None:
    """In the lane that there is."""


def all_at_once(shares: Shares, now: float) -> Share:
    """Of each turn."""
    return ALL


def main() -> None:
    Connection.fall_behind = stay  # type: ignore[method-assign]
    Shares.front = all_at_once  # type: ignore[method-assign]
    run()


if __name__ == "__main__":
    main()
