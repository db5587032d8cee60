"""Who comes from which address: all of 127.0.0.0/8, which on Linux is this machine's without further ado.

Attackers stand far apart, as the real ones do: neighbours by number are in different /16, and few share a /24. Each siege has
addresses of its own, 127.1.0.0 to 127.60.255.255 the first and so on, so that a server which has blocked those of one knows nothing
of the next. The innocent have 127.200.0.0/16 to themselves. 127.0.0.0/16 is nobody's: operators and monitors come from there.
"""

from typing import Final

import attrs

_WIDE: Final = 60  # second octets of a siege
_MIDDLE: Final = 256
_NARROW: Final = 250  # last octets: 1 to 250
MOST_HOSTS: Final = _WIDE * _MIDDLE * _NARROW
_INNOCENT: Final = 200
# Of ten hosts that bounce in siege 3, so many are bots.
_BOTS_OF_TEN: Final = 2


@attrs.frozen
class Host:
    """`number`: among its kind. `address`: where it connects from."""

    number: int
    address: str

    @property
    def is_bot(self) -> bool:
        """Of those that bounce; the others are mail servers."""
        return self.number % 10 < _BOTS_OF_TEN


def attacking(siege: int, number: int) -> Host:
    """`siege`: 1, 2 or 3. `number`: below MOST_HOSTS."""
    middle, wide = divmod(number, _WIDE)
    narrow, middle = divmod(middle, _MIDDLE)
    return Host(number, f"127.{1 + _WIDE * (siege - 1) + wide}.{middle}.{1 + narrow % _NARROW}")


def innocent(number: int) -> Host:
    """Each in a /24 of its own, as long as there are 256."""
    narrow, middle = divmod(number, _MIDDLE)
    return Host(number, f"127.{_INNOCENT}.{middle}.{1 + narrow % _NARROW}")


def mail_server(siege: int, number: int, hosts: int) -> Host:
    """One of the attacking `hosts` that is no bot, where there is one; they take turns by `number`."""
    host = attacking(siege, number % hosts)
    for further in range(_BOTS_OF_TEN):
        if not host.is_bot:
            break
        host = attacking(siege, (number + 1 + further) % hosts)
    return host
