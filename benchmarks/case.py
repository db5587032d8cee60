"""One row of results, as it is asked for."""

from collections.abc import Mapping
from typing import Any

import attrs

from benchmarks.peers.toml import Settings


@attrs.frozen(kw_only=True)
class Case:
    """One row of results.

    `mode`, `options`: of load.c. `unit`: what a rate counts, and its plural stands for. `seconds`: of a measured run.
    `quick`: other options when figures need not be good. `needs`: attributes of a peer that must be true. `default_limits`: of the
    server, where it has any. `settings`: of ours, beside those that all cases have. `peers`: whom alone it concerns; (): all.
    `all_cores`: the server has all but the load's, for it may be one of several processes that are to share them.
    """

    name: str
    scenario: str
    title: str
    mode: str
    options: Mapping[str, Any]
    counts: str = ""
    unit: str = ""
    per: float = 1000.0
    per_unit: str = "1000"
    quick: Mapping[str, Any] = attrs.Factory(dict)
    needs: tuple[str, ...] = ()
    once: bool = False
    memory: bool = False
    brief: bool = False  # part of --quick and of --check
    default_limits: bool = False
    settings: Settings = attrs.Factory(dict)
    peers: tuple[str, ...] = ()
    all_cores: bool = False
