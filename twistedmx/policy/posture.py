"""How hard things are just now: which of its values a limit has. What knows of load and of attacks is asked here, on the hot path.

A limit that is set for three states is written `[calm, under load, under attack]`. "Under load": the machine has more to do than it
can (`load`). "Under attack": the domain that is asked for is (`attacks`); that holds for strangers, and a host of good record
notices nothing of either.
"""

import enum
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

from twistedmx.policy.record import NOTHING_KNOWN, Known


class Posture(enum.IntEnum):
    """An index into the values of a limit."""

    CALM = 0
    LOAD = 1
    ATTACK = 2


_CALM: Final = Posture.CALM
_LOAD: Final = Posture.LOAD
_ATTACK: Final = Posture.ATTACK


def is_for_three_states(instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[int, ...]) -> None:
    """A validator of limits. Raises ValueError with words for the operator."""
    if len(value) != len(Posture) or any(one < 1 for one in value):
        raise ValueError(
            f"must be three numbers of 1 or more, for calm, load and attack, as [10, 5, 2], is {list(value)!r}"
        )


class Attacked(Protocol):
    """What is under attack: `policy.attacks.Attacks`. `any`, `any_flooded`: whether anything is."""

    any: bool
    any_flooded: bool

    def under_attack(self, domain: bytes) -> bool:
        """Whether the domain is. `domain`: in lower case; b"": all that are not ours."""

    def is_flooded(self, address: bytes) -> bool:
        """Whether the address is. `address`: in lower case."""


class Peace:
    """Nothing is under attack."""

    any = False
    any_flooded = False

    def under_attack(self, domain: bytes) -> bool:
        return False

    def is_flooded(self, address: bytes) -> bool:
        return False


@attrs.define(kw_only=True)
class Alertness:
    """Of one server, for all its sessions. `attacks`: what is attacked. `under_load`: whether the machine is. `proven`: whether the
    host at an address has a good record; `known`: what is known of it at the door."""

    attacks: Attacked = attrs.Factory(Peace)
    under_load: bool = False
    proven: Callable[[str], bool] = lambda address: False
    known: Callable[[str], Known] = lambda address: NOTHING_KNOWN

    @property
    def is_calm(self) -> bool:
        """Nothing is the matter: nobody need be asked about."""
        return not (self.under_load or self.attacks.any or self.attacks.any_flooded)

    def posture(self, domain: bytes | None, address: str) -> Posture:
        """Towards the client at `address`, who asks for `domain` (as in `under_attack`); None: for none."""
        return _CALM if self.is_calm or self.proven(address) else self.posture_to_stranger(domain)

    def posture_to_stranger(self, domain: bytes | None) -> Posture:
        """The same, where it is known that the client is one."""
        if domain is not None and self.attacks.any and self.attacks.under_attack(domain):
            return _ATTACK
        return _LOAD if self.under_load else _CALM
