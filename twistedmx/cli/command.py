"""What a command is, and what it is given."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

import attrs

from twistedmx.cli import control
from twistedmx.cli.terminal import Terminal
from twistedmx.cli.where import VARIABLE, config_of, socket_of
from twistedmx.cli.world import World


class Status(IntEnum):
    """How a command ends."""

    GOOD = 0
    NO = 1  # the answer is no, or there are faults
    UNABLE = 2  # usage, or the server cannot be reached


@attrs.frozen(kw_only=True)
class Call:
    """One call of a command. `options`: what the command line said."""

    options: Namespace
    terminal: Terminal
    world: World

    @property
    def config(self) -> str:
        """The settings file."""
        return config_of(self._named, self.world.environment)

    @property
    def config_is_named(self) -> bool:
        """Did anybody say which one?"""
        return bool(self._named or self.world.environment.get(VARIABLE))

    def ask(self, command: str, arguments: Mapping[str, Any] | None = None, *, within: float = control.SECONDS) -> Any:
        """The running server; `within`: seconds of silence. Raises control.Refused, control.NoServer and control.Unreachable."""
        path = self.options.socket or socket_of(self.config, named=self.config_is_named)
        return control.ask(path, command, arguments, within=within)

    @property
    def _named(self) -> str | None:
        named: str | None = getattr(self.options, "file", None) or self.options.config
        return named


@attrs.frozen(kw_only=True)
class Command:
    """`name`: as it is called. `what`: one line of help; `about`: some more. `example`: a call and what it prints. `run`: does
    it; raises what `Call.ask` does. `options`: adds those of its own.
    """

    name: str
    what: str
    about: str
    example: str
    run: Callable[[Call], Status]
    options: Callable[[ArgumentParser], None] = lambda parser: None
