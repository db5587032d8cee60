"""Domains under attack and flooded addresses of a running server: looked for every second, told to whoever asks."""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.mailbox.keys import domain_key
from twistedmx.model.attack import Attack
from twistedmx.policy.attack_summing import AttackSumming
from twistedmx.policy.attacks import Attacks
from twistedmx.policy.posture import Alertness
from twistedmx.policy.record import Known
from twistedmx.ports import Events
from twistedmx.service.looking import Looking
from twistedmx.service.world import World
from twistedmx.settings import Settings


class Watching(Looking):
    """`attacks`: a subscriber of `events`, which tells them what it notices. `alertness`: what sessions ask. `proven`: has the host
    at an address a good record? `known`: what is known of it at the door."""

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        world: World,
        events: Events,
        proven: Callable[[str], bool],
        known: Callable[[str], Known],
    ) -> None:
        super().__init__(world.reactor)
        self._now = world.now
        self.attacks = Attacks(settings.attacks, events, domain_key)
        self.attacks.proven = proven
        self.alertness = Alertness(attacks=self.attacks, proven=proven, known=known)

    def told(self) -> dict[str, Any]:
        """What goes on and what is over, as JSON can say it, in the words of `model.attack`. Times are seconds since the epoch."""
        return told(self.attacks, self.alertness, self._now())

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self.attacks.configure(settings.attacks)

    def _look(self) -> None:
        self.attacks.tick(self._now())

    def _failed(self, failure: Failure) -> None:
        """By a fault of ours: what nobody would end must not go on."""
        self.attacks.stand_down()
        self._log.failure("attacks are not noticed any more, until a restart", failure=failure)


def told(attacks: Attacks | AttackSumming, alertness: Alertness, now: float) -> dict[str, Any]:
    """As `Watching.told`."""
    return {
        "now": now,
        "under_load": alertness.under_load,
        "under_attack": [{**_told(attack), "lately": attrs.asdict(pressure)} for attack, pressure in attacks.attacks()],
        "flooded": [{**attrs.asdict(flood), "lately": {"tries": tries}} for flood, tries in attacks.floods()],
        "recent": [_told(attack) for attack in attacks.recent_attacks()],
        "recent_floods": [attrs.asdict(flood) for flood in attacks.recent_floods()],
    }


def _told(attack: Attack) -> dict[str, Any]:
    return {
        **attrs.asdict(attack),
        "hung_up": {reason.value: count for reason, count in attack.hung_up},
        "samples": list(attack.samples),
    }
