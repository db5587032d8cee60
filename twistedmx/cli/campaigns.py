"""Campaigns and shapes, as an operator reads them: what many hosts have in common."""

from collections.abc import Mapping
from typing import Any

from twistedmx.cli.times import length


def line_of(campaign: Mapping[str, Any]) -> str:
    """One campaign, as a server told it."""
    return f"{campaign['fingerprint']}: {of_many(campaign)}, last {length(campaign['age'])} ago"


def of_many(tally: Mapping[str, Any]) -> str:
    """What is known of a campaign, or of a shape."""
    if "hosts" not in tally:
        return "no more is known of it"
    return f"{counts(tally)}, of about {tally['hosts']} hosts in {tally['networks']} networks"


def counts(told: Mapping[str, Any]) -> str:
    """Of sessions and messages."""
    return f"good {told['good']:.1f}, bad {told['bad']:.1f}"
