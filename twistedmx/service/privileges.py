"""Who the server is once its ports are bound, and where it may listen as that: for the start, a reload and `check-config`.

BUGS: what is judged by the words of the settings alone says nothing of sockets that systemd opened; the start sees those too.
"""

from collections.abc import Callable, Iterable
from typing import Final

from twistedmx.settings import Settings
from twistedmx.settings.dangers import Account
from twistedmx.settings.endpoints import kind_of, place_of

# Places that several processes can have; the last three are faults of their own.
_OF_SEVERAL: Final = ("tcp", "tcp6", "systemd", "ssl", "tls", "haproxy")


def no_such_user(name: str, account: Callable[[str], Account | None]) -> list[str]:
    """The fault of a user whom nobody can become. `account`: by name."""
    if not name or account(name) is not None:
        return []
    return [f"user: {name!r} is no user of this system; add it: useradd --system {name}, or name another"]


def for_one_process_alone(settings: Settings) -> list[str]:
    """The faults of settings that several workers cannot have."""
    faults = []
    for key, places in (("listen", settings.listen), ("listen_tls", settings.listen_tls)):
        faults += [
            f"{key}: {text!r}: one process alone can listen there: write workers = 1, or a place as tcp:25"
            for text in places
            if kind_of(text) not in _OF_SEVERAL or text.startswith("systemd:domain=UNIX")
        ]
    return faults


def outside(settings: Settings) -> list[str]:
    """The places that can be reached from elsewhere, by their words."""
    named = (*settings.listen, *settings.listen_tls, settings.metrics.listen)
    return [text for text in named if text and not place_of(text).local]


def root_faces_the_world(places: Iterable[str], user: str) -> str:
    """Whoever finds a way into a server that faces the world must not be root. `places`: where; `user`: as the settings have it."""
    who = f"and user = {user!r} is root" if user else "with no user to become"
    return (
        f"user: started as root, {who}, and {', '.join(places)} can be reached from elsewhere: "
        'write user = "mail" (or a user of its own) into the settings, or start twistd with --uid'
    )


def stays_root(settings: Settings, account: Callable[[str], Account | None]) -> bool:
    """Would a server that is started as root be root for ever? A user who is missing is another fault."""
    found = account(settings.user) if settings.user else None
    return not settings.user or (found is not None and found.uid == 0)
