"""All that a run is told."""

import attrs


@attrs.frozen(kw_only=True)
class Plan:
    """`siege`: its number. `host`, `port`: the target, an address of 127.0.0.0/8. `recipients`: real ones. `unknown`: an address
    that never existed; "" until chance has made one. `hosts`, `sessions` (at once), `rate` (new connections a second): of the
    attackers. `calm`, `attack`: seconds.
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

    @property
    def domain(self) -> str:
        """Whose names are guessed."""
        return self.recipients[0].rpartition("@")[2]
