"""Transactions of one session that were nothing but guesses, one behind the other, as they are told together.

A flood of them comes in packets of whole transactions (policy.short_way). A `Transaction` for each, kept until it is told, would
be made of memory that no cache holds (benchmarks, reject-580-pipelined).
"""

from twistedmx.policy.recipient import NOBODY
from twistedmx.policy.refusals import Refusals
from twistedmx.smtp.path import Path


class Guesses:
    """`transactions`: how many. All else as of a `Transaction`."""

    __slots__ = ("refusals", "reverse_paths", "transactions")

    flooded = 0
    is_flooded = False

    def __init__(self, reverse_path: Path, addresses: list[bytes]) -> None:
        self.transactions = 1
        self.reverse_paths = [reverse_path]
        self.refusals = Refusals()
        self.refusals.add_run(NOBODY, addresses)

    def add(self, reverse_path: Path, addresses: list[bytes]) -> None:
        """Another one."""
        self.transactions += 1
        if reverse_path != self.reverse_paths[-1]:
            self.reverse_paths.append(reverse_path)
        self.refusals.add_another(addresses)
