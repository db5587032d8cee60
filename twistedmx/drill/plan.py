"""All that a run is told."""

from typing import Final

import attrs

HOGS_EACH_CPU: Final = 5  # more than the load at which limits under load hold ([load] high)


@attrs.frozen(kw_only=True)
class Plan:
    """`siege`: its number. `host`, `port`: the target, an address of 127.0.0.0/8. `recipients`: real ones. `unknown`: an address
    that never existed; "" until chance has made one. `hosts`, `sessions` (at once), `rate` (new connections a second): of the
    attackers. `calm`, `attack`: seconds. `hog`: seconds of attack beside `hogs` busy processes, behind those; 0: none.
    """

    siege: int
    host: str
    port: int
    recipients: tuple[str, ...]
    unknown: str = ""
    hosts: int
    sessions: int
    rate: float
    calm: float
    attack: float
    hog: float = 0.0
    hogs: int = 0

    @property
    def domain(self) -> str:
        """Whose names are guessed."""
        return self.recipients[0].rpartition("@")[2]
