"""What takes minutes is played once: where several Pythons are tried, with one of them (tox.ini)."""

import os
from unittest import SkipTest


def with_one_python() -> None:
    """For setUp."""
    if os.environ.get("TWISTEDMX_PROCESSES") == "few":
        raise SkipTest("several processes are played with another Python; unset TWISTEDMX_PROCESSES")
