"""What one peer says, as a generator: it yields lines and is sent the answers.

Behind an answer of 354 what is yielded is the content. The greeting is not the script's: it begins when there was a 220. What it
returns says whether who attacks comes back at once; nobody asks an innocent.
"""

from collections.abc import Generator
from random import Random
from typing import TypeAlias

import attrs

from twistedmx.drill.hosts import Host
from twistedmx.smtp.client import Answer

Script: TypeAlias = Generator[bytes, Answer, bool]


@attrs.frozen(kw_only=True)
class Visit:
    """One session of `host`. `domain`: whose names are guessed. `unknown`: the address of siege 3. `chance`: the host's."""

    host: Host
    domain: bytes
    unknown: bytes
    chance: Random


@attrs.frozen(kw_only=True)
class Errand:
    """One transaction of an innocent `host`, the `number`-th. `recipients`: real ones. `unknown`: an address that is none."""

    host: Host
    siege: int
    number: int
    recipients: tuple[bytes, ...]
    unknown: bytes


class Failed(Exception):
    """A script has not got what it came for. The text: what was said, and what was answered."""
