"""What one process has seen, for another that judges which domains are under attack and which addresses are flooded.

Bounded, however much was seen: beyond the bounds it is a sample (`distinct`, and lossy counting as in `flooded_addresses`). Domains
and addresses are octets in lower case, domains in A-labels, `NOT_OURS` for all that are not ours.
"""

from typing import NamedTuple

import attrs

from twistedmx.model.verdict import Reason
from twistedmx.policy.distinct import Sample


class DomainSum(NamedTuple):
    """Of one domain. `names`: unknown ones, with `tries` at them; `hosts`: that named them; `known`: mailboxes. `samples`: some of
    the names."""

    domain: bytes
    tries: int
    names: Sample
    hosts: Sample
    known: Sample
    samples: tuple[bytes, ...]


class FloodSum(NamedTuple):
    """Of one flooded address."""

    address: bytes
    tries: int
    hosts: Sample


@attrs.frozen(kw_only=True)
class AttackSums:
    """Since the last ones. `tries`: at addresses that were not known to be flooded. `hung_up`: sessions, by reason."""

    domains: tuple[DomainSum, ...] = ()
    tries: tuple[tuple[bytes, int], ...] = ()
    floods: tuple[FloodSum, ...] = ()
    hung_up: tuple[tuple[Reason, int], ...] = ()
