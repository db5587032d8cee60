"""Where a drill may be aimed: at this machine, and by a literal address alone. No name is resolved: none can lead elsewhere."""

from collections.abc import Iterable
from ipaddress import IPv4Address, ip_address
from typing import Final

from twistedmx.drill.fault import CannotDrill

_NAME: Final = "localhost"
_ADDRESS: Final = "127.0.0.1"
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104  # where a server may say that it listens


def target_of(text: str) -> tuple[str, int]:
    """Address and port of HOST:PORT. Raises CannotDrill."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise CannotDrill(f"--target {text}: is not HOST:PORT; write 127.0.0.1:2525")
    if host == _NAME:
        return _ADDRESS, int(port)
    try:
        address = ip_address(host)
    except ValueError:
        raise CannotDrill(
            f"--target {text}: names are not resolved, for they may lead anywhere; write an address of 127.0.0.0/8"
        ) from None
    if not isinstance(address, IPv4Address):
        # By its text: of ::ffff:127.0.0.1 is_loopback says no before Python 3.13, and yes since.
        words = (
            "attackers come from 127.0.0.0/8, which does not reach IPv6" if str(address) == "::1" else "is not loopback"
        )
        raise CannotDrill(f"--target {text}: {words}; write an address of 127.0.0.0/8")
    if not address.is_loopback:
        raise CannotDrill(f"--target {text}: is not loopback; a drill is for one's own machine: 127.0.0.0/8")
    return str(address), int(port)


def first_target(listening: Iterable[str]) -> tuple[str, int]:
    """The first of the places of a server (ADDRESS:PORT) that can be reached from 127.0.0.0/8. Raises CannotDrill."""
    places = list(listening)
    for place in places:
        host, _, port = place.rpartition(":")
        try:
            return target_of(f"{_ADDRESS}:{port}" if host.strip("[]") in _EVERYWHERE else place)
        except CannotDrill:
            continue
    raise CannotDrill(
        f"the server listens on {', '.join(places) or 'nothing'}, none of it in 127.0.0.0/8; "
        'add "tcp:2525:interface=127.0.0.1" to listen, and twistedmx reload'
    )
