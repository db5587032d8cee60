"""What the governor tells: part of the closed list of facts (`model.event`)."""

import attrs


@attrs.frozen(kw_only=True)
class LimitMoved:
    """The limit of strangers' sessions is another one. `why`: what moved it (`policy.governor.Why`). `strangers`, `proven`:
    sessions now; `waiting`: for a place. The rest is what was known of the machine, None where it could not be read: `load`, tasks
    for each CPU; `lag`, seconds; `free_memory`, a share."""

    at: float
    before: int
    limit: int
    why: str
    strangers: int
    proven: int
    waiting: int
    load: float | None
    lag: float | None
    free_memory: float | None


@attrs.frozen(kw_only=True)
class NewcomersRefused:
    """Clients found no place, or gave up theirs, since this was told last; told at once, then once a minute. `refused`: before a
    session, by what was used up (`policy.admission.Full`) in the order of its list; `displaced`: strangers' sessions that ended so
    for others, or because more counted than the limit allows."""

    at: float
    refused: tuple[tuple[str, int], ...]
    displaced: int


GovernorEvent = LimitMoved | NewcomersRefused
