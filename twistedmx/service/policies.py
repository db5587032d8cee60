"""The policies that the settings name, made and put in order."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet import threads

from twistedmx.policy.account import CONDUCT
from twistedmx.policy.chain import Chain, Entry
from twistedmx.policy.means import Means
from twistedmx.policy.policy_settings import PolicySettings, entry_of, own_settings
from twistedmx.ports import Policy, Ports
from twistedmx.report.shadow import ShadowTally
from twistedmx.service.world import World


@attrs.frozen(kw_only=True)
class _Made:
    name: str
    own: Any  # its settings
    host: str
    policy: Policy


class Policies:
    """Of a server, for as long as it runs: what a policy remembers outlives a reload, unless its own settings have changed.

    `shadow`: what those in shadow would have refused; `proven`: has the host of this address a good record?

    BUGS: one that is not named any more is forgotten, and told nothing.
    """

    def __init__(self, world: World, proven: Callable[[str], bool]) -> None:
        self.shadow = ShadowTally(proven)
        self._world = world
        self._made: list[_Made] = []

    def chain_of(self, entries: Sequence[PolicySettings], host: str, ports: Ports, faults: list[str]) -> Chain | None:
        """What is asked, or None where nobody is. More `faults` where one cannot be made."""
        chain = [self._entry(entry, f"policies[{number}]", host, ports, faults) for number, entry in enumerate(entries)]
        made = [entry for entry in chain if entry is not None]
        return Chain(made, clock=ports.clock, now=ports.now, events=ports.events) if made else None

    def keep(self, chain: Chain | None, *, conduct_in_shadow: bool) -> None:
        """These are asked from now on: all others are forgotten."""
        entries = chain.entries if chain is not None else ()
        asked = {id(entry.policy) for entry in entries}
        self._made = [made for made in self._made if id(made.policy) in asked]
        in_shadow = {entry.name for entry in entries if entry.shadow}
        self.shadow.keep(in_shadow | {CONDUCT} if conduct_in_shadow else in_shadow)

    def _entry(self, settings: PolicySettings, key: str, host: str, ports: Ports, faults: list[str]) -> Entry | None:
        try:
            policy = self._policy(settings, host, ports)
        except ValueError as error:
            faults.append(f"{key}: {error}")
        except Exception as error:  # another's code: its fault is no reason for a traceback, nor for a start without it
            faults.append(f"{key}: the policy {settings.name!r} cannot be made: {type(error).__name__}: {error}")
        else:
            return entry_of(settings, policy)
        return None

    def _policy(self, settings: PolicySettings, host: str, ports: Ports) -> Policy:
        own = own_settings(settings)
        for made in self._made:
            if (made.name, made.own, made.host) == (settings.name, own, host):
                return made.policy
        reactor = self._world.reactor
        policy: Policy = settings.maker.make(
            own,
            Means(
                host=host,
                clock=ports.clock,
                now=ports.now,
                chance=ports.chance,
                mailboxes=ports.mailboxes,
                is_ours=self._world.is_ours,
                run_in_thread=lambda *call: threads.deferToThreadPool(reactor, reactor.getThreadPool(), *call),
            ),
        )
        if not callable(getattr(policy, "decide", None)):
            raise TypeError(f"{policy!r} has no method `decide`")
        self._made.append(_Made(name=settings.name, own=own, host=host, policy=policy))
        return policy
